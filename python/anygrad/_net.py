"""``Net``: a net by the names of its layers, loss, optimizer and schedule."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from . import _anygrad, _data, _recipe
from ._run import Run, labels, observer, rows_of, train


class Net:
    """A net by its layers, loss, optimizer and schedule, as the program's config file names them.

    Parameters
    ----------
    layers : list of str or dict, optional
        Such as ``["linear 64", "relu", "dropout 0.1", "linear 10"]``, or the tables of a config file. Without, a hidden
        layer of 64 with ReLU, and as many outputs as the target needs.
    loss : str or dict, optional
        Such as ``"cross_entropy"``; what fits the target, if not given.
    optimizer : str or dict, default="adamw"
        Such as ``"sgd"`` or ``{"kind": "sgd", "learning_rate": 0.1}``.
    schedule : str or dict, default="cosine"
        How the learning rate changes over the run.
    epochs : int, optional
        Passes over the rows; 100, fewer of many rows, if not given.
    batch_size : int or "full", default=64
        Rows of a step.
    seed : int, default=0
        Decides initial values, the order of rows and dropout.
    device : str, default="auto"
        ``"auto"``, ``"cpu"``, ``"gpu"``, a place in ``anygrad.devices()``, or a part of a name.
    recipe : dict or path, optional
        A whole config file, as a dictionary or its path; what is given beside it counts more.

    Attributes
    ----------
    history_ : list of dict
        The report of each epoch.
    weights_hash_ : str
        Tells sets of weights apart; the program's, for the same rows, seed and recipe.
    recipe_ : dict
        All settings of the run.

    Examples
    --------
    >>> import numpy as np
    >>> from anygrad import Net
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    >>> net = Net(["linear 8", "tanh", "linear 2"], optimizer={"kind": "adam", "learning_rate": 0.1}, epochs=100)
    >>> net.fit(X, ["no", "yes", "yes", "no"]).predict(X).tolist()
    ['no', 'yes', 'yes', 'no']
    """

    def __init__(
        self,
        layers: list[Any] | None = None,
        loss: Any = None,
        optimizer: Any = None,
        schedule: Any = None,
        *,
        epochs: int | None = None,
        batch_size: Any = None,
        seed: int | None = None,
        device: str | None = None,
        recipe: Any = None,
    ):
        own = {"data": {"source": "memory", "test_fraction": 0.0}}
        if recipe is not None:
            own = _recipe.merged(_recipe.loaded(recipe), own)
        if layers is not None:
            own["layers"] = [_recipe.layer(layer) for layer in ([layers] if isinstance(layers, str) else layers)]
        tables = {"loss": _recipe.table(loss), "schedule": None if schedule is None else _recipe.schedule(schedule)}
        tables["optimizer"] = None if optimizer is None else _recipe.optimizer(optimizer)
        own.update({name: table for name, table in tables.items() if table is not None})
        train = dict(own.get("train", {}))
        if epochs is not None:
            train["epochs"] = _recipe.whole("epochs", epochs, 0)
        if batch_size is not None:
            train["batch_size"] = _recipe.batch_size(batch_size)
        own["train"] = train
        if seed is not None:
            own["seed"] = _recipe.seed(seed)
        if device is not None:
            own["device"] = str(device)
        # What is wrong with a setting is said here, not when the rows are there.
        self._recipe = json.loads(_anygrad.recipe(_recipe.text(own)))
        self._run: Run | None = None
        self._names: np.ndarray | None = None
        self._width = 0
        self._classes: np.ndarray | None = None

    # --- training -----------------------------------------------------------------------------------------------------

    def _prepared(self, X: Any, y: Any, categorical: Any = None) -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
        """Columns, targets, the recipe with what the rows decide, and what is to be remembered of them."""
        X = _data.as_rows(X)
        rows, width = _data.shape(X)
        _data.check_size(rows, width, 1)
        names = _data.column_names(X)
        own = _target(y, rows)
        recipe = json.loads(json.dumps(self._recipe))
        data = recipe["data"]
        if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
            data["features"] = _all_names(names, width)
        if categorical:
            data["categorical"] = [str(name) for name in categorical]
        kind = (recipe.get("loss") or {}).get("kind", "")
        takes_values = kind.endswith("_error") or kind == "huber" or data.get("task") in ("values", "labels")
        is_text = own.dtype.kind in "OUSb"
        looks_like_classes = is_text or (own.dtype.kind in "iu" and len(np.unique(own)) <= 20)
        is_classes = own.ndim == 1 and not takes_values and (looks_like_classes or kind in _CLASS_LOSSES)
        target = _data.target_names(y, 1 if own.ndim == 1 else own.shape[1])
        if is_classes:
            classes = _all_classes(own)
        else:
            classes = None
        columns = rows_of(X, _all_names(names, width), data.get("categorical", []))
        remembered = {"_names": names, "_width": width, "_classes": classes}
        return columns, _targets(target, own, classes), recipe, remembered

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        validation_data: Any = None,
        categorical: Any = None,
        callbacks: Any = None,
        verbose: bool = False,
    ) -> Net:
        """Train.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Numbers; of frames also texts, categories, truth values, times, and missing cells.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Classes: texts, or whole numbers of which at most 20 differ. Else numbers. ``recipe`` can say
            ``{"data": {"task": "values"}}``.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts.
        validation_data : tuple (X, y) or (X, y, sample_weight), optional
            Rows that are watched while training.
        categorical : list of str, optional
            Columns of categories, whatever they look like.
        callbacks : callable or list of callables, optional
            Each is called with the report of each epoch, a dict; one that returns true ends the run.
        verbose : bool, default=False
            Whether a line is printed for each epoch.

        Returns
        -------
        self
        """
        columns, targets, recipe, remembered = self._prepared(X, y, categorical)
        rows = len(_data.as_target(y, "Net"))
        weights = _data.as_weights(sample_weight, rows)
        validation = None
        if validation_data is not None:
            validation = _validation(validation_data, recipe, **remembered)
        most = recipe["train"].get("epochs")
        told = observer(callbacks, verbose, most)
        self._run = train(recipe, columns, targets, weights, validation, on_epoch=told)
        self.__dict__.update(remembered)
        return self

    # --- what came of it ----------------------------------------------------------------------------------------------

    def _fitted(self) -> Run:
        if self._run is None:
            from ._base import not_fitted

            raise not_fitted(self)
        return self._run

    @property
    def history_(self) -> list[dict[str, Any]]:
        return self._fitted().epochs

    @property
    def weights_hash_(self) -> str:
        return self._fitted().model.weights_hash()

    @property
    def recipe_(self) -> dict[str, Any]:
        return self._fitted().description["recipe"]

    @property
    def classes_(self) -> np.ndarray:
        self._fitted()
        if self._classes is None:
            raise AttributeError("this net puts out numbers, not classes")
        return self._classes

    def outputs(self, X: Any) -> np.ndarray:
        """Logits of classes, or values.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows like those of training.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float32
        """
        run = self._fitted()
        X = _checked(X, self._names, self._width)
        columns = rows_of(X, _all_names(self._names, self._width), [], run.model)
        return run.model.outputs(columns, self._recipe.get("device", "auto"))

    def predict(self, X: Any) -> np.ndarray:
        """Classes, or values.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows like those of training.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self.outputs(X)
        if self._classes is None:
            return outputs[:, 0] if outputs.shape[1] == 1 else outputs
        if outputs.shape[1] == 1:
            return self._classes[(outputs[:, 0] > 0).astype(int)]
        return self._classes[outputs.argmax(axis=1)]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as the program's file.

        Parameters
        ----------
        path : str or path
            Where; ``anygrad predict`` takes it.
        """
        self._fitted().model.save(os.fspath(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Net:
        """Read a model that ``save`` or the program wrote.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        Net
        """
        run = Run.load(path)
        own = cls(recipe={**run.description["recipe"], "from": None})
        names, classes = run.description["columns"] or run.description["feature_names"], run.description["classes"]
        own._run, own._width = run, len(names)
        own._names = None if names == _all_names(None, len(names)) else np.asarray(names, dtype=object)
        own._classes = None if classes is None else _data.typed(classes)
        return own

    def __repr__(self) -> str:
        if self._run is not None:
            return f"<Net {self._run.description['architecture']}>"
        layers = self._recipe.get("layers")
        return f"Net({layers!r})" if layers else "Net()"


_CLASS_LOSSES = ("cross_entropy", "hinge", "perceptron")


def _all_names(names: np.ndarray | None, width: int) -> list[str]:
    return [f"x{i}" for i in range(width)] if names is None else [str(name) for name in names]


def _checked(X: Any, names: np.ndarray | None, width: int) -> Any:
    """X as rows, whose columns are those of training."""
    X = _data.as_rows(X)
    _data.check_names(_data.column_names(X), names, "Net")
    if _data.shape(X)[1] != width:
        raise ValueError(f"X has {_data.shape(X)[1]} features, but Net is expecting {width} features as input.")
    return X


def _target(y: Any, rows: int) -> np.ndarray:
    own = _data.as_target(y, "Net")
    if own.ndim == 2 and own.shape[1] == 1:
        own = own[:, 0]
    _data.check_lengths(rows, own)
    return own


def _all_classes(y: np.ndarray) -> np.ndarray:
    try:
        return np.unique(y)
    except TypeError:
        return np.unique(y.astype(str))


def _targets(names: list[str], y: np.ndarray, classes: np.ndarray | None) -> Any:
    if classes is not None:
        y = y.astype(str) if classes.dtype.kind == "U" else y
        return _anygrad.Targets.of_classes(names[0], [str(label) for label in classes], labels(classes, y))
    try:
        values = np.ascontiguousarray(y.reshape(len(y), -1), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("y must be numbers: the loss, the task or its several columns say that it is no class") from None
    return _anygrad.Targets.of_values(names, values, "y")


def _validation(given: Any, recipe: dict[str, Any], _names: Any, _width: int, _classes: Any) -> tuple[Any, Any, Any]:
    try:
        X, y, *rest = given
    except (TypeError, ValueError):
        raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)") from None
    X = _checked(X, _names, _width)
    own = _target(y, _data.shape(X)[0])
    names = _data.target_names(y, 1 if own.ndim == 1 else own.shape[1])
    columns = rows_of(X, _all_names(_names, _width), recipe["data"].get("categorical", []))
    return columns, _targets(names, own, _classes), _data.as_weights(rest[0] if rest else None, len(own))

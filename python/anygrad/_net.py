"""A net and its runs: what the estimators and ``Net`` have in common, and ``Net`` itself."""

from __future__ import annotations

import json
import os
from typing import Any, Callable

import numpy as np

from . import _anygrad, _data, _recipe


class Run:
    """The state of a net: the model, what happened, and where it can be gone on from."""

    def __init__(self, model: Any, happened: dict[str, Any], snapshot: bytes | None):
        self.model = model
        self.happened = happened
        self.snapshot = snapshot

    @property
    def epochs(self) -> list[dict[str, Any]]:
        return self.happened["epochs"]

    @property
    def description(self) -> dict[str, Any]:
        if not hasattr(self, "_description"):
            self._description = json.loads(self.model.description())
        return self._description

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model.to_bytes(), "happened": self.happened, "snapshot": self.snapshot}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(_anygrad.Model.from_bytes(state["model"]), state["happened"], state["snapshot"])

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Run:
        model = _anygrad.Model.load(os.fspath(path))
        run = Run(model, {"epochs": [], "model_epoch": 0, "most_epochs": 0}, None)
        metrics = run.description.get("metrics")
        run.happened["epochs"] = [metrics] if isinstance(metrics, dict) else []
        return run


def rows_of(X: Any, names: list[str], categorical: list[str], model: Any = None) -> Any:
    """Columns for the library."""
    return _data.columns(X, names, categorical, model)


def train(
    recipe: dict[str, Any],
    columns: Any,
    targets: Any,
    weights: np.ndarray | None = None,
    validation: tuple[Any, Any, np.ndarray | None] | None = None,
    before: Run | None = None,
    until: int | None = None,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    from_weights: bool = False,
) -> Run:
    """Trains, or goes on with the run before."""

    def asked(report: str) -> bool:
        return bool(on_epoch(json.loads(report))) if on_epoch else False

    if validation is not None:
        validation = (validation[0], validation[1], _in_32_bits(validation[2]))
    snapshot = None if before is None or from_weights else before.snapshot
    model, happened, snapshot = _anygrad.fit(
        json.dumps(recipe),
        columns,
        targets,
        _in_32_bits(weights),
        validation,
        None if before is None else before.model,
        snapshot,
        until,
        asked if on_epoch else None,
        from_weights,
    )
    return Run(model, json.loads(happened), snapshot)


def _in_32_bits(weights: np.ndarray | None) -> np.ndarray | None:
    return None if weights is None else np.ascontiguousarray(weights, dtype=np.float32)


def labels(classes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The positions of targets among sorted classes; an unknown one is refused."""
    at = np.searchsorted(classes, y)
    at[at == len(classes)] = 0
    unknown = classes[at] != y
    if unknown.any():
        first = np.asarray(y)[unknown].tolist()[0]
        raise ValueError(f"y has the class {first!r}, which is none of {classes.tolist()}")
    return at.astype(np.uint32)


def line(report: dict[str, Any], most: int) -> str:
    """A report of an epoch as a line."""
    parts = [f"epoch {report['epoch']}/{most}", f"loss {report['train_loss']:.6f}"]
    for name, text in (("train_accuracy", "accuracy"), ("validation_loss", "validation loss")):
        if report.get(name) is not None:
            parts.append(f"{text} {report[name]:.4f}")
    if report.get("validation_accuracy") is not None:
        parts.append(f"validation accuracy {report['validation_accuracy']:.4f}")
    return "  ".join(parts)


def observer(callbacks: Any, verbose: Any, most: int | None) -> Callable[[dict[str, Any]], bool] | None:
    """What is told of each epoch, and decides whether to stop: callbacks, and lines if they are asked for."""
    own = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
    for callback in own:
        if not callable(callback):
            raise TypeError(f"callbacks: {callback!r} cannot be called")
    if not own and not verbose:
        return None

    def told(report: dict[str, Any]) -> bool:
        if verbose:
            print(line(report, most or report["epoch"]), flush=True)
        # All are told, also behind one that wants to stop.
        return any([bool(callback(report)) for callback in own])

    return told


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
            own["layers"] = [_recipe.layer(layer) for layer in layers]
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
        self._recipe = json.loads(_anygrad.recipe(json.dumps(own)))
        self._run: Run | None = None
        self._classes: np.ndarray | None = None

    # --- training -----------------------------------------------------------------------------------------------------

    def _prepared(self, X: Any, y: Any, categorical: Any = None) -> tuple[Any, Any, dict[str, Any]]:
        """Columns, targets, and the recipe with what the rows decide."""
        X = _data.as_rows(X)
        rows, width = _data.shape(X)
        _data.check_size(rows, width, 1)
        names = _data.column_names(X)
        self._names = [f"x{i}" for i in range(width)] if names is None else list(names)
        own = _data.as_target(y, "Net")
        _data.check_lengths(rows, own)
        recipe = json.loads(json.dumps(self._recipe))
        data = recipe["data"]
        if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
            data["features"] = [*self._names]
        if categorical:
            data["categorical"] = [str(name) for name in categorical]
        kind = (recipe.get("loss") or {}).get("kind", "")
        takes_values = kind.endswith("_error") or kind == "huber" or data.get("task") in ("values", "labels")
        is_text = own.dtype.kind in "OUSb"
        looks_like_classes = is_text or (own.dtype.kind in "iu" and len(np.unique(own)) <= 20)
        is_classes = own.ndim == 1 and not takes_values and (looks_like_classes or kind in _CLASS_LOSSES)
        target = _data.target_names(y, 1 if own.ndim == 1 else own.shape[1])
        if is_classes:
            self._classes = np.unique(own.astype(str) if own.dtype.kind == "O" else own)
            codes = labels(self._classes, own.astype(str) if own.dtype.kind == "O" else own)
            targets = _anygrad.Targets.of_classes(target[0], [str(c) for c in self._classes], codes)
        else:
            self._classes = None
            values = np.ascontiguousarray(own.reshape(rows, -1), dtype=np.float64)
            targets = _anygrad.Targets.of_values(target, values, "y")
        columns = rows_of(X, self._names, data.get("categorical", []))
        return columns, targets, recipe

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
        columns, targets, recipe = self._prepared(X, y, categorical)
        rows = len(_data.as_target(y, "Net"))
        weights = _data.as_weights(sample_weight, rows)
        validation = None
        if validation_data is not None:
            kept = self._names, self._classes
            Xv, yv, *rest = validation_data
            columns_v, targets_v = self._validation(Xv, yv, recipe)
            self._names, self._classes = kept
            validation = (columns_v, targets_v, _data.as_weights(rest[0] if rest else None, len(yv)))
        most = recipe["train"].get("epochs")
        told = observer(callbacks, verbose, most)
        self._run = train(recipe, columns, targets, weights, validation, on_epoch=told)
        return self

    def _validation(self, X: Any, y: Any, recipe: dict[str, Any]) -> tuple[Any, Any]:
        X = _data.as_rows(X)
        own = _data.as_target(y, "Net")
        _data.check_lengths(_data.shape(X)[0], own)
        names = _data.target_names(y, 1 if own.ndim == 1 else own.shape[1])
        if self._classes is not None:
            codes = labels(self._classes, own.astype(str) if own.dtype.kind == "O" else own)
            targets = _anygrad.Targets.of_classes(names[0], [str(c) for c in self._classes], codes)
        else:
            values = np.ascontiguousarray(own.reshape(len(own), -1), dtype=np.float64)
            targets = _anygrad.Targets.of_values(names, values, "y")
        return rows_of(X, self._names, recipe["data"].get("categorical", [])), targets

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
        X = _data.as_rows(X)
        columns = rows_of(X, self._names, [], run.model)
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
        own._run, own._names = run, run.description["columns"] or run.description["feature_names"]
        classes = run.description["classes"]
        own._classes = None if classes is None else np.asarray(classes)
        return own

    def __repr__(self) -> str:
        if self._run is not None:
            return f"<Net {self._run.description['architecture']}>"
        layers = self._recipe.get("layers")
        return f"Net({layers!r})" if layers else "Net()"


_CLASS_LOSSES = ("cross_entropy", "hinge", "perceptron")

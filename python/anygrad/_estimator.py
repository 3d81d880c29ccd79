"""What both estimators have in common: from parameters to a recipe, from rows to a run, and what is told of it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from . import _data, _recipe
from ._base import Estimator
from ._run import Run, observer, rows_of, train


class AnygradEstimator(Estimator):
    """What both estimators have in common."""

    _run: Run | None

    # --- parameters ---------------------------------------------------------------------------------------------------

    def _settings(self, outputs: int, rows: int) -> dict[str, Any]:
        """The recipe of the parameters, for a net of so many outputs."""
        # With a recipe those parameters count that differ from their defaults. A class that a user derives from this one may
        # have others.
        known = next(own for own in type(self).__mro__ if own.__module__.startswith(__package__))._defaults()
        counts = set(self._changed(known)) if self.recipe is not None else set(known)

        def table(**settings: tuple[str, Any]) -> dict[str, Any]:
            return {key: value for key, (name, value) in settings.items() if name in counts and value is not None}

        batch = _recipe.batch_size(self.batch_size)
        per_batch = rows if batch == "full" else min(int(batch), rows)
        l2 = _recipe.penalty("l2", self.l2) + _recipe.penalty("alpha", self.alpha) / (2 * per_batch)
        own = table(seed=("random_state", self._seed), device=("device", str(self.device)))
        own["data"] = {
            **table(
                missing=("missing", self.missing),
                scaling=("scaling", self.scaling),
                most_categories=("most_categories", self.most_categories),
                validation_fraction=("validation_fraction", self._validation_fraction()),
            ),
            "source": "memory",
            "test_fraction": 0.0,
        }
        if self.layers is not None:
            own["layers"] = [_recipe.layer(layer) for layer in self.layers]
        elif {"hidden_layer_sizes", "activation", "dropout"} & counts:
            hidden = _recipe.widths(self.hidden_layer_sizes)
            own["layers"] = _recipe.layers(hidden, self.activation, self.dropout, outputs)
        if {"solver", "learning_rate_init", "weight_decay", "momentum", "beta_1", "beta_2", "epsilon"} & counts:
            own["optimizer"] = _recipe.optimizer(self.solver, self.learning_rate_init, **self._options())
        if "learning_rate" in counts:
            own["schedule"] = _recipe.schedule(self.learning_rate)
        if "reproducible" in counts and self.reproducible:
            own["reproducible"] = True
        own["regularization"] = table(
            l1=("l1", _recipe.number("l1", self.l1) or None),
            max_grad_norm=("max_grad_norm", self.max_grad_norm),
            max_grad_value=("max_grad_value", self.max_grad_value),
        )
        if l2:
            own["regularization"]["l2"] = l2
        epochs = None if self.max_iter is None else _recipe.whole("max_iter", self.max_iter, 0)
        own["train"] = table(
            epochs=("max_iter", epochs),
            batch_size=("batch_size", batch),
            shuffle=("shuffle", bool(self.shuffle)),
            on_divergence=("on_divergence", self.on_divergence),
        )
        if self.early_stopping:
            patience = _recipe.whole("n_iter_no_change", self.n_iter_no_change)
            delta = _recipe.number("tol", self.tol)
            own["train"]["early_stopping"] = {"patience": patience, "min_delta": delta}
        if self.recipe is not None:
            own = _recipe.merged({"seed": self._seed, **_recipe.loaded(self.recipe)}, own)
        own.setdefault("data", {})
        return own

    def _validation_fraction(self) -> float | None:
        if not self.early_stopping or self._has_validation:
            return None
        return _recipe.number("validation_fraction", self.validation_fraction)

    def _options(self) -> dict[str, Any]:
        """Options of the optimizer that it has and that were given."""
        kind = self.solver.get("kind") if isinstance(self.solver, dict) else self.solver
        own: dict[str, Any] = {}
        if self.weight_decay is not None:
            own["weight_decay"] = _recipe.number("weight_decay", self.weight_decay)
        if kind in ("sgd", "rmsprop") and self.momentum is not None:
            own["momentum"] = _recipe.number("momentum", self.momentum)
        if kind == "sgd" and self.nesterovs_momentum:
            own["nesterov"] = True
        if kind in ("adam", "adamw"):
            moments = {"beta1": self.beta_1, "beta2": self.beta_2, "epsilon": self.epsilon}
            defaults = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
            own.update({name: value for name, value in moments.items() if value != defaults[name]})
        return own

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _check_X(self, X: Any, reset: bool, least: int = 1) -> Any:
        """X as rows, whose names and number of columns are those of training."""
        X = _data.as_rows(X)
        rows, width = _data.shape(X)
        names = _data.column_names(X)
        _data.check_size(rows, width, least)
        if reset:
            self.n_features_in_ = width
            if names is not None:
                self.feature_names_in_ = names
            elif hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            return X
        _data.check_names(names, getattr(self, "feature_names_in_", None), type(self).__name__)
        if width != self.n_features_in_:
            own = type(self).__name__
            message = f"X has {width} features, but {own} is expecting {self.n_features_in_} features as input."
            raise ValueError(message)
        return X

    def _names(self) -> list[str]:
        known = getattr(self, "feature_names_in_", None)
        return [f"x{i}" for i in range(self.n_features_in_)] if known is None else [str(name) for name in known]

    def _categorical(self, what: Any, option: str) -> list[str]:
        """Names of columns, which may be given by their positions."""
        names = self._names()
        own = []
        for column in [what] if isinstance(what, (str, int, np.integer)) else what:
            if isinstance(column, (int, np.integer)) and not isinstance(column, bool):
                if not -len(names) <= column < len(names):
                    raise ValueError(f"{option} = {column}: there are {len(names)} columns, counted from 0")
                column = names[column]
            own.append(str(column))
        return own

    # --- training -----------------------------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any,
        goes_on: bool,
        epochs: int | None = None,
        classes: np.ndarray | None = None,
    ) -> Any:
        """Trains; `goes_on` says whether from where the last run has ended. The estimator changes only if all goes well."""
        new = type(self)(**self.get_params())
        before = getattr(self, "_run", None) if goes_on else None
        if before is not None:
            new.__dict__.update(self._state())
        new._given_classes = classes
        run = new._trained(X, y, sample_weight, validation_data, before, epochs)
        for name in self._state():
            delattr(self, name)
        self.__dict__.update(new._state())
        self._run = run
        self._tell(run)
        return self

    def _state(self) -> dict[str, Any]:
        """What fitting has set."""
        own = ("_run", "_seed", "_has_validation", "_given_classes", "_target_names", "_is_multilabel")
        return {name: value for name, value in vars(self).items() if name.endswith("_") or name in own}

    def _trained(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any,
        before: Run | None,
        epochs: int | None,
    ) -> Run:
        self._has_validation = validation_data is not None
        X = self._check_X(X, reset=before is None, least=2 if before is None else 1)
        rows = _data.shape(X)[0]
        y = self._check_y(y, rows, known=before is not None)
        weights = _data.as_weights(sample_weight, rows)
        if weights is not None and not (weights > 0).any():
            raise ValueError("all sample weights are zero: give one row a weight above 0")
        self._check_weights(y, weights)
        if before is None:
            self._seed = _recipe.seed(self.random_state)
        settings = self._settings(self._outputs(), rows)
        if before is None and self.random_state is None:
            # That of a recipe; without one it is the one that was drawn.
            self._seed = settings["seed"]
        settings["seed"] = self._seed
        X, y, weights = _one_batch(X, y, weights, settings["train"].get("batch_size", 64))
        self._name_columns(X, settings["data"])
        self._name_task(settings)
        until = None
        if before is not None or epochs is not None:
            until = self._go_on(settings, before, epochs)
        categorical = settings["data"].get("categorical", [])
        model = None if before is None else before.model
        columns = rows_of(X, self._names(), categorical, model)
        validation = None
        if validation_data is not None:
            validation = self._validation(validation_data, categorical, model)
        most = settings["train"].get("epochs")
        on_epoch = observer(self.callbacks, self.verbose, most)
        return train(settings, columns, self._targets(y), weights, validation, before, until, on_epoch)

    def _name_columns(self, X: Any, data: dict[str, Any]) -> None:
        """What is said of columns. Of an array each is taken as it is: nothing is left out because of what it looks like."""
        lists = {"categorical": self.categorical, "numeric": self.numeric, "drop": self.drop}
        for option, own in lists.items():
            if own is not None:
                data[option] = self._categorical(own, option)
        if isinstance(X, np.ndarray):
            data["features"] = [name for name in self._names() if name not in data.get("drop", [])]

    def _go_on(self, settings: dict[str, Any], before: Run | None, epochs: int | None) -> int:
        """Sets how many epochs the run has, and returns behind which it ends."""
        # A run that goes on from weights alone counts its epochs anew.
        done = 0 if before is None or before.snapshot is None else len(before.epochs)
        named = settings["train"].get("epochs")
        if epochs is None:
            more = named if named is not None else before.happened["first_epochs"]
            settings["train"]["epochs"] = done + more
            return done + more
        if named is None and settings.get("schedule", {}).get("kind") == "cosine":
            # Nobody knows how long it will go on: there is no way down.
            settings["schedule"] = {"kind": "constant"}
        settings["train"]["epochs"] = max(named or 0, done + epochs)
        return done + epochs

    def _validation(self, given: Any, categorical: list[str], model: Any) -> tuple[Any, Any, np.ndarray | None]:
        try:
            X, y, *rest = given
        except (TypeError, ValueError):
            raise ValueError("validation_data must be (X, y) or (X, y, sample_weight)") from None
        X = self._check_X(X, reset=False)
        y = self._check_y(y, _data.shape(X)[0], known=True)
        weights = _data.as_weights(rest[0] if rest else None, len(y))
        return rows_of(X, self._names(), categorical, model), self._targets(y), weights

    def _tell(self, run: Run) -> None:
        """What scikit-learn's nets tell of a run."""
        epochs = run.epochs
        run.happened.setdefault("first_epochs", run.happened["most_epochs"])
        self.loss_curve_ = [report["train_loss"] for report in epochs]
        self.loss_ = self.loss_curve_[-1] if epochs else None
        self.best_loss_ = min(self.loss_curve_, default=None)
        self.n_iter_ = epochs[-1]["epoch"] if epochs else 0
        self.t_ = run.happened["steps"]
        self.validation_scores_ = self._validation_scores(run)
        if self.validation_scores_ is not None:
            self.best_validation_score_ = max(self.validation_scores_)
        self.n_outputs_ = run.description["outputs"]
        self.n_layers_ = 1 + sum(name.endswith("weight") for name, _ in run.model.tensors())
        self.history_ = epochs
        self.device_ = run.happened["device"]
        self.decisions_ = run.happened["decisions"]

    # --- the model ----------------------------------------------------------------------------------------------------

    def _raw(self, X: Any) -> np.ndarray:
        self._check_is_fitted()
        X = self._check_X(X, reset=False)
        columns = rows_of(X, self._names(), [], self._run.model)
        return self._run.model.outputs(columns, self.device)

    @property
    def weights_hash_(self) -> str:
        """Tells sets of weights apart: the program's hash, for the same rows, seed and recipe."""
        self._check_is_fitted()
        return self._run.model.weights_hash()

    @property
    def recipe_(self) -> dict[str, Any]:
        """All settings of the run, as the program's config file states them."""
        self._check_is_fitted()
        return self._run.description["recipe"]

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of each layer, of shape (inputs, outputs)."""
        self._check_is_fitted()
        return [own.T for name, own in self._run.model.tensors() if name.endswith("weight")]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of each layer."""
        self._check_is_fitted()
        return [own for name, own in self._run.model.tensors() if name.endswith("bias")]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as the program's file.

        Parameters
        ----------
        path : str or path
            Where; ``anygrad predict`` and ``anygrad eval`` take it.
        """
        self._check_is_fitted()
        self._run.model.save(os.fspath(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Any:
        """Read a model that ``save`` or the program wrote.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        estimator
            It predicts, and goes on from the weights by ``warm_start``; what an optimizer keeps is not in the file.
        """
        run = Run.load(path)
        columns = run.description["columns"] or run.description["feature_names"]
        recipe = run.description["recipe"]
        if columns == [f"x{i}" for i in range(len(columns))]:
            # Columns of an array, which have no names; other rows to train on may have some.
            recipe = {**recipe, "data": {k: v for k, v in recipe["data"].items() if k != "features"}}
        own = cls(recipe=recipe)
        own._adopt(run)
        own.n_features_in_ = len(columns)
        if columns != [f"x{i}" for i in range(len(columns))]:
            own.feature_names_in_ = np.asarray(columns, dtype=object)
        own._run = run
        run.happened.update(device="", decisions=[], steps=0)
        own._seed = run.description["recipe"]["seed"]
        own._tell(run)
        return own

    def export(self, path: str | os.PathLike[str], to: str = "onnx") -> list[str]:
        """Write the model for other programs.

        Parameters
        ----------
        path : str or path
            The first file's name.
        to : {"onnx", "c", "rust", "javascript", "html", "safetensors"}, default="onnx"
            What it becomes.

        Returns
        -------
        list of str
            The names of the files.
        """
        self._check_is_fitted()
        return [os.fspath(file) for file in self._run.model.export(to, os.fspath(path))]

    def to_onnx(self) -> bytes:
        """The model as an ONNX file, its preprocessing inside.

        Returns
        -------
        bytes
            The file's content.
        """
        self._check_is_fitted()
        return self._run.model.exported("onnx")


def _one_batch(X: Any, y: np.ndarray, weights: np.ndarray | None, batch: Any) -> tuple[Any, np.ndarray, Any]:
    """Where one batch holds all rows, a step is a sum over them: a weight of 2 is the row twice, in whatever order.

    There whole weights become rows, and rows that come several times are brought into an order of their own, so that both
    ways to say it come to the same bits. Elsewhere weights weigh the loss, and rows keep their order.
    """
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "biuf" or y.ndim != 1:
        return X, y, weights
    if batch == "full" or len(X) > int(batch):
        return X, y, weights
    if weights is not None:
        if (weights != np.round(weights)).any() or not 0 < weights.sum() <= int(batch):
            return X, y, weights
        at = np.repeat(np.arange(len(X)), weights.astype(np.int64))
    else:
        at = np.arange(len(X))
        keys = np.column_stack([X, y]) if y.dtype.kind in "biuf" else X
        if len(np.unique(keys, axis=0)) == len(keys):
            return X, y, weights
    X, y = X[at], y[at]
    code = y if y.dtype.kind in "biuf" else np.unique(y, return_inverse=True)[1]
    order = np.lexsort(np.column_stack([code, X[:, ::-1]]).T)
    return X[order], y[order], None

"""``AnygradRegressor``, in the shape of scikit-learn's ``MLPRegressor``."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _anygrad, _data, _recipe
from ._doc import REGRESSOR, documented
from ._estimator import AnygradEstimator
from ._run import Run


@documented(REGRESSOR)
class AnygradRegressor(AnygradEstimator):
    _estimator_type = "regressor"

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        activation="relu",
        *,
        solver="adamw",
        alpha=0.0,
        batch_size=64,
        learning_rate="cosine",
        learning_rate_init=None,
        max_iter=None,
        shuffle=True,
        random_state=None,
        tol=0.0,
        verbose=False,
        warm_start=False,
        momentum=None,
        nesterovs_momentum=False,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        weight_decay=None,
        dropout=0.0,
        l1=0.0,
        l2=0.0,
        max_grad_norm=None,
        max_grad_value=None,
        loss=None,
        layers=None,
        device="auto",
        missing="indicator",
        scaling="standard",
        most_categories=50,
        categorical=None,
        numeric=None,
        drop=None,
        on_divergence="stop",
        reproducible=False,
        callbacks=None,
        recipe=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.max_grad_norm = max_grad_norm
        self.max_grad_value = max_grad_value
        self.loss = loss
        self.layers = layers
        self.device = device
        self.missing = missing
        self.scaling = scaling
        self.most_categories = most_categories
        self.categorical = categorical
        self.numeric = numeric
        self.drop = drop
        self.on_divergence = on_divergence
        self.reproducible = reproducible
        self.callbacks = callbacks
        self.recipe = recipe

    # --- targets ------------------------------------------------------------------------------------------------------

    def _check_y(self, y: Any, rows: int, known: bool) -> np.ndarray:
        """The target: a number for each row, or several."""
        own = _data.as_target(y, type(self).__name__)
        names = _data.target_names(y, 1 if own.ndim == 1 else own.shape[1])
        is_column = own.ndim == 2 and own.shape[1] == 1
        if is_column and not known:
            _data.warn_column(own)
        own = own[:, 0] if is_column else own
        _data.check_lengths(rows, own)
        try:
            own = own.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"Unknown label type: y of {type(self).__name__} must be numbers") from None
        width = 1 if own.ndim == 1 else own.shape[1]
        if known and width != len(self._target_names):
            raise ValueError(f"y has {width} columns, before it had {len(self._target_names)}")
        if not known:
            self._target_names = names
        return own

    def _check_weights(self, y: np.ndarray, weights: np.ndarray | None) -> None:
        """Any weights do."""

    def _targets(self, y: np.ndarray) -> Any:
        values = np.ascontiguousarray(y.reshape(len(y), -1), dtype=np.float64)
        return _anygrad.Targets.of_values(self._target_names, values, "y")

    def _outputs(self) -> int:
        return len(self._target_names)

    def _name_task(self, settings: dict[str, Any]) -> None:
        settings["data"]["task"] = "values"
        loss = _recipe.table(self.loss)
        if loss is not None:
            settings["loss"] = loss

    def _validation_scores(self, run: Run) -> list[float] | None:
        losses = [report.get("validation_loss") for report in run.epochs]
        if not losses or losses[0] is None:
            return None
        loss, variance = run.description["recipe"]["loss"]["kind"], run.happened.get("validation_variance")
        factor = {"mean_squared_error": 1.0, "half_squared_error": 2.0}.get(loss)
        if factor is None or not variance:
            return [-loss for loss in losses]
        return [1.0 - factor * loss / variance for loss in losses]

    def _adopt(self, run: Run) -> None:
        if run.description["classes"] is not None:
            raise ValueError("this model puts out classes: load it by AnygradClassifier")
        self._target_names = run.description["target"]

    # --- scikit-learn's methods ---------------------------------------------------------------------------------------

    def fit(self, X, y, sample_weight=None, validation_data=None):
        """Train.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Numbers; of frames also texts, categories, truth values, times, and missing cells.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers. They are standardized for training, and come back as they are.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts in the loss.
        validation_data : tuple (X, y) or (X, y, sample_weight), optional
            Rows to watch while training; else a share is held back if ``early_stopping``.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, validation_data, goes_on=bool(self.warm_start))

    def partial_fit(self, X, y, sample_weight=None, epochs=1):
        """Train for one more pass over these rows: as many calls on the same rows as ``fit`` has epochs come to its bits.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows, perhaps others than before.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts in the loss.
        epochs : int, default=1
            Passes over the rows.

        Returns
        -------
        self

        Notes
        -----
        The learning rate follows its schedule over ``max_iter`` epochs. Without ``max_iter`` it stays constant in the place
        of the default's cosine, because nobody knows how long it will go on.
        """
        return self._fit(X, y, sample_weight, None, goes_on=True, epochs=_recipe.whole("epochs", epochs))

    def predict(self, X):
        """Predicted numbers.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows like those of training.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._raw(X).astype(np.float64)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def score(self, X, y, sample_weight=None):
        """R², the mean over the outputs: 1 for right predictions, 0 for the mean.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows like those of training.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True numbers.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts.

        Returns
        -------
        float
        """
        predicted = self.predict(X)
        y = _data.as_target(y, type(self).__name__).astype(np.float64)
        _data.check_lengths(len(predicted), y)
        predicted, y = predicted.reshape(len(y), -1), y.reshape(len(y), -1)
        weights = _data.as_weights(sample_weight, len(y))
        mean = np.average(y, axis=0, weights=weights)
        left = np.average((y - predicted) ** 2, axis=0, weights=weights)
        all_ = np.average((y - mean) ** 2, axis=0, weights=weights)
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = np.where(all_ > 0, 1.0 - left / all_, np.where(left > 0, 0.0, 1.0))
        return float(scores.mean())

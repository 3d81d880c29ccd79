"""``AnygradClassifier``, in the shape of scikit-learn's ``MLPClassifier``."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _anygrad, _data, _recipe
from ._doc import CLASSIFIER, documented
from ._estimator import AnygradEstimator
from ._run import Run, labels


@documented(CLASSIFIER)
class AnygradClassifier(AnygradEstimator):
    _estimator_type = "classifier"

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
        label_smoothing=0.0,
        class_weight=None,
        threshold=None,
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
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.threshold = threshold
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
        """The target: classes, or a column of 0 and 1 for each label."""
        own = _data.as_target(y, type(self).__name__)
        names = _data.target_names(y, 1 if own.ndim == 1 else own.shape[1])
        if own.ndim == 2 and own.shape[1] == 1:
            _data.warn_column(own)
            own = own[:, 0]
        _data.check_lengths(rows, own)
        if own.dtype.kind == "f" and (own != np.round(own)).any():
            raise ValueError("Unknown label type: continuous. Maybe you are trying to fit a classifier to numbers.")
        if own.ndim == 2:
            if not np.isin(own, [0, 1]).all():
                raise ValueError("Unknown label type: multiclass-multioutput. Labels are columns of 0 and 1.")
            own = own.astype(np.int64)
        if known:
            self._check_known(own)
            return own
        self._target_names = names
        self._is_multilabel = own.ndim == 2
        if self._is_multilabel:
            self.classes_ = np.arange(own.shape[1])
            return own
        if self._given_classes is not None:
            self.classes_ = self._given_classes
            labels(self.classes_, own)
            return own
        try:
            self.classes_ = np.unique(own)
        except TypeError:
            kinds = sorted({type(label).__name__ for label in own})
            raise TypeError(f"y has labels of several types, {', '.join(kinds)}: make all of one type") from None
        if len(self.classes_) < 2:
            message = f"{type(self).__name__} needs at least 2 classes, y has one class: {self.classes_.tolist()[0]!r}"
            raise ValueError(message)
        return own

    def _check_known(self, y: np.ndarray) -> None:
        if self._is_multilabel != (y.ndim == 2) or (y.ndim == 2 and y.shape[1] != len(self.classes_)):
            raise ValueError(f"y has another shape than before, {y.shape}")
        if y.ndim == 1:
            labels(self.classes_, y)

    def _check_weights(self, y: np.ndarray, weights: np.ndarray | None) -> None:
        if weights is None:
            return
        left = np.unique(y[weights > 0], axis=0)
        if y.ndim == 1 and len(left) < 2 and self._given_classes is None:
            name = type(self).__name__
            raise ValueError(f"{name} needs at least 2 classes, rows of weight above 0 have one class: {left.tolist()[0]!r}")

    def _targets(self, y: np.ndarray) -> Any:
        if self._is_multilabel:
            return _anygrad.Targets.of_values(self._target_names, np.ascontiguousarray(y, dtype=np.float64), "y")
        names = [str(label) for label in self.classes_]
        return _anygrad.Targets.of_classes(self._target_names[0], names, labels(self.classes_, y))

    def _outputs(self) -> int:
        is_single = isinstance(self.loss, str) and self.loss == "binary_cross_entropy" and not self._is_multilabel
        return 1 if is_single and len(self.classes_) == 2 else len(self.classes_)

    def _name_task(self, settings: dict[str, Any]) -> None:
        settings["data"]["task"] = "labels" if self._is_multilabel else "classes"
        if self.threshold is not None:
            settings["train"]["threshold"] = self.threshold
        loss = _recipe.table(self.loss) or settings.get("loss")
        if loss is None and (self.class_weight is not None or self.label_smoothing):
            loss = {"kind": "binary_cross_entropy" if self._is_multilabel else "cross_entropy"}
        if loss is None:
            return
        if self.label_smoothing:
            loss["label_smoothing"] = _recipe.number("label_smoothing", self.label_smoothing)
        if self.class_weight is not None:
            loss["class_weights"] = self._class_weights()
        settings["loss"] = loss

    def _class_weights(self) -> Any:
        if isinstance(self.class_weight, str):
            return self.class_weight
        if self._is_multilabel:
            raise ValueError("class_weight: labels of several columns have none")
        try:
            known = {label: float(weight) for label, weight in dict(self.class_weight).items()}
        except (TypeError, ValueError):
            raise ValueError(f"class_weight = {self.class_weight!r}: must be a dict, 'balanced' or None") from None
        unknown = [label for label in known if label not in set(self.classes_.tolist())]
        if unknown:
            raise ValueError(f"class_weight names the class {unknown[0]!r}, which y does not have")
        return [known.get(label, 1.0) for label in self.classes_.tolist()]

    def _validation_scores(self, run: Run) -> list[float] | None:
        own = [report.get("validation_accuracy") for report in run.epochs]
        if own and own[0] is not None:
            return own
        own = [report.get("validation_loss") for report in run.epochs]
        return [-loss for loss in own] if own and own[0] is not None else None

    def _adopt(self, run: Run) -> None:
        classes, target = run.description["classes"], run.description["target"]
        self._target_names, self._is_multilabel = target, classes is None
        if classes is None:
            if run.description["recipe"]["loss"]["kind"] != "binary_cross_entropy":
                raise ValueError("this model puts out numbers: load it by AnygradRegressor")
            self.classes_ = np.arange(len(target))
        else:
            self.classes_ = _data.typed(classes)

    # --- scikit-learn's methods ---------------------------------------------------------------------------------------

    def fit(self, X, y, sample_weight=None, validation_data=None):
        """Train.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Numbers; of frames also texts, categories, truth values, times, and missing cells.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes, or for each label a column of 0 and 1.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts in the loss.
        validation_data : tuple (X, y) or (X, y, sample_weight), optional
            Rows to watch while training; else a share is held back if ``early_stopping``.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, validation_data, goes_on=bool(self.warm_start))

    def partial_fit(self, X, y, classes=None, sample_weight=None, epochs=1):
        """Train for one more pass over these rows: as many calls on the same rows as ``fit`` has epochs come to its bits.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows, perhaps others than before.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes.
        classes : array-like of shape (n_classes,), optional
            All classes, for the first call; those of ``y``, if not given.
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
        if classes is not None:
            classes = np.unique(np.asarray(classes))
            if self.__sklearn_is_fitted__() and not np.array_equal(classes, self.classes_):
                before = self.classes_.tolist()
                raise ValueError(f"classes are {classes.tolist()}, in the first call they were {before}")
        epochs = _recipe.whole("epochs", epochs)
        return self._fit(X, y, sample_weight, None, goes_on=True, epochs=epochs, classes=classes)

    def decision_function(self, X):
        """Logits: of two classes that of the second minus that of the first.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows like those of training.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._decision(self._raw(X))

    def _decision(self, outputs: np.ndarray) -> np.ndarray:
        if self._is_multilabel:
            return outputs
        if outputs.shape[1] == 1:
            return outputs[:, 0]
        if len(self.classes_) == 2:
            return outputs[:, 1].astype(np.float64) - outputs[:, 0]
        return outputs

    def predict(self, X):
        """Classes, or for each label 0 or 1.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows like those of training.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        outputs = self._raw(X)
        if self._is_multilabel:
            return (outputs > 0).astype(np.int64)
        threshold = self._run.description["threshold"]
        if threshold is not None:
            return self.classes_[(self._run.model.probabilities(outputs)[:, 1] >= threshold).astype(int)]
        if outputs.shape[1] == 1:
            return self.classes_[(outputs[:, 0] > 0).astype(int)]
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X):
        """Probabilities of the classes, or of each label.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows like those of training.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        outputs = self._raw(X)
        if self._is_multilabel:
            return 1.0 / (1.0 + np.exp(-outputs.astype(np.float64)))
        return self._run.model.probabilities(outputs)

    def predict_log_proba(self, X):
        """Logarithms of ``predict_proba``.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows like those of training.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def score(self, X, y, sample_weight=None):
        """Share of the rows that are classified right; of labels, of those with all labels right.

        Parameters
        ----------
        X : array, frame or Arrow table of shape (n_samples, n_features)
            Rows like those of training.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            True classes.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts.

        Returns
        -------
        float
        """
        predicted, y = self.predict(X), _data.as_target(y, type(self).__name__)
        y = y[:, 0] if y.ndim == 2 and not self._is_multilabel else y
        _data.check_lengths(len(predicted), y)
        right = (predicted == y).all(axis=1) if self._is_multilabel else predicted == y
        return float(np.average(right, weights=_data.as_weights(sample_weight, len(y))))

"""Types of the package."""

from os import PathLike
from typing import Any, Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

Callback = Callable[[dict[str, Any]], Any]
Rows = Any
Weights = npt.ArrayLike | None
Path = str | PathLike[str]

__version__: str

class DeviceError(RuntimeError): ...
class DivergenceError(ArithmeticError): ...
class NotFittedError(ValueError, AttributeError): ...

class _Estimator:
    n_features_in_: int
    feature_names_in_: npt.NDArray[np.object_]
    loss_curve_: list[float]
    loss_: float | None
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float
    n_iter_: int
    t_: int
    n_outputs_: int
    n_layers_: int
    history_: list[dict[str, Any]]
    decisions_: list[str]
    device_: str
    @property
    def weights_hash_(self) -> str: ...
    @property
    def recipe_(self) -> dict[str, Any]: ...
    @property
    def coefs_(self) -> list[npt.NDArray[np.float32]]: ...
    @property
    def intercepts_(self) -> list[npt.NDArray[np.float32]]: ...
    def get_params(self, deep: bool = True) -> dict[str, Any]: ...
    def set_params(self, **params: Any) -> Self: ...
    def fit(
        self, X: Rows, y: Any, sample_weight: Weights = None, validation_data: Sequence[Any] | None = None
    ) -> Self: ...
    def predict(self, X: Rows) -> npt.NDArray[Any]: ...
    def score(self, X: Rows, y: Any, sample_weight: Weights = None) -> float: ...
    def save(self, path: Path) -> None: ...
    @classmethod
    def load(cls, path: Path) -> Self: ...
    def export(self, path: Path, to: str = "onnx") -> list[str]: ...
    def to_onnx(self) -> bytes: ...

class AnygradClassifier(_Estimator):
    hidden_layer_sizes: int | Sequence[int]
    activation: str
    solver: str | Mapping[str, Any]
    alpha: float
    batch_size: int | str
    learning_rate: str | Mapping[str, Any]
    learning_rate_init: float | None
    max_iter: int | None
    shuffle: bool
    random_state: int | np.random.RandomState | np.random.Generator | None
    tol: float
    verbose: bool
    warm_start: bool
    momentum: float | None
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: int
    weight_decay: float | None
    dropout: float
    l1: float
    l2: float
    max_grad_norm: float | None
    max_grad_value: float | None
    loss: str | Mapping[str, Any] | None
    label_smoothing: float
    class_weight: Mapping[Any, float] | str | None
    threshold: float | str | None
    layers: Sequence[str | Mapping[str, Any]] | None
    device: str
    missing: str
    scaling: str
    most_categories: int
    categorical: Sequence[str | int] | None
    numeric: Sequence[str | int] | None
    drop: Sequence[str | int] | None
    on_divergence: str
    reproducible: bool
    callbacks: Callback | Sequence[Callback] | None
    recipe: Mapping[str, Any] | str | PathLike[str] | None
    classes_: npt.NDArray[Any]
    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = ...,
        activation: str = ...,
        *,
        solver: str | Mapping[str, Any] = ...,
        alpha: float = ...,
        batch_size: int | str = ...,
        learning_rate: str | Mapping[str, Any] = ...,
        learning_rate_init: float | None = ...,
        max_iter: int | None = ...,
        shuffle: bool = ...,
        random_state: int | np.random.RandomState | np.random.Generator | None = ...,
        tol: float = ...,
        verbose: bool = ...,
        warm_start: bool = ...,
        momentum: float | None = ...,
        nesterovs_momentum: bool = ...,
        early_stopping: bool = ...,
        validation_fraction: float = ...,
        beta_1: float = ...,
        beta_2: float = ...,
        epsilon: float = ...,
        n_iter_no_change: int = ...,
        weight_decay: float | None = ...,
        dropout: float = ...,
        l1: float = ...,
        l2: float = ...,
        max_grad_norm: float | None = ...,
        max_grad_value: float | None = ...,
        loss: str | Mapping[str, Any] | None = ...,
        label_smoothing: float = ...,
        class_weight: Mapping[Any, float] | str | None = ...,
        threshold: float | str | None = ...,
        layers: Sequence[str | Mapping[str, Any]] | None = ...,
        device: str = ...,
        missing: str = ...,
        scaling: str = ...,
        most_categories: int = ...,
        categorical: Sequence[str | int] | None = ...,
        numeric: Sequence[str | int] | None = ...,
        drop: Sequence[str | int] | None = ...,
        on_divergence: str = ...,
        reproducible: bool = ...,
        callbacks: Callback | Sequence[Callback] | None = ...,
        recipe: Mapping[str, Any] | str | PathLike[str] | None = ...,
    ) -> None: ...
    def partial_fit(
        self, X: Rows, y: Any, classes: npt.ArrayLike | None = None, sample_weight: Weights = None, epochs: int = 1
    ) -> Self: ...
    def decision_function(self, X: Rows) -> npt.NDArray[Any]: ...
    def predict_proba(self, X: Rows) -> npt.NDArray[np.float64]: ...
    def predict_log_proba(self, X: Rows) -> npt.NDArray[np.float64]: ...

class AnygradRegressor(_Estimator):
    hidden_layer_sizes: int | Sequence[int]
    activation: str
    solver: str | Mapping[str, Any]
    alpha: float
    batch_size: int | str
    learning_rate: str | Mapping[str, Any]
    learning_rate_init: float | None
    max_iter: int | None
    shuffle: bool
    random_state: int | np.random.RandomState | np.random.Generator | None
    tol: float
    verbose: bool
    warm_start: bool
    momentum: float | None
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: int
    weight_decay: float | None
    dropout: float
    l1: float
    l2: float
    max_grad_norm: float | None
    max_grad_value: float | None
    loss: str | Mapping[str, Any] | None
    layers: Sequence[str | Mapping[str, Any]] | None
    device: str
    missing: str
    scaling: str
    most_categories: int
    categorical: Sequence[str | int] | None
    numeric: Sequence[str | int] | None
    drop: Sequence[str | int] | None
    on_divergence: str
    reproducible: bool
    callbacks: Callback | Sequence[Callback] | None
    recipe: Mapping[str, Any] | str | PathLike[str] | None
    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = ...,
        activation: str = ...,
        *,
        solver: str | Mapping[str, Any] = ...,
        alpha: float = ...,
        batch_size: int | str = ...,
        learning_rate: str | Mapping[str, Any] = ...,
        learning_rate_init: float | None = ...,
        max_iter: int | None = ...,
        shuffle: bool = ...,
        random_state: int | np.random.RandomState | np.random.Generator | None = ...,
        tol: float = ...,
        verbose: bool = ...,
        warm_start: bool = ...,
        momentum: float | None = ...,
        nesterovs_momentum: bool = ...,
        early_stopping: bool = ...,
        validation_fraction: float = ...,
        beta_1: float = ...,
        beta_2: float = ...,
        epsilon: float = ...,
        n_iter_no_change: int = ...,
        weight_decay: float | None = ...,
        dropout: float = ...,
        l1: float = ...,
        l2: float = ...,
        max_grad_norm: float | None = ...,
        max_grad_value: float | None = ...,
        loss: str | Mapping[str, Any] | None = ...,
        layers: Sequence[str | Mapping[str, Any]] | None = ...,
        device: str = ...,
        missing: str = ...,
        scaling: str = ...,
        most_categories: int = ...,
        categorical: Sequence[str | int] | None = ...,
        numeric: Sequence[str | int] | None = ...,
        drop: Sequence[str | int] | None = ...,
        on_divergence: str = ...,
        reproducible: bool = ...,
        callbacks: Callback | Sequence[Callback] | None = ...,
        recipe: Mapping[str, Any] | str | PathLike[str] | None = ...,
    ) -> None: ...
    def partial_fit(self, X: Rows, y: Any, sample_weight: Weights = None, epochs: int = 1) -> Self: ...

class Net:
    def __init__(
        self,
        layers: Sequence[str | Mapping[str, Any]] | None = None,
        loss: str | Mapping[str, Any] | None = None,
        optimizer: str | Mapping[str, Any] | None = None,
        schedule: str | Mapping[str, Any] | None = None,
        *,
        epochs: int | None = None,
        batch_size: int | str | None = None,
        seed: int | None = None,
        device: str | None = None,
        recipe: Mapping[str, Any] | Path | None = None,
    ) -> None: ...
    @property
    def history_(self) -> list[dict[str, Any]]: ...
    @property
    def weights_hash_(self) -> str: ...
    @property
    def recipe_(self) -> dict[str, Any]: ...
    @property
    def classes_(self) -> npt.NDArray[Any]: ...
    def fit(
        self,
        X: Rows,
        y: Any,
        *,
        sample_weight: Weights = None,
        validation_data: Sequence[Any] | None = None,
        categorical: Sequence[str] | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        verbose: bool = False,
    ) -> Self: ...
    def outputs(self, X: Rows) -> npt.NDArray[np.float32]: ...
    def predict(self, X: Rows) -> npt.NDArray[Any]: ...
    def save(self, path: Path) -> None: ...
    @classmethod
    def load(cls, path: Path) -> Self: ...

class Explanation:
    steps: list[dict[str, Any]]

def devices() -> list[dict[str, Any]]: ...
def explain(net: Net | _Estimator, X: Rows, y: Any, row: int = 0) -> Explanation: ...
def gradcheck(net: Net | _Estimator, X: Rows, y: Any, *, elements: int = 64, rows: int = 8) -> dict[str, Any]: ...
def plan(net: Net | _Estimator, X: Rows, y: Any) -> str: ...

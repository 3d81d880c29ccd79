"""What goes wrong is an exception of a fitting type with a sentence that names the thing, and costs nothing that was there."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from sklearn.exceptions import DataConversionWarning, NotFittedError

from anygrad import AnygradClassifier, AnygradRegressor, DeviceError, DivergenceError, Net

N = 60
X = np.random.default_rng(0).normal(size=(N, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")
FRAME = pd.DataFrame(X, columns=[*"abc"])
COMPLEX = X.astype(complex)
HOLES = np.where(np.arange(N) == 5, np.nan, X[:, 0])

PARAMETERS = [
    ({"hidden_layer_sizes": (0,)}, ValueError, "hidden_layer_sizes"),
    ({"hidden_layer_sizes": None}, ValueError, "hidden_layer_sizes"),
    ({"hidden_layer_sizes": "64"}, ValueError, "hidden_layer_sizes"),
    ({"activation": "rleu"}, ValueError, "did you mean `relu`"),
    ({"solver": "adma"}, ValueError, "unknown optimizer 'adma'; known: adamw"),
    ({"solver": "lbfgs"}, ValueError, "lbfgs"),
    ({"solver": {"learning_rate": 1}}, ValueError, "kind"),
    ({"alpha": -1}, ValueError, "alpha = -1"),
    ({"alpha": "x"}, ValueError, "alpha = 'x'"),
    ({"l2": np.nan}, ValueError, "l2 = nan"),
    ({"batch_size": 0}, ValueError, "batch_size = 0"),
    ({"batch_size": "all"}, ValueError, "batch_size = 'all'"),
    ({"learning_rate": "adaptive"}, ValueError, "reduce_on_plateau"),
    ({"learning_rate": 0.01}, ValueError, "learning_rate_init"),
    ({"learning_rate_init": -1}, ValueError, "learning_rate = -1"),
    ({"max_iter": -1}, ValueError, "max_iter = -1"),
    ({"max_iter": 2.5}, ValueError, "max_iter = 2.5"),
    ({"random_state": -1}, ValueError, "random_state = -1"),
    ({"random_state": "a"}, ValueError, "random_state = 'a'"),
    ({"early_stopping": True, "validation_fraction": 2}, ValueError, "validation_fraction = 2"),
    ({"early_stopping": True, "n_iter_no_change": 0}, ValueError, "n_iter_no_change = 0"),
    ({"dropout": 1}, ValueError, "dropout = 1"),
    ({"loss": "mse"}, ValueError, "did you mean `mean_squared_error`"),
    ({"loss": "mean_squared_error"}, ValueError, "does not fit a target of class labels"),
    ({"class_weight": "balance"}, ValueError, "balanced"),
    ({"class_weight": {"maybe": 2}}, ValueError, "'maybe', which y does not have"),
    ({"class_weight": [1, 2]}, ValueError, "must be a dict"),
    ({"threshold": 2}, ValueError, "threshold = 2"),
    ({"device": "none such"}, DeviceError, "none such"),
    ({"missing": "drop"}, ValueError, "indicator"),
    ({"categorical": ["zz"]}, ValueError, "unknown column `zz`"),
    ({"categorical": "zz"}, ValueError, "unknown column `zz`"),
    ({"drop": [9]}, ValueError, "drop = 9: there are 3 columns"),
    ({"recipe": "no such file.toml"}, FileNotFoundError, "no such file.toml"),
    ({"recipe": {"lyers": []}}, ValueError, "unknown field `lyers`"),
    ({"layers": ["linaer 2"]}, ValueError, "linaer 2"),
    ({"layers": ["linear 3"]}, ValueError, "2 classes need 2 outputs, the model has 3"),
    ({"solver": "sgd", "learning_rate_init": 1e30}, DivergenceError, "lower the learning rate"),
    ({"hidden_layer_sizes": 10**9}, (ValueError, MemoryError), "1000000000"),
]

ROWS = [
    (None, ValueError, "Expected 2D array"),
    ("abc", ValueError, "Expected 2D array"),
    (X[:, 0], ValueError, "Reshape your data"),
    (FRAME["a"], ValueError, "Reshape your data"),
    (pl.Series(X[:, 0]), ValueError, "Reshape your data"),
    (X.reshape(N, 3, 1), ValueError, "dim 3"),
    (X[:0], ValueError, "0 sample"),
    (X[:1], ValueError, "1 sample"),
    (X[:, :0], ValueError, "0 feature"),
    (pd.DataFrame(), ValueError, "0 sample"),
    (FRAME[[]], ValueError, "0 feature"),
    (pl.DataFrame(), ValueError, "0 sample"),
    (X[:9], ValueError, "inconsistent numbers of samples"),
    (COMPLEX, ValueError, "Complex data not supported"),
    (FRAME.astype(complex), ValueError, "Complex data not supported"),
    (np.where(X > 2, np.inf, X), ValueError, "infinity"),
    (FRAME.where(FRAME < 2, np.inf), ValueError, "infinity"),
    (pl.DataFrame({"a": np.where(X[:, 0] > 1, np.inf, X[:, 0])}), ValueError, "not a finite number"),
    (X * 1e300, ValueError, "too large for a 32-bit float"),
    (np.sign(X) * 3e38, ValueError, "go beyond what 32-bit floats tell apart"),
    (np.ones((N, 2)), ValueError, "no column is left to learn from"),
    (np.full((N, 2), np.nan), ValueError, "no column is left to learn from"),
    ([[1, 2], [3]], ValueError, "inhomogeneous"),
    (np.array([[{}, 1]] * N, dtype=object), TypeError, "dict"),
    (pd.DataFrame({"a": [[1, 2]] * N}), TypeError, "list"),
    (pl.DataFrame({"a": [[1, 2]] * N}), ValueError, "column `a`"),
    (FRAME.set_axis([*"aab"], axis=1), ValueError, "two columns are called `a`"),
    (pa.table([X[:, 0], X[:, 1]], names=["a", "a"]), ValueError, "two columns are called `a`"),
    (FRAME.set_axis(["a", "b", 0], axis=1), TypeError, "string names"),
    (pl.DataFrame({"a": X[:, 0]}).lazy(), TypeError, r"pass X.collect\(\)"),
    (pa.table({"a": X[:, 0]}).to_reader(), TypeError, r"pass X.read_all\(\)"),
    (scipy.sparse.csr_matrix(X), TypeError, r"\.toarray\(\)"),
    (scipy.sparse.coo_array(X), TypeError, r"\.toarray\(\)"),
    (FRAME.astype(pd.SparseDtype("float")), TypeError, r"\.sparse\.to_dense\(\)"),
]

TARGETS = [
    (AnygradClassifier, None, "requires y"),
    (AnygradClassifier, Y[:9], "inconsistent numbers of samples"),
    (AnygradClassifier, np.full(N, "yes"), "needs at least 2 classes, y has one class: 'yes'"),
    (AnygradClassifier, np.zeros(N), "needs at least 2 classes, y has one class: 0.0"),
    (AnygradClassifier, X[:, 0], "continuous"),
    (AnygradClassifier, HOLES, "NaN"),
    (AnygradClassifier, np.where(X[:, 0] > 0, "yes", None), "NaN"),
    (AnygradClassifier, pd.Series([1, 0, None] * 20, dtype="Int64"), "NaN"),
    (AnygradClassifier, pd.Series(["a", "b", None] * 20, dtype="category"), "NaN"),
    (AnygradClassifier, np.ma.masked_less(np.arange(N) % 3, 1), "masked"),
    (AnygradClassifier, np.column_stack([Y, Y]), "multiclass-multioutput"),
    (AnygradClassifier, X.reshape(N, 3, 1), "1d array"),
    (AnygradClassifier, COMPLEX[:, 0], "Complex"),
    (AnygradRegressor, None, "requires y"),
    (AnygradRegressor, Y, "must be numbers"),
    (AnygradRegressor, HOLES, "NaN"),
    (AnygradRegressor, np.where(X[:, 0] > 0, np.inf, 0), "infinity"),
    (AnygradRegressor, X[:, 0] * 1e300, "too large for a 32-bit float"),
    (AnygradRegressor, X[:, 0] + 1e9, "too close together for 32-bit floats"),
]

WEIGHTS = [
    (np.zeros(N), "zero"),
    (-np.ones(N), "Negative"),
    (np.full(N, np.nan), "NaN"),
    (np.ones(N - 1), "sample_weight.shape"),
    (np.ones((N, 1)), "1D array"),
    (np.full(N, 1e300), "from 1e-30 to 1e30"),
    (np.full(N, 1e-300), "from 1e-30 to 1e30"),
    (["a"] * N, "could not convert"),
    ((Y == "yes").astype(float), "one class: 'yes'"),
]


def refuses(own, call, kind, says):
    """The call fails so, with a sentence, and leaves what was fitted before."""
    before = own.weights_hash_, own.classes_.tolist(), own.loss_curve_, own.predict_proba(X).tolist()
    with pytest.raises(kind, match=says) as caught:
        call()
    message = str(caught.value)
    assert message.strip() == message or message.endswith("\n")
    assert "PyErr" not in message
    assert "panicked" not in message
    assert (own.weights_hash_, own.classes_.tolist(), own.loss_curve_) == before[:3]
    kept = own.get_params()
    assert own.set_params(**AnygradClassifier().get_params()).predict_proba(X).tolist() == before[3]
    own.set_params(**kept)


@pytest.fixture
def own():
    return AnygradClassifier(max_iter=2, random_state=0, device="cpu").fit(X, Y)


@pytest.mark.parametrize(("parameters", "kind", "says"), PARAMETERS, ids=[str(case[0]) for case in PARAMETERS])
def test_a_wrong_parameter_is_named(own, parameters, kind, says):
    refuses(own, lambda: own.set_params(**parameters).fit(X, Y), kind, says)


@pytest.mark.parametrize(("rows", "kind", "says"), ROWS, ids=range(len(ROWS)))
def test_rows_that_are_none_are_refused(own, rows, kind, says):
    refuses(own, lambda: own.fit(rows, Y), kind, says)


@pytest.mark.parametrize(("kind", "y", "says"), TARGETS, ids=range(len(TARGETS)))
def test_targets_that_are_none_are_refused(kind, y, says):
    own = kind(max_iter=2)
    with pytest.raises(ValueError, match=says):
        own.fit(X, y)
    assert not own.__sklearn_is_fitted__()
    assert not [name for name in vars(own) if name.endswith("_")]


@pytest.mark.parametrize(("weights", "says"), WEIGHTS, ids=range(len(WEIGHTS)))
def test_weights_that_are_none_are_refused(own, weights, says):
    refuses(own, lambda: own.fit(X, Y, sample_weight=weights), ValueError, says)


@pytest.mark.parametrize("validation", [3, X, (X,), (X, Y[:9]), (X[:, :2], Y), (X, np.full(N, "else"))], ids=range(6))
def test_validation_rows_that_are_none_are_refused(own, validation):
    refuses(own, lambda: own.fit(X, Y, validation_data=validation), ValueError, ".")


def test_asking_before_fitting_is_an_error_of_its_own():
    for own in (AnygradClassifier(), AnygradRegressor(), Net(["linear 2"])):
        asked = [lambda own=own: own.predict(X), lambda own=own: own.weights_hash_, lambda own=own: own.save("model")]
        for ask in asked:
            with pytest.raises(NotFittedError, match="not fitted yet"):
                ask()
        assert not hasattr(own, "recipe_")
        assert not hasattr(own, "classes_")


def test_a_column_for_a_target_is_taken_with_a_warning():
    for y in (Y.reshape(-1, 1), pd.DataFrame({"y": Y}), pl.DataFrame({"y": Y}), pa.table({"y": Y})):
        with pytest.warns(DataConversionWarning, match="column-vector"):
            own = AnygradClassifier(max_iter=2).fit(X, y)
        assert own.predict(X).shape == (N,)


def test_labels_of_several_types_are_told_apart():
    with pytest.raises(TypeError, match="several types, int, str"):
        AnygradClassifier().fit(X, np.array([1, "a"] * 30, dtype=object))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is one of Linux")
def test_too_little_memory_is_told(process):
    script = """
import resource
import numpy as np
from anygrad import AnygradClassifier

X = np.random.default_rng(0).normal(size=(50, 4))
own = AnygradClassifier(max_iter=1, device="cpu").fit(X, X[:, 0] > 0)
before = own.weights_hash_
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
try:
    own.set_params(hidden_layer_sizes=(20_000, 20_000)).fit(X, X[:, 0] > 0)
except MemoryError as error:
    assert "out of memory" in str(error)
else:
    raise AssertionError
assert own.weights_hash_ == before
own.set_params(hidden_layer_sizes=(8,)).fit(X, X[:, 0] > 0)
"""
    process(script)


def test_files_that_cannot_be_read_or_written(own, tmp_path):
    (tmp_path / "text").write_text("no model" * 99)
    with pytest.raises(FileNotFoundError, match="none such"):
        AnygradClassifier.load(tmp_path / "none such")
    with pytest.raises(IsADirectoryError, match="cannot read"):
        AnygradClassifier.load(tmp_path)
    with pytest.raises(ValueError, match="not a usable model"):
        AnygradClassifier.load(tmp_path / "text")
    with pytest.raises(FileNotFoundError, match="cannot write"):
        own.save(tmp_path / "none such" / "model")
    with pytest.raises(OSError, match="folder"):
        own.save(tmp_path)
    with pytest.raises(ValueError, match="unknown export target `pdf`"):
        own.export(tmp_path / "model", "pdf")
    own.save(tmp_path / "classes")
    with pytest.raises(ValueError, match="load it by AnygradClassifier"):
        AnygradRegressor.load(tmp_path / "classes")
    AnygradRegressor(max_iter=1).fit(X, X[:, 0]).save(tmp_path / "values")
    with pytest.raises(ValueError, match="load it by AnygradRegressor"):
        AnygradClassifier.load(tmp_path / "values")

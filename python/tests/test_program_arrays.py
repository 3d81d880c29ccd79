"""Arrays, however they lie in memory, come to the weights that the program comes to by the same numbers in a CSV."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris, load_wine

from anygrad import AnygradClassifier, AnygradRegressor

SAME = {"random_state": 3, "max_iter": 8, "device": "cpu"}

#: The same numbers, otherwise.
LAYOUTS = {
    "64 bits": np.asarray,
    "32 bits": lambda X: X.astype(np.float32),
    "columns first": np.asfortranarray,
    "32 bits, columns first": lambda X: np.asfortranarray(X.astype(np.float32)),
    "every second column of a wider one": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "backwards in memory": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "read only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "not aligned": lambda X: np.frombuffer(b"x" + X.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(X.shape),
    "other byte order": lambda X: X.astype(">f8"),
    "long": lambda X: X.astype(np.longdouble),
    "objects": lambda X: X.astype(object),
    "texts": lambda X: X.astype(str),
    "lists": lambda X: X.tolist(),
    "tuples": lambda X: tuple(map(tuple, X)),
    "memory": lambda X: memoryview(np.ascontiguousarray(X)),
    "a masked array without masked ones": np.ma.array,
}


@pytest.fixture(scope="module")
def iris():
    frame = load_iris(as_frame=True).frame
    return frame, frame.drop(columns="target").to_numpy(), frame["target"].to_numpy()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_an_array_changes_nothing(iris, layout):
    _, X, y = iris
    plain = AnygradClassifier(**SAME).fit(X, y)
    own = AnygradClassifier(**SAME).fit(LAYOUTS[layout](X), y)
    assert own.weights_hash_ == plain.weights_hash_
    assert (own.predict_proba(LAYOUTS[layout](X)) == plain.predict_proba(X)).all()


def test_an_array_comes_to_the_programs_weights(trained, iris):
    frame, X, y = iris
    own = AnygradClassifier(**SAME).fit(X, y)
    assert own.weights_hash_ == trained(frame)["weights_hash"]


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int32, np.int64, np.uint64, np.float16, np.float32, bool])
def test_each_type_of_numbers_comes_to_the_programs_weights(trained, kind):
    rng = np.random.default_rng(1)
    X = rng.integers(0, 2 if kind is bool else 100, (80, 3)).astype(kind)
    y = (X.astype(float).sum(axis=1) > (1 if kind is bool else 150)).astype(int)
    hash_ = trained(pd.DataFrame(X.astype(int)).assign(y=y).set_axis([*"abcy"], axis=1))["weights_hash"]
    assert AnygradClassifier(**SAME).fit(X, y).weights_hash_ == hash_
    assert AnygradClassifier(**SAME).fit(np.asfortranarray(X)[::-1][::-1], y).weights_hash_ == hash_


def test_wine_of_three_classes(trained):
    frame = load_wine(as_frame=True).frame
    own = AnygradClassifier(**SAME).fit(frame.drop(columns="target").to_numpy(), frame["target"])
    assert own.weights_hash_ == trained(frame)["weights_hash"]


def test_regression(trained):
    frame = load_diabetes(as_frame=True).frame
    own = AnygradRegressor(**SAME).fit(frame.drop(columns="target").to_numpy(), frame["target"])
    assert own.weights_hash_ == trained(frame)["weights_hash"]


def test_regression_of_two_targets(trained):
    frame = load_diabetes(as_frame=True).frame
    own = AnygradRegressor(**SAME).fit(frame.drop(columns=["target", "bmi"]), frame[["target", "bmi"]])
    assert own.weights_hash_ == trained(frame, "--target", "target,bmi")["weights_hash"]


def test_many_classes_in_the_order_of_numbers(trained):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.normal(size=240), "b": rng.normal(size=240), "y": np.arange(240) % 24 + 1})
    own = AnygradClassifier(**SAME).fit(frame[["a", "b"]].to_numpy(), frame["y"])
    assert own.weights_hash_ == trained(frame, "--task", "classes")["weights_hash"]


def test_blanks(trained, iris):
    frame, X, y = iris
    holes = np.random.default_rng(3).random(X.shape) < 0.1
    frame = pd.DataFrame(np.where(holes, np.nan, X), columns=[*"abcd"]).assign(y=y)
    hash_ = trained(frame)["weights_hash"]
    for kind in (np.float64, np.float32):
        own = AnygradClassifier(**SAME).fit(np.where(holes, np.nan, X).astype(kind), y)
        assert own.weights_hash_ == hash_
    masked = np.ma.array(X, mask=holes)
    assert AnygradClassifier(**SAME).fit(masked, y).weights_hash_ == hash_
    objects = np.where(holes, None, X.astype(object))
    assert AnygradClassifier(**SAME).fit(objects, y).weights_hash_ == hash_

"""What people do by habit: rows in other forms at predict, odd cells, few rows, many classes, extreme numbers."""

import datetime
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score, train_test_split

from anygrad import AnygradClassifier, AnygradRegressor

FAST = {"random_state": 0, "max_iter": 10, "device": "cpu"}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": rng.normal(size=120),
            "town": rng.choice(["ulm", "bonn", "köln"], 120),
            "flag": rng.choice([True, False], 120),
            "day": pd.date_range("2020-01-01", periods=120, freq="7h"),
        }
    )


@pytest.fixture(scope="module")
def own(frame):
    return AnygradClassifier(**FAST).fit(frame, frame["a"] > 0)


def test_a_single_row_is_answered_as_among_others(own, frame):
    among = own.predict_proba(frame)
    for row in (0, 7, 119):
        assert (own.predict_proba(frame.iloc[[row]]) == among[[row]]).all()
        assert own.predict(frame.iloc[[row]]).shape == (1,)
    backwards = own.predict_proba(frame.iloc[::-1])
    assert (backwards[::-1] == among).all()


def test_what_train_test_split_makes_is_taken(frame):
    X_train, X_test, y_train, y_test = train_test_split(frame, frame["a"] > 0, random_state=1)
    split = AnygradClassifier(**{**FAST, "max_iter": 60}).fit(X_train, y_train)
    assert split.score(X_test, y_test) > 0.8
    plain = AnygradClassifier(**{**FAST, "max_iter": 60}).fit(X_train.reset_index(drop=True), y_train.to_numpy())
    assert split.weights_hash_ == plain.weights_hash_


def test_columns_must_be_those_of_training(own, frame):
    with pytest.raises(ValueError, match="must be in the same order"):
        own.predict(frame[["town", "a", "flag", "day"]])
    with pytest.raises(ValueError, match="unseen at fit time:\n- more"):
        own.predict(frame.assign(more=1))
    with pytest.raises(ValueError, match="yet now missing:\n- day"):
        own.predict(frame[["a", "town", "flag"]])
    with pytest.raises(ValueError, match="should match"):
        own.predict(pl.from_pandas(frame[["town", "a", "flag", "day"]]))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert (own.predict_proba(frame.to_numpy()) == own.predict_proba(frame)).all()
    plain = AnygradClassifier(**FAST).fit(np.ones((40, 3)) * np.arange(40)[:, None], np.arange(40) % 2)
    with pytest.raises(ValueError, match="X has 2 features, but AnygradClassifier is expecting 3"):
        plain.predict(np.ones((4, 2)))
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        plain.predict(pd.DataFrame(np.ones((4, 3)), columns=[*"abc"]))


def test_no_rows_are_refused(own, frame):
    for none in (frame.iloc[:0], frame.iloc[:0].to_numpy(), pl.from_pandas(frame)[:0]):
        for ask in (own.predict, own.predict_proba, own.decision_function):
            with pytest.raises(ValueError, match="0 sample"):
                ask(none)


def test_categories_that_training_has_not_seen_are_like_others(own, frame):
    unseen = own.predict_proba(frame.assign(town="rom"))
    assert (unseen == own.predict_proba(frame.assign(town="paris"))).all()
    assert np.isfinite(unseen).all()
    of_other_type = frame.assign(town=pd.Categorical(frame["town"], categories=["rom", "köln", "bonn", "ulm"]))
    assert (own.predict_proba(of_other_type) == own.predict_proba(frame)).all()


def test_cells_that_are_missing_at_predict_only_are_filled(own, frame):
    for name in frame:
        found = own.predict_proba(frame.assign(**{name: None}))
        assert np.isfinite(found).all()
        assert (found != own.predict_proba(frame)).any()
    holes = frame["a"].where(frame["a"] > 0)
    none = frame["a"].astype(object).where(frame["a"] > 0, None)
    assert (own.predict_proba(frame.assign(a=holes)) == own.predict_proba(frame.assign(a=none))).all()


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"a": "word"}, "`a`: `word` is not a number"),
        ({"a": np.inf}, "infinity"),
        ({"a": 1e300}, "`a`"),
        ({"flag": "perhaps"}, "`flag`: `perhaps` is neither yes nor no"),
        ({"day": "soon"}, "`day`: `soon` is not a time"),
    ],
)
def test_cells_that_cannot_be_understood_are_named(own, frame, cells, says):
    with pytest.raises(ValueError, match=says):
        own.predict(frame.assign(**cells))


def test_truth_values_are_known_by_their_words(own, frame):
    as_words = frame.assign(flag=frame["flag"].map({True: "True", False: "False"}))
    assert (own.predict_proba(as_words) == own.predict_proba(frame)).all()


def test_rows_of_dictionaries_and_frames_of_others_are_taken(own, frame):
    records = pd.DataFrame(frame.to_dict("records"))
    assert (own.predict_proba(records) == own.predict_proba(frame)).all()
    assert (own.predict_proba(pa.Table.from_pandas(frame)) == own.predict_proba(frame)).all()
    assert (own.predict_proba(pl.from_pandas(frame)) == own.predict_proba(frame)).all()


def test_probabilities_are_some(own, frame):
    found = own.predict_proba(frame)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.allclose(np.log(found), own.predict_log_proba(frame))
    assert ((found[:, 1] > 0.5) == own.predict(frame)).all()
    assert ((own.decision_function(frame) > 0) == own.predict(frame)).all()


def test_numbers_far_from_those_of_training_give_answers():
    X = np.random.default_rng(0).normal(size=(60, 2))
    own = AnygradClassifier(**FAST).fit(X, X[:, 0] > 0)
    assert np.isfinite(own.predict_proba(X * 1e6)).all()
    assert set(np.unique(own.predict_proba(X * 1e30))) <= {0.0, 1.0}


def test_numbers_near_each_other_and_far_from_zero_are_told_apart():
    X = np.random.default_rng(0).normal(size=(100, 2))
    y = X[:, 0] > 0
    near = AnygradClassifier(**{**FAST, "max_iter": 40}).fit(X, y)
    far = AnygradClassifier(**{**FAST, "max_iter": 40}).fit(X + 2.0**40, y)
    assert abs(far.score(X + 2.0**40, y) - near.score(X, y)) < 0.05
    seconds = 1.6e18 + (X * 1e9).round()
    assert AnygradClassifier(**{**FAST, "max_iter": 40}).fit(seconds, y).score(seconds[:1], y[:1]) == 1
    # A single row at predict keeps the digits that the others have.
    assert (far.predict_proba(X[:1] + 2.0**40) == far.predict_proba(X + 2.0**40)[:1]).all()


def test_one_feature_two_rows_and_many_classes():
    X = np.arange(3000.0).reshape(-1, 1)
    assert AnygradClassifier(**FAST).fit(X[:2], [0, 1]).predict(X[:2]).shape == (2,)
    many = AnygradClassifier(random_state=0, max_iter=1, hidden_layer_sizes=(4,)).fit(X, np.arange(3000))
    assert many.predict_proba(X[:3]).shape == (3, 3000)
    words = AnygradClassifier(**FAST).fit(X[:300], [f"class {i % 30:02}" for i in range(300)])
    assert list(words.classes_) == [f"class {i:02}" for i in range(30)]


def test_labels_of_any_kind_come_back(frame):
    X = frame[["a"]]
    days = np.where(frame["a"] > 0, np.datetime64("2020-01-01"), np.datetime64("2021-01-01"))
    for labels in (days, np.where(frame["a"] > 0, b"x", b"yy"), np.where(frame["a"] > 0, "", 'ä\n"'), pd.cut(frame["a"], 3)):
        own = AnygradClassifier(**FAST).fit(X, labels)
        assert set(own.predict(X)) <= set(labels)
        assert own.score(X, labels) > 0.5


def test_labels_of_one_column_for_each(frame):
    X, y = frame[["a"]], pd.DataFrame({"hot": frame["a"] > 0, "wet": frame["a"] > 1})
    own = AnygradClassifier(**{**FAST, "max_iter": 200}).fit(X, y)
    assert own.predict(X).shape == own.predict_proba(X).shape == (120, 2)
    assert own.predict(X).dtype == np.int64
    assert (own.predict(X) == (own.predict_proba(X) > 0.5)).all()
    assert (own.predict(X) == (own.decision_function(X) > 0)).all()
    assert own.score(X, y) == (own.predict(X) == y.to_numpy()).all(axis=1).mean() > 0.8
    assert list(own.classes_) == [0, 1]


def test_numbers_of_any_size_are_predicted():
    X = np.random.default_rng(0).normal(size=(200, 2))
    for scale in (1e-25, 1e-3, 1, 1e6, 1e30):
        own = AnygradRegressor(random_state=0, max_iter=60, device="cpu").fit(X, X[:, 0] * scale)
        assert own.predict(X).dtype == np.float64
        assert own.score(X, X[:, 0] * scale) > 0.9, scale
    assert own.score(X[:1], X[:1, 0]) == 0
    assert AnygradRegressor(**FAST).fit(X, X[:, 0] > 0).predict(X).shape == (200,)


def test_columns_are_named_by_position_or_name():
    X = pd.DataFrame(load_iris().data, columns=[*"abcd"]).assign(code=np.arange(150) % 4)
    y = load_iris().target
    by_name = AnygradClassifier(**FAST, categorical=["code"], drop=["a"]).fit(X, y)
    assert "categories" in " ".join(by_name.decisions_)
    for columns in (
        {"categorical": "code", "drop": "a"},
        {"categorical": 4, "drop": [0]},
        {"categorical": [-1], "drop": [0]},
    ):
        assert AnygradClassifier(**FAST, **columns).fit(X, y).weights_hash_ == by_name.weights_hash_
    array = AnygradClassifier(**FAST, categorical=[4], drop=[0]).fit(X.to_numpy(), y)
    assert array.weights_hash_ == by_name.weights_hash_
    assert array.predict(X.to_numpy()).tolist() == by_name.predict(X).tolist()


def test_of_a_frame_what_names_rows_is_left_out_and_told(frame):
    X = frame[["a"]].assign(id=range(120), name=[f"person {i}" for i in range(120)])
    own = AnygradClassifier(**FAST).fit(X, frame["a"] > 0)
    assert own.weights_hash_ == AnygradClassifier(**FAST).fit(frame[["a"]], frame["a"] > 0).weights_hash_
    assert "`id`" in " ".join(own.decisions_)
    assert "`name`" in " ".join(own.decisions_)
    assert own.n_features_in_ == 3


class Narrow(AnygradClassifier):
    """What somebody derives from an estimator, with parameters of its own."""

    def __init__(self, width=5, max_iter=10, recipe=None):
        super().__init__(hidden_layer_sizes=(width,), max_iter=max_iter, random_state=0, device="cpu", recipe=recipe)
        self.width = width


def test_a_class_that_is_derived_has_the_parameters_that_it_sets(frame):
    X, y = frame[["a"]], frame["a"] > 0
    plain = AnygradClassifier(**FAST, hidden_layer_sizes=(5,)).fit(X, y)
    assert Narrow().fit(X, y).weights_hash_ == plain.weights_hash_
    assert Narrow(recipe={"train": {"batch_size": 64}}).fit(X, y).weights_hash_ == plain.weights_hash_
    assert cross_val_score(Narrow(width=3), X, y, cv=2).shape == (2,)
    assert repr(Narrow(width=3)) == "Narrow(width=3)"
    assert pickle.loads(pickle.dumps(Narrow(width=3).fit(X, y))).coefs_[0].shape == (1, 3)


NUMPY = [
    ({"hidden_layer_sizes": np.array([5, 3])}, {"hidden_layer_sizes": (5, 3)}),
    ({"hidden_layer_sizes": np.int64(5), "batch_size": np.int32(8)}, {"hidden_layer_sizes": 5, "batch_size": 8}),
    ({"max_grad_norm": np.float32(0.5), "dropout": np.float32(0.5)}, {"max_grad_norm": 0.5, "dropout": 0.5}),
    ({"max_grad_value": np.int64(1), "most_categories": np.int64(3)}, {"max_grad_value": 1, "most_categories": 3}),
    ({"beta_1": np.float32(0.5), "epsilon": np.float32(0.25)}, {"beta_1": 0.5, "epsilon": 0.25}),
    ({"shuffle": np.bool_(False), "threshold": np.float32(0.5)}, {"shuffle": False, "threshold": 0.5}),
    ({"layers": [{"linear": np.int64(4)}, "relu", "linear 2"]}, {"layers": ["linear 4", "relu", "linear 2"]}),
    (
        {"learning_rate": {"kind": "step", "period": np.int64(2), "gamma": np.float32(0.5)}},
        {"learning_rate": {"kind": "step", "period": 2, "gamma": 0.5}},
    ),
    ({"recipe": {"seed": np.int64(4)}, "random_state": None}, {"random_state": 4}),
]


@pytest.mark.parametrize(("given", "meant"), NUMPY, ids=range(len(NUMPY)))
def test_numbers_of_numpy_are_numbers(frame, given, meant):
    X, y = frame[["a"]], frame["a"] > 0
    own = AnygradClassifier(**{**FAST, **given}).fit(X, y)
    assert own.weights_hash_ == AnygradClassifier(**{**FAST, **meant}).fit(X, y).weights_hash_


def test_where_one_batch_holds_all_rows_a_whole_weight_is_so_many_rows():
    X = np.random.default_rng(0).normal(size=(30, 2))
    y, weights = (X[:, 0] > 0).astype(int), np.arange(30) % 3
    own = AnygradClassifier(**FAST).fit(X, y, sample_weight=weights)
    often = np.repeat(np.arange(30), weights)
    assert AnygradClassifier(**FAST).fit(X[often], y[often]).weights_hash_ == own.weights_hash_


def test_times_of_other_zones_and_units_are_the_same_times(own, frame):
    berlin = frame.assign(day=frame["day"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))
    python = frame.assign(day=[time.to_pydatetime().replace(tzinfo=datetime.timezone.utc) for time in frame["day"]])
    for other in (berlin, python, python.astype({"day": object})):
        assert (own.predict_proba(other) == own.predict_proba(frame)).all()

"""Frames of pandas and polars and Arrow tables, mixed columns and all, come to the program's weights."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from anygrad import AnygradClassifier

SAME = {"random_state": 3, "max_iter": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def mixed():
    """Numbers, whole numbers, words, truth values and times, with holes in some of them."""
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n).round(1),
            "sex": rng.choice(["m", "f"], n),
            "town": rng.choice(["ulm", "bonn", "köln"], n),
            "smoker": rng.choice([True, False], n),
            "day": pd.date_range("2020-01-01", periods=n, freq="7h"),
            "visits": rng.integers(0, 5, n),
        }
    )
    frame.loc[rng.choice(n, 30), "age"] = np.nan
    frame.loc[rng.choice(n, 30), "town"] = None
    frame["y"] = np.where((frame["age"].fillna(40) > 40) ^ (frame["sex"] == "m"), "yes", "no")
    return frame


@pytest.fixture(scope="module")
def hash_(mixed, trained):
    return trained(mixed)["weights_hash"]


def no_change(X):
    return X


def as_categories(X):
    return X.astype({"sex": "category", "town": "category"})


def as_unused_categories(X):
    levels = pd.CategoricalDtype(["paris", "köln", "ulm", "bonn"])
    return X.astype({"town": levels})


def as_nullable(X):
    return X.astype({"age": "Float64", "sex": "string", "town": "string", "smoker": "boolean", "visits": "Int64"})


def as_small(X):
    return X.astype({"visits": "Int8", "day": "datetime64[ms]"})


def as_objects(X):
    return X.astype(object).where(X.notna(), None)


def as_arrow(X):
    return X.convert_dtypes(dtype_backend="pyarrow")


def in_berlin(X):
    return X.assign(day=X["day"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"))


def with_an_index(X):
    return X.set_index(pd.Index(np.arange(len(X)) * 7 - 3, name="age"))


def with_one_index_for_all(X):
    return X.set_index(np.zeros(len(X)))


def with_two_indexes(X):
    return X.set_index(pd.MultiIndex.from_arrays([range(len(X)), range(len(X))]))


def with_python_times(X):
    return X.assign(day=[time.to_pydatetime() for time in X["day"]]).astype({"day": object})


def with_a_time_in_nanoseconds(X):
    return X.assign(day=X["day"].astype("datetime64[ns]"))


def in_polars(X):
    return pl.from_pandas(X)


def in_polars_with_categories(X):
    return pl.from_pandas(X).with_columns(pl.col("sex", "town").cast(pl.Categorical), pl.col("visits").cast(pl.UInt8))


def in_polars_in_pieces(X):
    half = pl.from_pandas(X[:100]), pl.from_pandas(X[100:])
    return pl.concat(half, rechunk=False)


def in_an_arrow_table(X):
    return pa.Table.from_pandas(X, preserve_index=False)


def in_an_arrow_table_in_pieces(X):
    return pa.concat_tables([in_an_arrow_table(X[:77]), in_an_arrow_table(X[77:])])


def in_an_arrow_batch(X):
    return pa.RecordBatch.from_pandas(X, preserve_index=False)


def in_an_arrow_dictionary(X):
    table = in_an_arrow_table(X)
    at = table.column_names.index("town")
    return table.set_column(at, "town", table["town"].dictionary_encode())


KINDS = [
    no_change,
    as_categories,
    as_unused_categories,
    as_nullable,
    as_small,
    as_objects,
    as_arrow,
    in_berlin,
    with_an_index,
    with_one_index_for_all,
    with_two_indexes,
    with_python_times,
    with_a_time_in_nanoseconds,
    in_polars,
    in_polars_with_categories,
    in_polars_in_pieces,
    in_an_arrow_table,
    in_an_arrow_table_in_pieces,
    in_an_arrow_batch,
    in_an_arrow_dictionary,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_of_frame_comes_to_the_programs_weights(mixed, hash_, kind):
    X = kind(mixed.drop(columns="y"))
    own = AnygradClassifier(**SAME).fit(X, mixed["y"])
    assert own.weights_hash_ == hash_
    assert list(own.feature_names_in_) == ["age", "sex", "town", "smoker", "day", "visits"]
    # A model of one kind of frame answers rows of another.
    plain = AnygradClassifier(**SAME).fit(mixed.drop(columns="y"), mixed["y"])
    assert (own.predict_proba(mixed.drop(columns="y")) == plain.predict_proba(X)).all()


@pytest.mark.parametrize(
    "target",
    [
        lambda y: y,
        lambda y: y.to_numpy(),
        lambda y: y.tolist(),
        lambda y: y.astype("category"),
        lambda y: y.astype("string[pyarrow]"),
        lambda y: pd.Categorical(y, categories=["yes", "no"]),
        lambda y: pl.Series(y),
        lambda y: pl.Series(y).cast(pl.Categorical),
        lambda y: pa.array(y),
        lambda y: pa.chunked_array([y[:9], y[9:]]),
        lambda y: (y == "yes").astype(int),
        lambda y: (y == "yes").astype(float),
        lambda y: y == "yes",
        lambda y: (y == "yes").astype("boolean"),
        lambda y: (y == "yes").astype("Int64"),
        lambda y: (y == "yes").astype(object),
        lambda y: np.where(y == "yes", 1, -1),
    ],
)
def test_each_kind_of_target_comes_to_the_programs_weights(mixed, hash_, target):
    y = target(mixed["y"])
    own = AnygradClassifier(**SAME).fit(mixed.drop(columns="y"), y)
    assert own.weights_hash_ == hash_
    found = own.predict(mixed.drop(columns="y"))
    assert found.dtype == own.classes_.dtype
    assert own.score(mixed.drop(columns="y"), y) == (found == np.asarray(y)).mean() > 0.5


def test_columns_of_numbers_with_numbers_for_names_are_an_array(mixed):
    X = np.random.default_rng(1).normal(size=(300, 3))
    plain = AnygradClassifier(**SAME).fit(X, mixed["y"])
    own = AnygradClassifier(**SAME).fit(pd.DataFrame(X), mixed["y"])
    assert own.weights_hash_ == plain.weights_hash_
    assert not hasattr(own, "feature_names_in_")


def test_odd_names_are_names(trained, tmp_path):
    X = np.random.default_rng(1).normal(size=(60, 4))
    frame = pd.DataFrame(X, columns=["a,b", 'the "c"', "größe (cm)", "温度"]).assign(y=np.arange(60) % 2)
    own = AnygradClassifier(**SAME).fit(frame.drop(columns="y"), frame["y"])
    assert own.weights_hash_ == trained(frame)["weights_hash"]
    own.save(tmp_path / "model.safetensors")
    again = AnygradClassifier.load(tmp_path / "model.safetensors")
    assert list(again.feature_names_in_) == list(frame.columns[:-1])


def test_days_and_times_with_holes(trained):
    rng = np.random.default_rng(4)
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(days=int(day)) for day in rng.integers(0, 900, 90)]
    frame = pd.DataFrame({"day": days, "a": rng.normal(size=90), "y": rng.integers(0, 2, 90)}).astype({"day": object})
    frame.loc[rng.choice(90, 9), "day"] = None
    hash_ = trained(frame)["weights_hash"]
    for X in (frame[["day", "a"]], frame[["day", "a"]].astype({"day": "datetime64[s]"})):
        assert AnygradClassifier(**SAME).fit(X, frame["y"]).weights_hash_ == hash_
        assert AnygradClassifier(**SAME).fit(pl.from_pandas(X), frame["y"]).weights_hash_ == hash_


def test_truth_values_with_holes(trained):
    rng = np.random.default_rng(5)
    flags = rng.choice(np.array([True, False, None], dtype=object), 90)
    frame = pd.DataFrame({"flag": flags, "a": rng.normal(size=90), "y": rng.integers(0, 2, 90)})
    hash_ = trained(frame)["weights_hash"]
    for X in (frame[["flag", "a"]], frame[["flag", "a"]].astype({"flag": "boolean"})):
        assert AnygradClassifier(**SAME).fit(X, frame["y"]).weights_hash_ == hash_
        assert AnygradClassifier(**SAME).fit(pl.from_pandas(X), frame["y"]).weights_hash_ == hash_


def test_numbers_that_pandas_calls_categories_are_categories(trained):
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"code": rng.integers(1, 5, 90), "a": rng.normal(size=90), "y": rng.integers(0, 2, 90)})
    hash_ = trained(frame, "--categorical", "code")["weights_hash"]
    assert hash_ != trained(frame)["weights_hash"]
    X = frame[["code", "a"]]
    assert AnygradClassifier(**SAME).fit(X.astype({"code": "category"}), frame["y"]).weights_hash_ == hash_
    for own in (X, X.astype({"code": str}), pl.from_pandas(X), in_an_arrow_table(X)):
        assert AnygradClassifier(**SAME, categorical=["code"]).fit(own, frame["y"]).weights_hash_ == hash_


def test_a_column_of_nothing_is_left_out():
    X = pd.DataFrame({"nothing": [None] * 40, "a": np.arange(40.0)})
    y = np.arange(40) > 20
    plain = AnygradClassifier(**SAME).fit(X[["a"]], y)
    null = pa.table({"nothing": pa.nulls(40), "a": X["a"]})
    for own in (
        X,
        X.astype({"nothing": float}),
        pl.from_pandas(X),
        pl.DataFrame({"nothing": [None] * 40, "a": X["a"]}),
        null,
    ):
        assert AnygradClassifier(**SAME).fit(own, y).weights_hash_ == plain.weights_hash_


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_texts_are_read_as_the_cells_of_a_file(trained, kind):
    rng = np.random.default_rng(1)
    n = 150
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=n, freq="9D").strftime("%d.%m.%Y"),
            "size": [f"{number:.3f}" for number in rng.normal(size=n)],
            "rank": ["1", "2", "3"] * (n // 3),
            "word": ["oak", "ash", None] * (n // 3),
            "odd": ['a "b"', "c,d", "e\nf"] * (n // 3),
        }
    )
    frame["y"] = rng.choice(["yes", "no"], n)
    X = frame.drop(columns="y") if kind == "pandas" else pl.from_pandas(frame).drop("y")
    net = AnygradClassifier(**SAME).fit(X, frame["y"])
    assert net.weights_hash_ == trained(frame)["weights_hash"]
    assert net.decisions_[:3] == [
        "columns 2 numbers: size, rank",
        "columns 1 times, as their parts: day",
        "columns 2 categories: word (2 categories), odd (3 categories)",
    ]
    # One row is read as the rows of training were: its date, which may be either order, too.
    assert (net.predict_proba(X[:1]) == net.predict_proba(X)[:1]).all()

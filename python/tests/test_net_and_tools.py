"""Net by names, and what helps to understand a net: explain, gradcheck, plan and devices."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_iris

import anygrad
from anygrad import AnygradClassifier, AnygradRegressor, Net, explain, gradcheck, plan

X, Y = load_iris(return_X_y=True)
FRAME = pd.DataFrame(X, columns=[*"abcd"])
WORDS = np.array(["setosa", "versicolor", "virginica"])[Y]

# --- Net ----------------------------------------------------------------------------------------------------------------


def net(layers=("linear 12", "tanh", "linear 3"), **settings):
    adam = {"kind": "adam", "learning_rate": 0.02}
    return Net(list(layers), **{"optimizer": adam, "epochs": 40, "seed": 0, "device": "cpu", **settings})


@pytest.mark.parametrize(
    "y",
    [
        Y,
        WORDS,
        WORDS.astype(object),
        Y.astype(object),
        pd.Series(WORDS),
        pd.Categorical(WORDS),
        Y.reshape(-1, 1),
        Y.tolist(),
    ],
)
def test_classes_come_back_as_they_were_given(y):
    own = net().fit(X, y)
    assert list(own.classes_) == sorted(set(np.ravel(y)))
    assert (own.predict(X) == np.ravel(y)).mean() > 0.9
    assert own.outputs(X).shape == (150, 3)
    assert own.outputs(X).dtype == np.float32


def test_truth_values_are_classes_and_numbers_are_none():
    assert net(("linear 2",)).fit(X, Y == 0).predict(X[:2]).tolist() == [True, True]
    own = net(("linear 8", "relu", "linear 1")).fit(X, X[:, 0] + 0.01)
    assert abs(own.predict(X) - X[:, 0]).mean() < 0.3
    with pytest.raises(AttributeError, match="numbers, not classes"):
        own.classes_  # noqa: B018
    assert net(("linear 2",)).fit(X, X[:, :2]).predict(X).shape == (150, 2)
    assert net(("linear 1",), recipe={"data": {"task": "values"}}).fit(X, Y).predict(X).dtype == np.float32


def test_layers_losses_and_schedules_have_names():
    own = Net(
        ["linear 8", "gelu", "dropout 0.1", {"residual": [{"linear": 8}, {"activation": "relu"}]}, "linear 3"],
        loss={"kind": "cross_entropy", "label_smoothing": 0.1},
        optimizer={"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9},
        schedule={"kind": "step", "period": 5, "gamma": 0.5},
        epochs=10,
        batch_size="full",
        seed=5,
    ).fit(X, Y)
    assert [round(report["learning_rate"], 4) for report in own.history_][::5] == [0.05, 0.025]
    assert own.recipe_["loss"]["kind"] == "cross_entropy"
    assert own.recipe_["seed"] == 5
    assert "residual" in repr(own)
    assert repr(Net(["linear 3"])) == "Net([{'linear': 3}])"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"layers": ["liner 3"]}, "unknown layer 'liner 3'"),
        ({"layers": ["rleu"]}, "did you mean `relu`"),
        ({"loss": "mse"}, "did you mean `mean_squared_error`"),
        ({"optimizer": "adma"}, "unknown optimizer 'adma'"),
        ({"schedule": "cosinus"}, "cosine"),
        ({"epochs": -1}, "epochs = -1"),
        ({"recipe": {"lyers": []}}, "unknown field `lyers`"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_named(wrong, says):
    with pytest.raises(ValueError, match=says):
        Net(**wrong)


def test_columns_must_be_those_of_training():
    own = net().fit(FRAME, Y)
    for wrong in (FRAME[[*"bacd"]], FRAME[[*"abc"]], FRAME.rename(columns={"a": "z"}), pl.from_pandas(FRAME[[*"bacd"]])):
        with pytest.raises(ValueError, match="feature names should match"):
            own.predict(wrong)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert (own.predict(X) == own.predict(FRAME)).all()
    with pytest.raises(ValueError, match="X has 3 features, but Net is expecting 4"):
        net().fit(X, Y).predict(X[:, :3])


def test_a_fit_that_fails_leaves_the_net_as_it_was():
    own = net().fit(X, WORDS)
    before = own.weights_hash_, own.outputs(X).tolist()
    for rows, y in ((FRAME, np.where(Y > 0, "a", None)), (np.full((150, 2), np.nan), Y), (X[:, :2], X), (X, Y[:9])):
        with pytest.raises(ValueError, match="."):
            own.fit(rows, y)
        assert (own.weights_hash_, own.outputs(X).tolist()) == before
        assert set(own.predict(X)) == set(WORDS)


def test_weights_and_validation_rows_count():
    plain = net().fit(X, Y)
    assert net().fit(X, Y, sample_weight=np.linspace(0.1, 2, 150)).weights_hash_ != plain.weights_hash_
    own = net().fit(X[::2], Y[::2], validation_data=(X[1::2], Y[1::2], np.ones(75)))
    assert own.history_[-1]["validation_accuracy"] > 0.9
    for wrong in (3, (X,), (X[:, :2], Y), (X, WORDS)):
        with pytest.raises((ValueError, TypeError), match="."):
            net().fit(X, Y, validation_data=wrong)


# --- what helps to understand it ------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [X, X.tolist(), FRAME, pl.from_pandas(FRAME)], ids=["array", "list", "pandas", "polars"])
def test_explain_shows_one_row_through_one_step(frame):
    own = explain(net(("linear 2", "relu", "linear 3")), frame, WORDS, row=100)
    text = str(own)
    stages = ["INPUT", "FORWARD", "LOSS", "BACKWARD", "UPDATE", "AFTER"]
    assert [line for line in text.splitlines() if line.isalpha()] == stages
    assert "the class `virginica`" in text
    assert repr(own) == f"<Explanation of {len(own.steps)} formulas; print it>"
    values = {value["symbol"]: np.reshape(value["values"], value["shape"]) for step in own.steps for value in step["values"]}
    z = values["W⁽¹⁾"] @ values["x"] + values["b⁽¹⁾"]
    assert np.allclose(values["z⁽¹⁾"], z, atol=1e-6)
    assert values["L after"] < values["L before"]


def test_explain_takes_estimators_and_changes_nothing():
    for own, y in ((AnygradClassifier(max_iter=2), WORDS), (AnygradRegressor(max_iter=2), X[:, 0])):
        before = str(explain(own, X, y))
        assert not own.__sklearn_is_fitted__()
        own.fit(X, y)
        hash_, params = own.weights_hash_, own.get_params()
        assert str(explain(own, X, y)) == before
        explain(own, FRAME, y)
        assert own.weights_hash_ == hash_
        assert own.get_params() == params
        assert not hasattr(own, "feature_names_in_")
    fitted = net().fit(X, WORDS)
    explain(fitted, FRAME, np.array(["a", "b", "c"])[Y])
    assert set(fitted.predict(X)) == set(WORDS)


def test_explain_says_which_rows_there_are():
    for row in (150, -1, "first"):
        with pytest.raises(ValueError, match=f"row = '?{row}"):
            explain(net(), X, Y, row=row)
    with pytest.raises(TypeError, match="a Net or an estimator of anygrad is needed"):
        explain(3, X, Y)


@pytest.mark.parametrize("device", ["cpu", "gpu"][: len(anygrad.devices())])
def test_gradients_agree_with_difference_quotients(device):
    nets = [
        (net(("linear 5", "tanh", "linear 3"), device=device), Y),
        (net(("linear 5", "gelu", "linear 1"), loss="huber", device=device), X[:, 0]),
        (AnygradClassifier(activation="silu", device=device), WORDS),
        (AnygradRegressor(hidden_layer_sizes=(3, 3), activation="softplus", device=device), X[:, :2]),
    ]
    for own, y in nets:
        found = gradcheck(own, X, y, elements=20, rows=4)
        assert found["ok"]
        assert found["error"] is None
        assert all(tensor["ok"] for tensor in found["tensors"])
        names = [tensor["of"]["name"] for tensor in found["tensors"]]
        assert names[:2] == ["0.weight", "0.bias"]
        assert (found["tensors"][0]["of"]["device"] is not None) == (device == "gpu")


@pytest.mark.parametrize("device", ["cpu", "gpu"][: len(anygrad.devices())])
def test_a_plan_names_launches_and_buffers(device):
    text = plan(AnygradClassifier(hidden_layer_sizes=(7,), device=device), X, Y)
    assert "phase train" in text
    assert "0.weight[7, 4]" in text
    assert "2.weight[3, 7]" in text
    assert plan(net(device=device), FRAME, Y) != text


def test_devices_end_with_the_processor():
    *adapters, processor = anygrad.devices()
    assert processor["device"] == "cpu"
    assert processor["processors"] >= 1
    assert [adapter["device"] for adapter in adapters] == [str(place) for place in range(len(adapters))]
    assert all({"name", "backend", "kind", "driver", "software"} <= set(adapter) for adapter in adapters)


def test_all_public_names_say_what_they_are():
    for name in anygrad.__all__:
        own = getattr(anygrad, name)
        assert name == "__version__" or own.__doc__, name
    for kind in (AnygradClassifier, AnygradRegressor, Net):
        methods = [name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))]
        assert [name for name in methods if not getattr(kind, name).__doc__] == []
        if kind is not Net:
            said = kind.__doc__[: kind.__doc__.index("\nAttributes\n")]
            lines = [line for line in said.splitlines() if " : " in line and not line.startswith(" ")]
            names = [name.strip() for line in lines for name in line.split(" : ")[0].split(",")]
            assert names == list(kind().get_params()) or set(names) == set(kind().get_params())

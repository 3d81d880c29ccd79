"""On a graphics adapter the estimators train and predict as on the processor, up to rounding."""

import os
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import anygrad
from anygrad import AnygradClassifier, AnygradRegressor, DeviceError, Net


@pytest.fixture(scope="module", autouse=True)
def gpu():
    if len(anygrad.devices()) < 2:
        message = "there is no graphics adapter, not even a software one"
        if os.environ.get("ANYGRAD_REQUIRE_GPU") == "1":
            pytest.fail(f"{message}, and ANYGRAD_REQUIRE_GPU=1")
        warnings.warn(pytest.PytestWarning(f"SKIPPED: {message}"), stacklevel=2)
        pytest.skip(message)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, random_state=0)


def test_digits_are_learnt_and_predicted(digits):
    X, X_test, y, y_test = digits
    own = AnygradClassifier(device="gpu", random_state=0, max_iter=12).fit(X, y)
    cpu = AnygradClassifier(device="cpu", random_state=0, max_iter=12).fit(X, y)
    assert own.device_ != cpu.device_
    assert own.score(X_test, y_test) > 0.95
    assert np.allclose(own.predict_proba(X_test), cpu.predict_proba(X_test), atol=1e-3)
    assert np.allclose(own.loss_curve_, cpu.loss_curve_, rtol=1e-3)


def test_a_model_predicts_on_the_other_device(digits):
    X, X_test, y, _ = digits
    own = AnygradClassifier(device="gpu", random_state=0, max_iter=3).fit(X, y)
    there = own.predict_proba(X_test)
    assert np.allclose(own.set_params(device="cpu").predict_proba(X_test), there, atol=1e-5)
    assert (own.set_params(device="gpu").predict_proba(X_test) == there).all()
    with pytest.raises(DeviceError, match="none such"):
        own.set_params(device="none such").predict(X_test)


def test_regression_with_weights_and_dropout():
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = X[:, 0] - 2 * X[:, 1]
    weights = np.linspace(0.5, 2, 300)
    own, cpu = (
        AnygradRegressor(device=device, random_state=0, max_iter=40, dropout=0.05).fit(X, y, sample_weight=weights)
        for device in ("gpu", "cpu")
    )
    assert own.score(X, y) > 0.9
    assert np.allclose(own.predict(X), cpu.predict(X), atol=1e-2)


@pytest.mark.parametrize("solver", ["adamw", "sgd", "rmsprop"])
def test_five_epochs_and_five_are_ten(digits, solver):
    X, _, y, _ = digits
    settings = {"device": "gpu", "random_state": 0, "max_iter": 4, "solver": solver, "dropout": 0.1}
    whole = AnygradClassifier(**settings).fit(X[:200], y[:200])
    own = AnygradClassifier(**settings).partial_fit(X[:200], y[:200], epochs=2).partial_fit(X[:200], y[:200], epochs=2)
    assert own.weights_hash_ == whole.weights_hash_


def test_a_run_that_began_elsewhere_goes_on(digits):
    X, _, y, _ = digits
    own = AnygradClassifier(device="cpu", random_state=0, max_iter=4).partial_fit(X, y, epochs=2)
    own.set_params(device="gpu").partial_fit(X, y, epochs=2)
    cpu = AnygradClassifier(device="cpu", random_state=0, max_iter=4).fit(X, y)
    assert np.allclose(own.predict_proba(X), cpu.predict_proba(X), atol=1e-3)


def test_a_net_by_names(digits):
    X, X_test, y, y_test = digits
    net = Net(["linear 32", "relu", "linear 10"], epochs=8, device="gpu").fit(X, y)
    assert (net.predict(X_test) == y_test).mean() > 0.9


def test_an_adapter_is_named_by_its_place_or_its_name(rows):
    X, y = rows
    place = anygrad.devices()[0]
    for device in (place["device"], int(place["device"]), place["name"], place["name"][:5].lower()):
        assert AnygradClassifier(device=device, max_iter=1).fit(X, y).device_ == place["name"]

"""Nothing is printed unless it is asked for, callbacks decide, and importing the package brings in nothing else."""

import numpy as np
import pytest

import anygrad
from anygrad import AnygradClassifier, AnygradRegressor, Net

ALL = """
import pickle
import numpy as np, pandas as pd
import anygrad
from anygrad import AnygradClassifier, AnygradRegressor, Net

frame = pd.DataFrame({"a": [1.0, 2, None, 4] * 30, "town": ["ulm", "bonn", None, "köln"] * 30, "id": range(120)})
y = np.arange(120) % 2
for device in ["cpu", "gpu"][: len(anygrad.devices())]:
    net = AnygradClassifier(device=device, max_iter=3, early_stopping=True).fit(frame, y)
    net.partial_fit(frame, y).predict_proba(frame)
    AnygradRegressor(device=device, max_iter=3, callbacks=[lambda report: None]).fit(frame, y).score(frame, y)
net.save("model"), AnygradClassifier.load("model"), pickle.loads(pickle.dumps(net)), net.to_onnx()
X = frame[["a"]].fillna(0)
Net(["linear 2"], epochs=2).fit(X, y)
anygrad.explain(net, frame, y), anygrad.gradcheck(Net(["linear 2"]), X, y), anygrad.plan(net, frame, y)
for wrong in ({"device": "none such"}, {"solver": "sgd", "learning_rate_init": 1e30}, {"activation": "rleu"}):
    try:
        AnygradClassifier(**wrong).fit(frame, y)
    except (ValueError, RuntimeError, ArithmeticError):
        continue
    raise AssertionError(wrong)
"""


def test_nothing_is_printed_unless_asked_for(process):
    done = process(ALL)
    assert (done.stdout, done.stderr) == ("", "")


def test_verbose_prints_a_line_for_each_epoch(rows, capfd):
    X, y = rows
    AnygradClassifier(max_iter=3, verbose=True, early_stopping=True, device="cpu").fit(X, y)
    said = capfd.readouterr()
    lines = said.out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all("loss" in line and "validation accuracy" in line for line in lines)
    assert said.err == ""
    Net(["linear 2"], epochs=2, device="cpu").fit(X, y, verbose=True)
    assert capfd.readouterr().out.count("\n") == 2


def test_verbose_goes_where_python_prints(rows, capsys):
    X, y = rows
    AnygradRegressor(max_iter=2, verbose=True, device="cpu").fit(X, X[:, 0])
    assert capsys.readouterr().out.count("epoch") == 2


def test_the_import_brings_in_numpy_only(process):
    script = """
import sys
import anygrad
others = {"sklearn", "pandas", "scipy", "polars", "pyarrow", "matplotlib", "onnx", "torch"} & set(sys.modules)
assert not others, others
import numpy as np
X = np.random.default_rng(0).normal(size=(50, 2))
anygrad.Net(["linear 2"], epochs=2, device="cpu").fit(X, (X[:, 0] > 0).astype(int)).predict(X)
assert not {"pandas", "polars", "pyarrow"} & set(sys.modules)
"""
    process(script)


def test_without_scikit_learn_all_but_its_tags_works(process):
    script = """
import sys
sys.modules["sklearn"] = None
import pickle
import numpy as np
import anygrad
from anygrad import AnygradClassifier, AnygradRegressor, NotFittedError

X = np.random.default_rng(0).normal(size=(60, 2))
own = AnygradClassifier(max_iter=20, random_state=0).fit(X, X[:, 0] > 0)
assert own.score(X, X[:, 0] > 0) > 0.7
assert pickle.loads(pickle.dumps(own)).weights_hash_ == own.weights_hash_
AnygradRegressor(max_iter=2).fit(X, X[:, 0]).predict(X)
try:
    AnygradClassifier().predict(X)
except NotFittedError as error:
    assert "not fitted yet" in str(error)
else:
    raise AssertionError
"""
    process(script)


# --- callbacks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cpu", "gpu"][: len(anygrad.devices())])
def test_callbacks_are_told_of_each_epoch(rows, device):
    X, y = rows
    first, second = [], []
    own = AnygradClassifier(max_iter=4, early_stopping=True, callbacks=[first.append, second.append], device=device)
    own.fit(X, y)
    assert first == second
    assert [report["train_loss"] for report in first] == own.loss_curve_
    assert [report["validation_accuracy"] for report in first] == own.validation_scores_
    assert np.allclose([list(report.values())[-1] for report in first], [r["learning_rate"] for r in own.history_])
    assert [report["epoch"] for report in first] == [1, 2, 3, 4]
    names = {"train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate"}
    assert names <= set(first[0])


@pytest.mark.parametrize("device", ["cpu", "gpu"][: len(anygrad.devices())])
def test_a_callback_that_returns_true_ends_the_run(rows, device):
    X, y = rows
    seen = []
    stops = [lambda report: report["epoch"] >= 3, lambda report: seen.append(report) and None]
    own = AnygradClassifier(max_iter=50, callbacks=stops, device=device).fit(X, y)
    assert own.n_iter_ == len(own.loss_curve_) == 3
    # All are told of the epoch behind which one stops.
    assert len(seen) == 3
    assert own.predict(X).shape == (120,)


class Mishap(Exception):
    """One of the user's own."""


@pytest.mark.parametrize("error", [Mishap("mine"), KeyError("k"), SystemExit(3), KeyboardInterrupt(), StopIteration()])
def test_an_exception_of_a_callback_comes_through_as_it_is(rows, error):
    X, y = rows

    def fails(report):
        if report["epoch"] == 2:
            raise error

    own = AnygradClassifier(max_iter=3, device="cpu").fit(X, y)
    before = own.weights_hash_, own.loss_curve_
    own.set_params(callbacks=[fails], max_iter=1000)
    with pytest.raises(type(error)) as caught:
        own.fit(X[:50], y[:50])
    assert caught.value is error
    assert "fails" in [entry.name for entry in caught.traceback]
    assert (own.weights_hash_, own.loss_curve_) == before
    new = AnygradClassifier(callbacks=fails, device="cpu")
    with pytest.raises(type(error)):
        new.fit(X, y)
    assert not new.__sklearn_is_fitted__()


def test_a_callback_may_train_another_net(rows):
    X, y = rows
    scores = []

    def trains(report):
        scores.append(AnygradClassifier(max_iter=2, device="cpu", random_state=0).fit(X, y).score(X, y))

    AnygradClassifier(max_iter=3, callbacks=trains, device="cpu").fit(X, y)
    assert len(set(scores)) == 1
    assert len(scores) == 3


def test_a_callback_may_return_what_has_no_truth(rows):
    X, y = rows
    own = AnygradClassifier(max_iter=3, callbacks=lambda report: np.zeros(3), device="cpu")
    with pytest.raises(ValueError, match="truth value"):
        own.fit(X, y)


def test_callbacks_that_cannot_be_called_are_refused(rows):
    X, y = rows
    for callbacks in (3, [print, "stop"]):
        with pytest.raises(TypeError, match="cannot be called"):
            AnygradClassifier(callbacks=callbacks).fit(X, y)

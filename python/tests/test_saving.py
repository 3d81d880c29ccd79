"""What was trained outlives the process: files of the program, pickle, copies, ONNX and other languages."""

import copy
import json
import pickle
import subprocess
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import absent
from sklearn.base import clone, is_classifier, is_regressor

from anygrad import AnygradClassifier, AnygradRegressor, Net

FAST = {"random_state": 0, "max_iter": 5, "device": "cpu"}


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    n = 150
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n).round(1),
            "town": rng.choice(["ulm", "bonn", "köln"], n),
            "smoker": rng.choice([True, False], n),
        }
    )
    frame.loc[::9, "age"] = np.nan
    return frame, pd.Series(np.where(frame["age"].fillna(40) > 40, "old", "young"), name="group")


@pytest.fixture(scope="module")
def fitted(mixed):
    return AnygradClassifier(**FAST).fit(*mixed)


@pytest.mark.parametrize("keep", [copy.deepcopy, lambda own: pickle.loads(pickle.dumps(own))], ids=["deepcopy", "pickle"])
def test_a_copy_is_the_same(fitted, mixed, keep):
    own = keep(fitted)
    assert own.weights_hash_ == fitted.weights_hash_
    assert own.get_params() == fitted.get_params()
    assert own.recipe_ == fitted.recipe_
    assert (own.predict_proba(mixed[0]) == fitted.predict_proba(mixed[0])).all()
    assert own.loss_curve_ == fitted.loss_curve_
    assert own.partial_fit(*mixed).weights_hash_ == keep(fitted).partial_fit(*mixed).weights_hash_


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_each_protocol_of_pickle_does(fitted, mixed, protocol):
    own = pickle.loads(pickle.dumps(fitted, protocol))
    assert (own.predict(mixed[0]) == fitted.predict(mixed[0])).all()


def test_joblib_keeps_it(fitted, mixed, tmp_path):
    joblib.dump(fitted, tmp_path / "own.joblib", compress=3)
    assert joblib.load(tmp_path / "own.joblib").score(*mixed) == fitted.score(*mixed)


def test_what_is_not_fitted_is_kept_as_such():
    own = pickle.loads(pickle.dumps(AnygradRegressor(hidden_layer_sizes=(3,))))
    assert repr(own) == "AnygradRegressor(hidden_layer_sizes=(3,))"
    assert not own.__sklearn_is_fitted__()


# --- files of the program ---------------------------------------------------------------------------------------------


def test_a_file_holds_the_model(fitted, mixed, tmp_path):
    fitted.save(tmp_path / "own.safetensors")
    own = AnygradClassifier.load(tmp_path / "own.safetensors")
    assert own.weights_hash_ == fitted.weights_hash_
    assert (own.predict_proba(mixed[0]) == fitted.predict_proba(mixed[0])).all()
    assert (own.predict(mixed[0]) == fitted.predict(mixed[0])).all()
    assert list(own.classes_) == ["old", "young"]
    assert list(own.feature_names_in_) == ["age", "town", "smoker"]
    assert own.n_features_in_ == 3


def test_what_was_loaded_goes_on_from_its_weights(rows, tmp_path):
    X, y = rows
    fitted = AnygradClassifier(**FAST, solver="sgd", momentum=0.0, learning_rate="constant").fit(X, y)
    fitted.save(tmp_path / "own.safetensors")
    own = AnygradClassifier.load(tmp_path / "own.safetensors")
    assert own.n_iter_ == 5
    # What is learnt by no step: the weights stay what they were.
    own.set_params(learning_rate_init=0.0, solver="sgd", momentum=0.0).partial_fit(X[:50], y[:50])
    assert own.weights_hash_ == fitted.weights_hash_
    again = AnygradClassifier.load(tmp_path / "own.safetensors").partial_fit(X, y, epochs=3)
    assert again.n_iter_ == 3
    assert again.loss_curve_[0] < fitted.loss_curve_[1]
    assert again.partial_fit(X, y, epochs=2).n_iter_ == 5
    warm = AnygradClassifier.load(tmp_path / "own.safetensors").set_params(warm_start=True).fit(X, y)
    assert warm.loss_curve_[0] < fitted.loss_curve_[1]


def test_what_was_loaded_is_trained_anew_by_its_recipe(rows, tmp_path):
    X, y = rows
    fitted = AnygradClassifier(random_state=8, max_iter=5, hidden_layer_sizes=(7,), device="cpu").fit(X, y)
    fitted.save(tmp_path / "own.safetensors")
    own = AnygradClassifier.load(tmp_path / "own.safetensors")
    assert clone(own).fit(X, y).weights_hash_ == fitted.weights_hash_
    assert own.fit(pd.DataFrame(X, columns=[*"abcd"]), y).weights_hash_ == fitted.weights_hash_
    assert own.fit(X[:, :2], y).n_features_in_ == 2
    own.set_params(random_state=9).fit(X, y)
    assert own.weights_hash_ != fitted.weights_hash_


def test_a_file_is_the_programs(fitted, mixed, program, tmp_path):
    fitted.save(tmp_path / "own.safetensors")
    mixed[0].assign(group=mixed[1]).to_csv(tmp_path / "rows.csv", index=False)

    def run(verb):
        command = [program, verb, "own.safetensors", "--data", "rows.csv", "--format", "json"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()

    assert json.loads(run("eval")[-1])["accuracy"] == pytest.approx(fitted.score(*mixed))
    answers = [json.loads(line) for line in run("predict")]
    assert [answer["class"] for answer in answers] == fitted.predict(mixed[0]).tolist()
    found = [[answer["probabilities"][label] for label in fitted.classes_] for answer in answers]
    assert np.allclose(found, fitted.predict_proba(mixed[0]), atol=1e-6)


def test_a_file_of_the_program_is_read(trained, mixed, program, tmp_path):
    mixed[0].assign(group=mixed[1]).to_csv(tmp_path / "rows.csv", index=False)
    command = [program, "train", "rows.csv", "--out", "run", "--test-fraction", "0", "--seed", "0", "--epochs", "5"]
    subprocess.run([*command, "--device", "cpu"], cwd=tmp_path, capture_output=True, check=True)
    own = AnygradClassifier.load(tmp_path / "run" / "last.safetensors")
    other = AnygradClassifier(**FAST).fit(*mixed)
    assert own.weights_hash_ == other.weights_hash_
    assert (own.predict_proba(mixed[0]) == other.predict_proba(mixed[0])).all()


@pytest.mark.parametrize(
    "labels",
    [np.array(["a", "b"]), np.array([False, True]), np.array([3, 7]), np.array([0.0, 1.0]), np.array([-1, 1])],
    ids=lambda labels: str(labels.tolist()),
)
def test_classes_come_back_as_they_were(rows, labels, tmp_path):
    X, y = rows
    y = labels[(y == "yes").astype(int)]
    own = AnygradClassifier(**{**FAST, "max_iter": 20}).fit(X, y)
    own.save(tmp_path / "own.safetensors")
    again = AnygradClassifier.load(tmp_path / "own.safetensors")
    assert (again.classes_ == labels).all()
    assert again.score(X, y) == own.score(X, y) > 0.8


def test_values_and_labels_come_back(rows, tmp_path):
    X, _ = rows
    two = AnygradRegressor(**FAST).fit(X, X[:, :2])
    two.save(tmp_path / "two.safetensors")
    assert (AnygradRegressor.load(tmp_path / "two.safetensors").predict(X) == two.predict(X)).all()
    labels = AnygradClassifier(**FAST).fit(X, (X[:, :2] > 0).astype(int))
    labels.save(tmp_path / "labels.safetensors")
    again = AnygradClassifier.load(tmp_path / "labels.safetensors")
    assert (again.predict(X) == labels.predict(X)).all()
    assert again.predict_proba(X).shape == (120, 2)


def test_a_threshold_comes_back(rows, tmp_path):
    X, y = rows
    own = AnygradClassifier(**FAST, threshold=0.2).fit(X, y)
    own.save(tmp_path / "own.safetensors")
    assert (AnygradClassifier.load(tmp_path / "own.safetensors").predict(X) == own.predict(X)).all()


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AnygradClassifier, AnygradRegressor])
def test_parameters_are_what_they_were_set_to(kind):
    own = kind(hidden_layer_sizes=[3, 4], random_state=7)
    params = own.get_params()
    assert params["hidden_layer_sizes"] == [3, 4]
    assert kind(**params).get_params() == params
    assert own.set_params(dropout=0.5, device="cpu") is own
    assert own.get_params() == {**params, "dropout": 0.5, "device": "cpu"}
    with pytest.raises(ValueError, match="Invalid parameter 'droput' for estimator"):
        own.set_params(droput=0.1)
    assert is_classifier(own) == (kind is AnygradClassifier)
    assert is_regressor(own) == (kind is AnygradRegressor)


def test_a_clone_has_the_parameters_and_nothing_else(fitted):
    own = clone(fitted.set_params(layers=["linear 3", "relu", "linear 2"]))
    fitted.set_params(layers=None)
    assert own.get_params()["layers"] == ["linear 3", "relu", "linear 2"]
    assert not own.__sklearn_is_fitted__()
    assert not hasattr(own, "classes_")
    asks = clone(AnygradClassifier().set_fit_request(sample_weight=True)).get_metadata_routing()
    assert asks.fit.requests == {"sample_weight": True, "validation_data": None}
    assert asks.score.requests == {"sample_weight": None}


def test_fitting_changes_no_parameter(mixed):
    state = np.random.RandomState(0)
    own = AnygradClassifier(max_iter=2, hidden_layer_sizes=[4], random_state=state, recipe={"train": {"batch_size": 8}})
    before = {name: copy.deepcopy(value) for name, value in own.get_params().items() if name != "random_state"}
    own.fit(*mixed)
    after = own.get_params()
    assert after.pop("random_state") is state
    assert after == before


def test_what_it_is_is_told_by_what_differs():
    assert repr(AnygradClassifier()) == "AnygradClassifier()"
    own = AnygradClassifier(hidden_layer_sizes=(5,), solver="sgd", max_iter=3)
    assert repr(own) == "AnygradClassifier(hidden_layer_sizes=(5,), solver='sgd', max_iter=3)"
    assert len(repr(AnygradClassifier(recipe={"layers": [{"linear": width} for width in range(999)]}))) < 800


# --- other programs ---------------------------------------------------------------------------------------------------


def test_exports_are_written(fitted, tmp_path):
    for to, ending in (
        ("onnx", "onnx"),
        ("c", "c"),
        ("rust", "rs"),
        ("javascript", "js"),
        ("html", "html"),
        ("safetensors", "st"),
    ):
        files = fitted.export(tmp_path / f"own.{ending}", to)
        assert files[0] == str(tmp_path / f"own.{ending}")
        assert all((tmp_path / file).stat().st_size > 1000 for file in files[:1])
    assert (tmp_path / "own.onnx").read_bytes() == fitted.to_onnx()


def answers_of_onnx(content, frame):
    try:
        import onnxruntime
    except ImportError:
        absent("onnxruntime is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(content, options)
    if isinstance(frame, np.ndarray):
        feed = {session.get_inputs()[0].name: frame.astype(np.float32)}
    else:
        feed = {}
        for own in session.get_inputs():
            cells = frame[own.name]
            if own.type == "tensor(string)":
                cells = cells.map(lambda cell: str(cell).lower() if isinstance(cell, bool) else cell).astype(str)
                feed[own.name] = cells.to_numpy(dtype=object).reshape(-1, 1)
            else:
                kind = np.float64 if own.type == "tensor(double)" else np.float32
                feed[own.name] = cells.to_numpy(dtype=kind).reshape(-1, 1)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feed)))


def test_onnx_runtime_gives_the_same_answers(fitted, mixed):
    found = answers_of_onnx(fitted.to_onnx(), mixed[0])
    assert np.allclose(found["probabilities"], fitted.predict_proba(mixed[0]), atol=1e-5)
    assert (found["label"].astype(str) == fitted.predict(mixed[0])).all()


def test_onnx_runtime_gives_the_same_numbers(rows):
    X, _ = rows
    frame = pd.DataFrame(X, columns=[*"abcd"])
    own = AnygradRegressor(**FAST).fit(frame, 100 * X[:, 0])
    found = answers_of_onnx(own.to_onnx(), frame)
    assert np.allclose(found["value"].ravel(), own.predict(frame), rtol=1e-5, atol=1e-4)


def test_a_net_by_names_is_kept(rows, tmp_path):
    X, y = rows
    net = Net(["linear 8", "relu", "linear 2"], epochs=5, device="cpu").fit(X, y)
    net.save(tmp_path / "net.safetensors")
    again = Net.load(tmp_path / "net.safetensors")
    assert again.weights_hash_ == net.weights_hash_
    assert (again.predict(X) == net.predict(X)).all()
    kept = pickle.loads(pickle.dumps(net))
    assert (kept.outputs(X) == net.outputs(X)).all()

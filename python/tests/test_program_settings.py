"""Each parameter does what the program's setting of the same meaning does: the weights are the same."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from anygrad import AnygradClassifier, AnygradRegressor, Net

SAME = {"random_state": 3, "max_iter": 8, "device": "cpu"}

SETTINGS = [
    ({"hidden_layer_sizes": (16, 8)}, "--hidden 16,8"),
    ({"hidden_layer_sizes": 16}, "--hidden 16"),
    ({"hidden_layer_sizes": ()}, "--hidden none"),
    ({"activation": "tanh"}, "--activation tanh"),
    ({"activation": "logistic"}, "--activation sigmoid"),
    ({"activation": "leaky_relu:0.1"}, "--activation leaky_relu:0.1"),
    ({"solver": "sgd"}, "--optimizer sgd"),
    ({"solver": "sgd", "momentum": 0.5, "nesterovs_momentum": True}, "--optimizer sgd --momentum 0.5 --nesterov"),
    ({"solver": "sgd", "learning_rate_init": 0.02}, "--optimizer sgd --learning-rate 0.02"),
    ({"solver": "adam"}, "--optimizer adam"),
    (
        {"solver": "adam", "beta_1": 0.8, "epsilon": 1e-6},
        "--optimizer adam --set optimizer.beta1=0.8 --set optimizer.epsilon=1e-6",
    ),
    ({"solver": "rmsprop"}, "--optimizer rmsprop"),
    ({"solver": "adagrad"}, "--optimizer adagrad"),
    ({"solver": {"kind": "adam", "learning_rate": 0.01}}, "--optimizer adam --learning-rate 0.01"),
    ({"weight_decay": 0.02}, "--weight-decay 0.02"),
    ({"learning_rate": "constant"}, "--set schedule.kind=constant"),
    (
        {"learning_rate": {"kind": "step", "period": 3, "gamma": 0.5}},
        '--set schedule={kind="step",period=3,gamma=0.5}',
    ),
    ({"dropout": 0.25}, "--dropout 0.25"),
    ({"l1": 0.001}, "--l1 0.001"),
    ({"l2": 0.001}, "--l2 0.001"),
    # scikit-learn's penalty is half of the squares, over the rows of a batch.
    ({"alpha": 0.125}, f"--l2 {0.125 / 128}"),
    ({"batch_size": 16}, "--batch-size 16"),
    ({"batch_size": "full"}, "--batch-size full"),
    ({"batch_size": "auto"}, ""),
    ({"shuffle": False}, "--set train.shuffle=false"),
    ({"max_grad_norm": 0.5}, "--set regularization.max_grad_norm=0.5"),
    ({"max_grad_value": 0.01}, "--set regularization.max_grad_value=0.01"),
    ({"loss": "hinge"}, "--loss hinge"),
    ({"label_smoothing": 0.1}, "--set loss.label_smoothing=0.1"),
    ({"class_weight": "balanced"}, "--class-weights balanced"),
    ({"class_weight": {0: 1, 1: 2, 2: 0.5}}, "--class-weights 1,2,0.5"),
    ({"class_weight": {1: 3}}, "--class-weights 1,3,1"),
    ({"scaling": "min_max"}, "--scaling min_max"),
    ({"scaling": "none"}, "--scaling none"),
    ({"early_stopping": True}, "--patience 10"),
    ({"early_stopping": True, "n_iter_no_change": 2, "max_iter": 60}, "--patience 2 --epochs 60"),
    ({"early_stopping": True, "validation_fraction": 0.3}, "--patience 10 --validation-fraction 0.3"),
    ({"layers": ["linear 12", "tanh", "dropout 0.1", "linear 3"]}, "--hidden 12 --activation tanh --dropout 0.1"),
    ({"drop": ["petal width (cm)"]}, "--drop petal*width*(cm)"),
    ({"drop": [3]}, "--drop petal*width*(cm)"),
    ({"random_state": 2**63 + 5}, f"--seed {2**63 + 5}"),
    ({"reproducible": True}, "--reproducible"),
    ({"recipe": {"optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9}}}, "--optimizer sgd"),
    ({"recipe": {"train": {"epochs": 4}}, "max_iter": None}, "--epochs 4"),
    ({"recipe": {"seed": 11}, "random_state": None}, "--seed 11"),
    ({"recipe": {"seed": 11}, "batch_size": 16}, "--batch-size 16"),
]


@pytest.mark.parametrize(("parameters", "flags"), SETTINGS, ids=[str(parameters) for parameters, _ in SETTINGS])
def test_a_parameter_does_what_the_programs_flag_does(trained, parameters, flags):
    frame = load_iris(as_frame=True).frame[:130]
    own = AnygradClassifier(**{**SAME, **parameters}).fit(frame.drop(columns="target"), frame["target"])
    done = trained(frame, *(flag.replace("*", " ") for flag in flags.split()))
    assert own.weights_hash_ == done["weights_hash"]
    plain = AnygradClassifier(**SAME).fit(frame.drop(columns="target"), frame["target"])
    assert (own.weights_hash_ == plain.weights_hash_) == (parameters in SAID_BY_DEFAULT)


#: What changes nothing here, because it is so anyway.
SAID_BY_DEFAULT = [{"batch_size": "auto"}, {"reproducible": True}]


@pytest.mark.parametrize("loss", ["half_squared_error", "mean_absolute_error", "huber"])
def test_losses_of_regression(trained, loss):
    frame = load_diabetes(as_frame=True).frame
    own = AnygradRegressor(**SAME, loss=loss).fit(frame.drop(columns="target"), frame["target"])
    assert own.weights_hash_ == trained(frame, "--loss", loss)["weights_hash"]


def test_early_stopping_of_regression(trained):
    frame = load_diabetes(as_frame=True).frame
    own = AnygradRegressor(**{**SAME, "max_iter": 200}, early_stopping=True, n_iter_no_change=2)
    own.fit(frame.drop(columns="target"), frame["target"])
    done = trained(frame, "--patience", "2", "--epochs", "200")
    assert own.weights_hash_ == done["weights_hash"]
    assert own.n_iter_ < 200
    assert own.n_iter_ - 2 <= done["model_epoch"] <= own.n_iter_


@pytest.mark.parametrize("kind", [AnygradClassifier, AnygradRegressor])
def test_weights_of_rows(trained, kind):
    frame = load_iris(as_frame=True).frame
    frame["w"] = np.random.default_rng(1).integers(0, 4, 150) / 2
    task = "classes" if kind is AnygradClassifier else "values"
    hash_ = trained(frame, "--weights", "w", "--target", "target", "--task", task)["weights_hash"]
    own = kind(**SAME).fit(frame.drop(columns=["target", "w"]), frame["target"], sample_weight=frame["w"])
    assert own.weights_hash_ == hash_
    assert kind(**SAME).fit(frame.drop(columns=["target", "w"]), frame["target"]).weights_hash_ != hash_


def test_weights_of_rows_with_early_stopping(trained):
    frame = load_iris(as_frame=True).frame
    frame["w"] = np.random.default_rng(1).integers(1, 4, 150)
    hash_ = trained(frame, "--weights", "w", "--target", "target", "--patience", "10")["weights_hash"]
    own = AnygradClassifier(**SAME, early_stopping=True)
    own.fit(frame.drop(columns=["target", "w"]), frame["target"], sample_weight=frame["w"])
    assert own.weights_hash_ == hash_


def test_several_labels(trained):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(130, 3)), columns=[*"abc"])
    labels = pd.DataFrame({"hot": (frame["a"] > 0).astype(int), "wet": (frame["a"] + frame["b"] > 0).astype(int)})
    done = trained(pd.concat([frame, labels], axis=1), "--target", "hot,wet", "--task", "labels")
    for y in (labels, labels.to_numpy(), labels.astype(bool), labels.astype(float)):
        assert AnygradClassifier(**SAME).fit(frame, y).weights_hash_ == done["weights_hash"]


def test_validation_rows_of_their_own(trained, tmp_path):
    frame = load_iris(as_frame=True).frame.sample(frac=1, random_state=0)
    frame[100:].to_csv(tmp_path / "validation.csv", index=False)
    file = str(tmp_path / "validation.csv")
    done = trained(frame[:100], "--validation-data", file, "--patience", "2", "--epochs", "60")
    own = AnygradClassifier(**{**SAME, "max_iter": 60}, early_stopping=True, n_iter_no_change=2)
    X, y = frame.drop(columns="target"), frame["target"]
    own.fit(X[:100], y[:100], validation_data=(X[100:], y[100:]))
    assert own.weights_hash_ == done["weights_hash"]
    assert len(own.validation_scores_) == own.n_iter_
    assert own.best_validation_score_ == max(own.validation_scores_) > 0.9


def test_a_threshold_is_the_programs(trained, program, tmp_path):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=[*"abc"])
    frame["y"] = np.where(frame["a"] + rng.normal(size=300) > 1, "rare", "common")
    own = AnygradClassifier(**SAME, threshold="f1").fit(frame[[*"abc"]], frame["y"])
    assert own.weights_hash_ == trained(frame, "--threshold", "f1")["weights_hash"]
    low = AnygradClassifier(**SAME, threshold=0.1).fit(frame[[*"abc"]], frame["y"])
    high = AnygradClassifier(**SAME, threshold=0.9).fit(frame[[*"abc"]], frame["y"])
    rare = low.predict(frame[[*"abc"]]) == "rare"
    assert (rare == (low.predict_proba(frame[[*"abc"]])[:, 1] >= 0.1)).all()
    assert rare.sum() > (high.predict(frame[[*"abc"]]) == "rare").sum()


def test_a_config_file_is_a_recipe(trained, tmp_path):
    frame = load_iris(as_frame=True).frame
    recipe = '[[layers]]\nlinear = 9\n[[layers]]\nactivation = "tanh"\n[[layers]]\nlinear = 3\n[train]\nbatch_size = 10\n'
    (tmp_path / "recipe.toml").write_text(recipe)
    own = AnygradClassifier(**SAME, recipe=tmp_path / "recipe.toml").fit(frame.drop(columns="target"), frame["target"])
    done = trained(frame, "--hidden", "9", "--activation", "tanh", "--batch-size", "10")
    assert own.weights_hash_ == done["weights_hash"]


def test_a_net_by_names_comes_to_the_programs_weights(trained):
    frame = load_iris(as_frame=True).frame
    hash_ = trained(frame, "--hidden", "12", "--optimizer", "adam")["weights_hash"]
    net = Net(["linear 12", "relu", "linear 3"], optimizer="adam", schedule="cosine", epochs=8, seed=3, device="cpu")
    assert net.fit(frame.drop(columns="target"), frame["target"]).weights_hash_ == hash_

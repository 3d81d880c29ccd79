"""A run that is gone on with, by partial_fit or warm_start, comes to the bits of one that was never interrupted."""

import pickle

import numpy as np
import pandas as pd
import pytest

from anygrad import AnygradClassifier, AnygradRegressor

TEN = {"random_state": 3, "max_iter": 10, "device": "cpu"}

NETS = [
    {"solver": "adamw"},
    {"solver": "adam", "dropout": 0.3},
    {"solver": "sgd"},
    {"solver": "sgd", "nesterovs_momentum": True, "dropout": 0.2, "batch_size": 7},
    {"solver": "rmsprop", "momentum": 0.5},
    {"solver": "adagrad", "learning_rate": "constant"},
    {"learning_rate": {"kind": "step", "period": 3, "gamma": 0.5}},
    {"shuffle": False, "batch_size": "full"},
    {"class_weight": "balanced"},
    {"label_smoothing": 0.1},
    {"max_grad_norm": 0.5, "l1": 0.001, "alpha": 0.1},
    {"hidden_layer_sizes": (), "loss": "hinge"},
]


@pytest.mark.parametrize("net", NETS, ids=str)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_five_epochs_and_five_are_ten(rows, net, is_weighted):
    X, y = rows
    weights = np.random.default_rng(1).uniform(0.5, 2, 120) if is_weighted else None
    whole = AnygradClassifier(**TEN, **net).fit(X, y, sample_weight=weights)
    halves = AnygradClassifier(**TEN, **net)
    for _ in range(2):
        halves.partial_fit(X, y, sample_weight=weights, epochs=5)
    single = AnygradClassifier(**TEN, **net)
    for _ in range(10):
        single.partial_fit(X, y, sample_weight=weights)
    for own in (halves, single):
        assert own.weights_hash_ == whole.weights_hash_
        assert own.loss_curve_ == whole.loss_curve_
        assert (own.n_iter_, own.t_) == (10, whole.t_)
        assert (own.predict_proba(X) == whole.predict_proba(X)).all()


@pytest.mark.parametrize("width", [1, 3])
def test_regression_goes_on(rows, width):
    X, _ = rows
    y = X[:, :width] @ np.ones((width, width)) if width > 1 else np.sin(X[:, 0])
    whole = AnygradRegressor(**TEN, dropout=0.1).fit(X, y)
    own = AnygradRegressor(**TEN, dropout=0.1).partial_fit(X, y, epochs=5)
    assert own.weights_hash_ != whole.weights_hash_
    assert own.partial_fit(X, y, epochs=5).weights_hash_ == whole.weights_hash_


def test_several_labels_go_on(rows):
    X, _ = rows
    y = (X[:, :3] > 0).astype(int)
    whole = AnygradClassifier(**TEN).fit(X, y)
    own = AnygradClassifier(**TEN).partial_fit(X, y, epochs=4).partial_fit(X, y, epochs=6)
    assert own.weights_hash_ == whole.weights_hash_


@pytest.mark.parametrize("net", NETS[:5], ids=str)
def test_what_was_pickled_goes_on(rows, net):
    X, y = rows
    whole = AnygradClassifier(**TEN, **net).fit(X, y)
    own = AnygradClassifier(**TEN, **net)
    for _ in range(5):
        own = pickle.loads(pickle.dumps(own.partial_fit(X, y, epochs=2)))
    assert own.weights_hash_ == whole.weights_hash_
    assert own.loss_curve_ == whole.loss_curve_


def test_a_process_of_its_own_goes_on(rows, process, tmp_path):
    X, y = rows
    own = AnygradClassifier(**TEN, dropout=0.2).partial_fit(X, y, epochs=5)
    (tmp_path / "own.pickle").write_bytes(pickle.dumps((own, X, y)))
    load = "import pickle; own, X, y = pickle.load(open('own.pickle', 'rb'))"
    script = f"{load}; print(own.partial_fit(X, y, epochs=5).weights_hash_)"
    whole = AnygradClassifier(**TEN, dropout=0.2).fit(X, y)
    assert process(script).stdout.strip() == whole.weights_hash_


def test_a_copy_goes_its_own_way(rows):
    X, y = rows
    own = AnygradClassifier(**TEN).partial_fit(X, y)
    copy = pickle.loads(pickle.dumps(own))
    copy.partial_fit(X[:50], y[:50])
    assert copy.n_iter_ == 2
    assert own.n_iter_ == 1
    own.partial_fit(X, y)
    assert own.weights_hash_ != copy.weights_hash_


def test_other_rows_are_gone_on_with(rows):
    X, y = rows
    own = AnygradClassifier(**TEN).partial_fit(X[:60], y[:60])
    before = own.weights_hash_
    own.partial_fit(X[60:], y[60:])
    assert own.weights_hash_ != before
    assert own.partial_fit(X[:1], y[:1]).n_iter_ == 3
    other = AnygradClassifier(**TEN).partial_fit(X[:60], y[:60]).partial_fit(X[60:], y[60:]).partial_fit(X[:1], y[:1])
    assert other.weights_hash_ == own.weights_hash_


def test_only_the_epochs_to_come_are_run(rows):
    X, y = rows
    told = []
    own = AnygradClassifier(**TEN, callbacks=lambda report: told.append(report["epoch"]))
    for epochs in (2, 1, 3):
        own.partial_fit(X, y, epochs=epochs)
    assert told == [1, 2, 3, 4, 5, 6]
    again = pickle.loads(pickle.dumps(own.set_params(callbacks=None)))
    again.set_params(callbacks=lambda report: told.append(report["epoch"])).partial_fit(X, y)
    assert told == [1, 2, 3, 4, 5, 6, 7]
    # Where nothing is learnt from the rows to come, the weights of those before remain.
    before = own.weights_hash_
    own.set_params(learning_rate_init=0.0).partial_fit(X[:30], y[:30])
    assert own.weights_hash_ == before
    assert own.fit(X, y).weights_hash_ != before


def test_rows_in_another_form_are_gone_on_with(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=[*"abcd"])
    whole = AnygradClassifier(**TEN).fit(frame, y)
    own = AnygradClassifier(**TEN).partial_fit(frame, y, epochs=5)
    own.partial_fit(frame.astype("Float64"), pd.Series(y), epochs=5)
    assert own.weights_hash_ == whole.weights_hash_


def test_unseen_categories_and_new_holes_do_not_end_it(rows):
    _, y = rows
    own = AnygradClassifier(**TEN).partial_fit(pd.DataFrame({"a": ["u", "v"] * 60, "b": range(120)}), y)
    own.partial_fit(pd.DataFrame({"a": ["u", "w"] * 60, "b": [None, 2.0] * 60}), y)
    assert own.n_iter_ == 2


def test_all_classes_are_said_at_the_first_call(rows):
    X, y = rows
    no = y == "no"
    own = AnygradClassifier(**TEN).partial_fit(X[no], y[no], classes=["yes", "no", "perhaps"])
    assert list(own.classes_) == ["no", "perhaps", "yes"]
    assert own.predict_proba(X).shape == (120, 3)
    own.partial_fit(X, y)
    own.partial_fit(X, y, classes=["no", "perhaps", "yes"])
    assert own.n_iter_ == 3
    with pytest.raises(ValueError, match="in the first call they were"):
        own.partial_fit(X, y, classes=["no", "yes"])
    with pytest.raises(ValueError, match="y has the class 'else', which is none of"):
        own.partial_fit(X, np.where(no, "no", "else"))
    with pytest.raises(ValueError, match="y has the class 'yes', which is none of"):
        AnygradClassifier(**TEN).partial_fit(X, y, classes=["no", "perhaps"])
    assert own.n_iter_ == 3


def test_warm_start_goes_on_by_as_many_epochs(rows):
    X, y = rows
    own = AnygradClassifier(**TEN, warm_start=True, learning_rate="constant").fit(X, y)
    assert own.n_iter_ == 10
    own.fit(X, y)
    assert (own.n_iter_, len(own.loss_curve_)) == (20, 20)
    whole = AnygradClassifier(**{**TEN, "max_iter": 20}, learning_rate="constant").fit(X, y)
    assert own.weights_hash_ == whole.weights_hash_
    assert own.set_params(warm_start=False).fit(X, y).n_iter_ == 10


def test_fit_forgets_what_was_before(rows):
    X, y = rows
    own = AnygradClassifier(**TEN).fit(X[:, :2], y == "yes")
    own.fit(X, y)
    new = AnygradClassifier(**TEN).fit(X, y)
    assert own.weights_hash_ == new.weights_hash_
    assert list(own.classes_) == ["no", "yes"]
    assert own.n_features_in_ == 4
    frame = pd.DataFrame(X, columns=[*"abcd"])
    assert list(own.fit(frame, y).feature_names_in_) == [*"abcd"]
    assert not hasattr(own.fit(X, y), "feature_names_in_")


def test_going_on_with_another_net_is_refused_and_nothing_lost(rows):
    X, y = rows
    own = AnygradClassifier(**TEN, warm_start=True).fit(X, y)
    before = own.weights_hash_
    for change in ({"hidden_layer_sizes": (5,)}, {"solver": "sgd"}, {"dropout": 0.1}):
        other = pickle.loads(pickle.dumps(own)).set_params(**change)
        with pytest.raises(ValueError, match="another model or other settings"):
            other.fit(X, y)
        assert other.weights_hash_ == before
        assert other.n_iter_ == 10


def test_what_is_no_part_of_the_state_can_change_meanwhile(rows):
    X, y = rows
    same = AnygradClassifier(**TEN, warm_start=True).fit(X, y).fit(X, y)
    for change in ({"learning_rate_init": 0.1}, {"batch_size": 16}, {"l2": 0.1}, {"loss": "hinge"}, {"max_iter": 3}):
        own = AnygradClassifier(**TEN, warm_start=True).fit(X, y).set_params(**change).fit(X, y)
        assert own.n_iter_ == 10 + change.get("max_iter", 10)
        assert own.weights_hash_ != same.weights_hash_


def test_a_callback_that_stopped_a_run_lets_it_go_on(rows):
    X, y = rows
    whole = AnygradClassifier(**TEN).fit(X, y)
    own = AnygradClassifier(**TEN, callbacks=lambda report: report["epoch"] == 4).fit(X, y)
    assert own.n_iter_ == 4
    own.set_params(callbacks=None).partial_fit(X, y, epochs=6)
    assert own.weights_hash_ == whole.weights_hash_

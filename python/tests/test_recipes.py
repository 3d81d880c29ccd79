"""The estimators work where scikit-learn's do: in pipelines, searches, ensembles and inspection, and with Optuna."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.inspection import DecisionBoundaryDisplay, partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay, accuracy_score, log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from anygrad import AnygradClassifier, AnygradRegressor

FAST = {"random_state": 0, "max_iter": 10, "device": "cpu"}


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"age": rng.normal(40, 10, 240), "pay": rng.normal(3, 1, 240), "town": rng.choice(["ulm", "bonn"], 240)}
    )
    return frame, pd.Series(np.where((frame["age"] > 40) ^ (frame["town"] == "ulm"), "yes", "no"))


def test_in_a_pipeline_with_columns_prepared_elsewhere(mixed):
    X, y = mixed
    prepare = ColumnTransformer([("numbers", StandardScaler(), ["age", "pay"]), ("towns", OneHotEncoder(), ["town"])])
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    net = AnygradClassifier(**{**FAST, "max_iter": 60})
    own = Pipeline([("prepare", prepare), ("net", net)]).fit(X_train, y_train)
    assert own.score(X_test, y_test) > 0.85
    assert own.predict_proba(X_test[:1]).shape == (1, 2)
    assert list(own.classes_) == ["no", "yes"]
    # What the pipeline prepares, the net does by itself.
    assert net.fit(X_train, y_train).score(X_test, y_test) > 0.85
    assert own.set_params(net__max_iter=1).get_params()["net__max_iter"] == 1


def test_a_notebook_can_draw_a_pipeline(mixed):
    X, y = mixed
    own = make_pipeline(StandardScaler(), AnygradClassifier(**FAST, dropout=0.25))
    for pipeline in (own, own.fit(X[["age", "pay"]], y)):
        with warnings.catch_warnings():
            # That the estimator has scikit-learn's shape without inheriting from it, it says as it draws.
            warnings.filterwarnings("ignore", message=".*does not inherit from.*")
            drawn = pipeline._repr_html_()
        assert "AnygradClassifier" in drawn
        assert "0.25" in drawn


def test_frames_that_a_pipeline_makes_keep_their_names(mixed):
    X, y = mixed
    own = make_pipeline(StandardScaler().set_output(transform="pandas"), AnygradClassifier(**FAST)).fit(X[["age", "pay"]], y)
    assert list(own[-1].feature_names_in_) == ["age", "pay"]
    assert own[:-1].get_feature_names_out().tolist() == ["age", "pay"]


def test_a_search_in_two_processes_finds_what_one_finds(mixed):
    X, y = mixed
    grid = {"hidden_layer_sizes": [(4,), (16,)], "learning_rate_init": [0.0001, 0.02]}
    searches = [GridSearchCV(AnygradClassifier(**FAST), grid, cv=2, n_jobs=jobs).fit(X, y) for jobs in (1, 2)]
    one, two = (search.cv_results_["mean_test_score"] for search in searches)
    assert (one == two).all()
    assert len(set(one)) > 1
    assert searches[1].best_params_["learning_rate_init"] == 0.02
    assert searches[0].best_estimator_.weights_hash_ == searches[1].best_estimator_.weights_hash_


def test_cross_validation(mixed):
    X, y = mixed
    own = AnygradClassifier(**{**FAST, "max_iter": 60})
    assert cross_val_score(own, X, y, cv=3, scoring="roc_auc").mean() > 0.9
    assert cross_val_predict(own, X, y, cv=3, method="predict_proba").shape == (240, 2)
    found = cross_validate(own, X, y, cv=2, return_estimator=True, return_train_score=True)
    assert not own.__sklearn_is_fitted__()
    assert [net.n_iter_ for net in found["estimator"]] == [60, 60]
    values = cross_val_score(AnygradRegressor(**{**FAST, "max_iter": 60}), X[["age"]], 2 * X["age"], cv=3)
    assert values.mean() > 0.9


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(mixed, method):
    X, y = mixed
    own = CalibratedClassifierCV(AnygradClassifier(**{**FAST, "max_iter": 40}), method=method, cv=2).fit(X, y)
    assert log_loss(y, own.predict_proba(X)) < 0.5


def test_importance_finds_the_columns_that_count(mixed):
    X, y = mixed
    own = AnygradClassifier(**{**FAST, "max_iter": 60}).fit(X, y)
    found = permutation_importance(own, X, y, n_repeats=3, random_state=0)
    age, pay, town = found.importances_mean
    assert min(age, town) > 0.2 > pay + 0.1


def test_partial_dependence(mixed):
    X, y = mixed
    own = AnygradClassifier(**FAST).fit(X, y)
    found = partial_dependence(own, X, ["age"], grid_resolution=5, kind="average")
    assert found["average"].shape == (1, 5)


def test_pictures_of_inspection_are_drawn(mixed):
    import matplotlib

    matplotlib.use("Agg")
    X, y = mixed[0][["age", "pay"]], mixed[1]
    own = AnygradClassifier(**FAST).fit(X, y)
    assert DecisionBoundaryDisplay.from_estimator(own, X, grid_resolution=10).response.shape == (10, 10)
    assert 0 <= RocCurveDisplay.from_estimator(own, X, y).roc_auc <= 1
    assert ConfusionMatrixDisplay.from_estimator(own, X, y).confusion_matrix.sum() == 240


def test_curves_and_thresholds(mixed):
    X, y = mixed
    sizes, _, scores = learning_curve(
        AnygradClassifier(**FAST), X, y, cv=2, train_sizes=[0.5, 1.0], exploit_incremental_learning=True
    )
    assert scores.shape == (2, 2)
    assert list(sizes) == [60, 120]
    assert 0 < TunedThresholdClassifierCV(AnygradClassifier(**FAST), cv=2).fit(X, y).best_threshold_ < 1


def test_in_ensembles(mixed):
    X, y = mixed[0][["age", "pay"]], mixed[1]
    nets = [("small", AnygradClassifier(**FAST, hidden_layer_sizes=(4,))), ("wide", AnygradClassifier(**FAST))]
    stacked = StackingClassifier(nets, final_estimator=LogisticRegression(), cv=2).fit(X, y)
    assert stacked.predict_proba(X).shape == (240, 2)
    assert VotingClassifier(nets, voting="soft").fit(X, y).score(X, y) > 0.4
    assert BaggingClassifier(AnygradClassifier(**FAST), n_estimators=2, random_state=0).fit(X, y).score(X, y) > 0.4


def test_of_several_classes_and_targets():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    rest = OneVsRestClassifier(AnygradClassifier(**FAST)).fit(X, y)
    assert rest.score(X, y) > 0.8
    several = MultiOutputClassifier(AnygradClassifier(**FAST)).fit(X, np.column_stack([y % 2, y % 3]))
    assert several.predict(X).shape == (300, 2)
    scaled = TransformedTargetRegressor(AnygradRegressor(**FAST), transformer=StandardScaler()).fit(X, y)
    assert scaled.predict(X).shape == (300,)


def test_digits_are_told_apart_as_well_as_by_scikit_learns_net():
    from sklearn.neural_network import MLPClassifier

    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    settings = {"hidden_layer_sizes": (64,), "batch_size": 64, "max_iter": 30, "random_state": 0}
    own = AnygradClassifier(**settings, solver="adam", learning_rate="constant", device="cpu").fit(X_train, y_train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = MLPClassifier(**settings, alpha=0).fit(X_train / 16, y_train)
    assert own.score(X_test, y_test) > other.score(X_test / 16, y_test) - 0.015


# --- metadata -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_weights_reach_a_net_in_a_pipeline(routing, mixed):
    X, y = mixed[0][["age", "pay"]], mixed[1]
    weights = np.linspace(0.5, 2, 240)
    net = AnygradClassifier(**FAST).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    own = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), net).fit(X, y, sample_weight=weights)
    alone = AnygradClassifier(**FAST).fit(StandardScaler().fit_transform(X), y, sample_weight=weights)
    assert own[-1].weights_hash_ == alone.weights_hash_
    assert own.score(X, y, sample_weight=weights) == accuracy_score(y, own.predict(X), sample_weight=weights)


def test_weights_reach_a_net_in_a_search(routing, mixed):
    X, y = mixed[0][["age", "pay"]], mixed[1]
    weights = np.linspace(0.5, 2, 240)
    net = AnygradClassifier(**FAST).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    search = GridSearchCV(net, {"hidden_layer_sizes": [(4,), (8,)]}, cv=2).fit(X, y, sample_weight=weights)
    best = AnygradClassifier(**{**FAST, **search.best_params_}).fit(X, y, sample_weight=weights)
    assert search.best_estimator_.weights_hash_ == best.weights_hash_
    half = np.arange(240)
    scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
    found = GridSearchCV(net, {"max_iter": [2]}, cv=[(half[:120], half[120:])], scoring=scorer)
    found.fit(X, y, sample_weight=weights)
    alone = AnygradClassifier(**{**FAST, "max_iter": 2}).fit(X[:120], y[:120], sample_weight=weights[:120])
    assert found.best_score_ == accuracy_score(y[120:], alone.predict(X[120:]), sample_weight=weights[120:])


def test_metadata_that_was_not_asked_for_is_refused(routing, mixed):
    X, y = mixed
    with pytest.raises(Exception, match="sample_weight"):
        GridSearchCV(AnygradClassifier(**FAST), {"max_iter": [2]}, cv=2).fit(X, y, sample_weight=np.ones(240))
    with pytest.raises(TypeError, match="Unexpected args"):
        AnygradClassifier().set_fit_request(weights=True)


# --- Optuna -------------------------------------------------------------------------------------------------------------


def test_optuna_finds_a_learning_rate_and_prunes_by_a_callback(mixed):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    X_train, X_test, y_train, y_test = train_test_split(*mixed, random_state=0)

    def objective(trial):
        rate = trial.suggest_float("learning_rate_init", 1e-6, 0.05, log=True)

        def report(epoch):
            trial.report(-epoch["train_loss"], epoch["epoch"])
            if trial.should_prune():
                raise optuna.TrialPruned

        net = AnygradClassifier(**{**FAST, "max_iter": 30}, learning_rate_init=rate, callbacks=report)
        return net.fit(X_train, y_train).score(X_test, y_test)

    pruner = optuna.pruners.MedianPruner(n_startup_trials=3)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0), pruner=pruner)
    study.optimize(objective, n_trials=12)
    states = [trial.state.name for trial in study.trials]
    assert set(states) == {"COMPLETE", "PRUNED"}
    assert study.best_value > 0.85
    assert study.best_params["learning_rate_init"] > 0.001

"""Figures of quality by scikit-learn: of two and of several classes, of values and labels, of simple models.

Writes quality.json beside this file, with the data that the figures are of. Run it again only to add a figure:
    python -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn
    /tmp/venv/bin/python tests/golden/quality.py
Everything is computed in f64 from numbers that f32 holds exactly, but for the probabilities, which are f64.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

RANDOM = np.random.default_rng(17)
# The default minimum, reached to the last digits.
EXACT = dict(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=1000)


def f32(values):
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def weights_for(rows):
    """Some rows weigh nothing."""
    return f32(RANDOM.integers(0, 9, rows) / 4)


def plain(figures):
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in figures.items()}


def two_classes():
    """Probabilities with ties, 0 and 1 among them, of both classes."""
    y = RANDOM.integers(0, 2, 300)
    p = np.clip(np.round(RANDOM.normal(0.35 + 0.3 * y, 0.25), 2), 0, 1)
    weights = weights_for(len(y))
    figures = {}
    for name, w in [("plain", None), ("weighted", weights)]:
        precision, recall, _ = metrics.precision_recall_curve(y, p, sample_weight=w)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        cuts = np.concatenate([np.unique(p), [2.0]])
        figures[name] = dict(
            roc_auc=metrics.roc_auc_score(y, p, sample_weight=w),
            average_precision=metrics.average_precision_score(y, p, sample_weight=w),
            log_loss=metrics.log_loss(y, p, sample_weight=w),
            brier=metrics.brier_score_loss(y, p, sample_weight=w),
            best_f1=f1.max(),
            best_accuracy=max(metrics.accuracy_score(y, p >= cut, sample_weight=w) for cut in cuts),
            best_balanced_accuracy=max(metrics.balanced_accuracy_score(y, p >= cut, sample_weight=w) for cut in cuts),
        )
    share, mean = calibration_curve(y, p, n_bins=10)
    # scikit-learn's curve takes no weights: rows are repeated instead.
    often = (4 * weights).astype(int)
    weighted_share, weighted_mean = calibration_curve(np.repeat(y, often), np.repeat(p, often), n_bins=10)
    rows = np.bincount(np.searchsorted(np.linspace(0, 1, 11)[1:-1], p), minlength=10)
    figures["plain"] |= plain(dict(positive_share=share, mean_probability=mean, bin_rows=rows))
    figures["plain"]["expected_calibration_error"] = float(np.sum(rows[rows > 0] * np.abs(share - mean)) / len(y))
    figures["weighted"] |= plain(dict(positive_share=weighted_share, mean_probability=weighted_mean))
    return dict(labels=y.tolist(), probabilities=p.tolist(), weights=weights.tolist(), **figures)


def several_classes():
    y = RANDOM.integers(0, 4, 200)
    z = RANDOM.normal(0, 1, (200, 4)) + 1.5 * np.eye(4)[y]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    weights = weights_for(len(y))
    figures = {
        name: dict(
            log_loss=metrics.log_loss(y, p, sample_weight=w),
            roc_auc=metrics.roc_auc_score(y, p, sample_weight=w, multi_class="ovr", average="macro"),
        )
        for name, w in [("plain", None), ("weighted", weights)]
    }
    return dict(labels=y.tolist(), probabilities=p.tolist(), weights=weights.tolist(), **figures)


def value_figures(y, p, w):
    each = dict(sample_weight=w, multioutput="raw_values")
    return plain(dict(
        r_squared=metrics.r2_score(y, p, **each),
        mean_absolute_error=metrics.mean_absolute_error(y, p, **each),
        root_mean_squared_error=metrics.root_mean_squared_error(y, p, **each),
        uniform_r_squared=metrics.r2_score(y, p, sample_weight=w, multioutput="uniform_average"),
    ))


def values():
    y = f32(RANDOM.normal([10.0, 1e-5], [3.0, 1e-6], (50, 2)))
    p = f32(y + RANDOM.normal(0, [1.0, 5e-7], (50, 2)))
    weights = weights_for(50)
    figures = {name: value_figures(y, p, w) for name, w in [("plain", None), ("weighted", weights)]}
    return dict(actual=y.tolist(), predicted=p.tolist(), weights=weights.tolist(), **figures)


def class_figures(model, x, y, w):
    p = model.predict_proba(x)
    figures = dict(
        accuracy=metrics.accuracy_score(y, model.predict(x), sample_weight=w),
        log_loss=metrics.log_loss(y, p, sample_weight=w, labels=model.classes_),
    )
    if p.shape[1] == 2:
        figures |= dict(
            roc_auc=metrics.roc_auc_score(y, p[:, 1], sample_weight=w),
            average_precision=metrics.average_precision_score(y, p[:, 1], sample_weight=w),
            brier=metrics.brier_score_loss(y, p[:, 1], sample_weight=w),
        )
    else:
        figures |= dict(roc_auc=metrics.roc_auc_score(y, p, sample_weight=w, multi_class="ovr"))
    return figures


def simple_models():
    """Trained on 90 rows, judged on 60; the last three inputs are a category, so that one of them is superfluous."""
    x = np.concatenate([RANDOM.normal(0, 1, (150, 3)) * [1, 5, 0.1], np.eye(3)[RANDOM.integers(0, 3, 150)]], axis=1)
    x = f32(x)
    score = x @ [1.0, 0.3, 4.0, -1.0, 0.5, 2.0] + RANDOM.normal(0, 1, 150)
    y = f32(np.stack([score, 1e-3 * (x[:, 1] - x[:, 4]) + RANDOM.normal(0, 2e-3, 150)], axis=1))
    classes = dict(two=(score > 0.5).astype(int), three=np.digitize(score, [-0.5, 1.5]))
    labels = np.stack([score > 0, x[:, 1] + RANDOM.normal(0, 3, 150) > 1], axis=1).astype(int)
    weights = weights_for(150)
    train, test = slice(0, 90), slice(90, 150)
    result = dict(x=x.tolist(), values=y.tolist(), labels=labels.tolist(), weights=weights.tolist(), train_rows=90)
    result |= {name: plain(dict(classes=own)) for name, own in classes.items()}
    for name, w in [("plain", np.ones(150)), ("weighted", weights)]:
        fit = dict(sample_weight=w[train])
        for own, target in classes.items():
            dummy = DummyClassifier(strategy="prior").fit(x[train], target[train], **fit)
            linear = LogisticRegression(**EXACT).fit(x[train], target[train], **fit)
            judged = [class_figures(model, x[test], target[test], w[test]) for model in (dummy, linear)]
            result[own][name] = dict(constant=judged[0], linear=judged[1])
        dummy = DummyRegressor().fit(x[train], y[train], **fit)
        linear = LinearRegression().fit(x[train], y[train], **fit)
        judged = [value_figures(y[test], model.predict(x[test]), w[test]) for model in (dummy, linear)]
        result[name] = dict(constant=judged[0], linear=judged[1])
        answers = [LogisticRegression(**EXACT).fit(x[train], own[train], **fit).predict(x[test]) for own in labels.T]
        answers = np.stack(answers, axis=1)
        right = (answers == labels[test]).mean(axis=1)
        result[name]["labels"] = dict(
            accuracy=float(np.average(right, weights=w[test])),
            subset_accuracy=metrics.accuracy_score(labels[test], answers, sample_weight=w[test]),
        )
    return result


def main():
    content = dict(scikit_learn=sklearn.__version__, two_classes=two_classes(), several_classes=several_classes(),
                   values=values(), simple_models=simple_models())
    path = pathlib.Path(__file__).with_name("quality.json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


main()

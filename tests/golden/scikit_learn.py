"""Nets trained by scikit-learn's MLPClassifier and MLPRegressor, step by step, and a classifier of the digits.

Writes scikit_learn.json beside this file. Run it again only to add a trace:
    python -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn
    /tmp/venv/bin/python tests/golden/scikit_learn.py
Everything is computed in f64, from initial weights, data and settings that f32 holds exactly. A step is a `partial_fit`
of one batch; that this is what `fit` does, optimizer state included, is asserted against `fit` itself.
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

ROWS, INPUTS, STEPS = 40, 5, 20

# With alpha the batches must be equal: scikit-learn divides it by the rows of the batch at hand.
TINY = 1e-30  # an ε without effect
SGD = dict(solver="sgd", learning_rate_init=0.1, momentum=0.9, alpha=0.0)
TRACES = [
    dict(name="sgd_plain", task="classes", hidden=[6], activation="relu", batch=8,
         settings=SGD | dict(momentum=0.0, nesterovs_momentum=False)),
    dict(name="sgd_momentum", task="classes", hidden=[6, 5], activation="tanh", batch=12,
         settings=SGD | dict(nesterovs_momentum=False)),
    dict(name="sgd_nesterov", task="classes", hidden=[7], activation="logistic", batch=12, settings=SGD),
    dict(name="sgd_nesterov_alpha", task="classes", hidden=[6], activation="relu", batch=10,
         settings=SGD | dict(alpha=0.5)),
    dict(name="adam", task="classes", hidden=[6, 4], activation="relu", batch=12,
         settings=dict(solver="adam", learning_rate_init=0.01, alpha=0.0)),
    dict(name="adam_alpha_full_batch", task="classes", hidden=[6], activation="tanh", batch=ROWS,
         settings=dict(solver="adam", epsilon=TINY, learning_rate_init=0.01, alpha=0.5, beta_1=0.75, beta_2=0.875)),
    dict(name="binary", task="binary", hidden=[6], activation="tanh", batch=12, settings=SGD),
    dict(name="binary_adam_alpha", task="binary", hidden=[5], activation="logistic", batch=8,
         settings=dict(solver="adam", epsilon=TINY, learning_rate_init=0.02, alpha=0.25)),
    dict(name="multi_label", task="multi_label", hidden=[6], activation="tanh", batch=12, settings=SGD),
    dict(name="regression", task="values", outputs=1, hidden=[6], activation="relu", batch=12,
         settings=SGD | dict(learning_rate_init=0.05)),
    dict(name="regression_identity", task="values", outputs=1, hidden=[4], activation="identity", batch=8,
         settings=SGD | dict(learning_rate_init=0.02, alpha=0.25)),
    dict(name="regression_three_outputs", task="values", outputs=3, hidden=[6], activation="tanh", batch=10,
         settings=SGD | dict(learning_rate_init=0.03, alpha=0.5)),
    dict(name="regression_three_outputs_adam", task="values", outputs=3, hidden=[6], activation="tanh", batch=12,
         settings=dict(solver="adam", epsilon=TINY, learning_rate_init=0.01, alpha=0.0)),
    dict(name="sample_weight", task="classes", hidden=[6, 5], activation="tanh", batch=12, weighted=True,
         settings=SGD | dict(nesterovs_momentum=False)),
    dict(name="sample_weight_alpha_full_batch", task="classes", hidden=[6], activation="relu", batch=ROWS, weighted=True,
         settings=SGD | dict(alpha=0.5)),
    dict(name="sample_weight_binary", task="binary", hidden=[6], activation="tanh", batch=12, weighted=True, settings=SGD),
    dict(name="sample_weight_multi_label", task="multi_label", hidden=[6], activation="tanh", batch=8, weighted=True,
         settings=SGD),
    dict(name="sample_weight_regression", task="values", outputs=1, hidden=[6], activation="tanh", batch=12,
         weighted=True, settings=dict(solver="adam", epsilon=TINY, learning_rate_init=0.01, alpha=0.0)),
    dict(name="sample_weight_regression_three_outputs", task="values", outputs=3, hidden=[6], activation="tanh", batch=10,
         weighted=True, settings=SGD | dict(learning_rate_init=0.03)),
]


def f32(values):
    return np.asarray(values, dtype=np.float32).astype(np.float64)


class RoundedStart:
    """Initial weights that f32 holds exactly."""

    def _init_coef(self, *arguments):
        coef, intercept = super()._init_coef(*arguments)
        return f32(coef), f32(intercept)


class Classifier(RoundedStart, MLPClassifier):
    pass


class Regressor(RoundedStart, MLPRegressor):
    pass


def targets(spec, random):
    if spec["task"] == "classes":
        return random.integers(0, 3, ROWS)
    if spec["task"] == "binary":
        return random.integers(0, 2, ROWS)
    if spec["task"] == "multi_label":
        return random.integers(0, 2, (ROWS, 3))
    return f32(random.normal(size=(ROWS, spec["outputs"])))


def tensors(net):
    """Weights under PyTorch's names and in its layout: a linear layer at every second place, `[out, in]`."""
    named = {}
    for i, (coef, intercept) in enumerate(zip(net.coefs_, net.intercepts_)):
        named[f"{2 * i}.weight"] = coef.T.flatten().tolist()
        named[f"{2 * i}.bias"] = intercept.tolist()
    return named


def trace(seed, spec):
    random = np.random.default_rng(seed)
    x, y = f32(random.normal(size=(ROWS, INPUTS))), targets(spec, random)
    settings = {k: float(f32(v)) if isinstance(v, float) else v for k, v in spec["settings"].items()}
    settings |= dict(hidden_layer_sizes=spec["hidden"], activation=spec["activation"], shuffle=False, random_state=seed)
    epochs = -(-STEPS // -(-ROWS // spec["batch"]))
    kind = Regressor if spec["task"] == "values" else Classifier
    fit_y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    # Some rows do not count at all.
    weighted = spec.get("weighted", False)
    weight = f32(2 * random.random(ROWS) * (random.random(ROWS) > 0.2)) if weighted else np.ones(ROWS)
    weights = lambda rows: dict(sample_weight=weight[rows]) if weighted else {}

    whole = kind(**settings, batch_size=spec["batch"], max_iter=epochs, tol=0.0, n_iter_no_change=10**6)
    whole.fit(x, fit_y, **weights(slice(None)))

    # A step too short to change a weight only initializes; the next one makes its optimizer.
    net = kind(**settings | dict(learning_rate_init=1e-300), batch_size=ROWS)
    classes = {} if spec["task"] == "values" else dict(classes=np.unique(y) if y.ndim == 1 else np.arange(y.shape[1]))
    net.partial_fit(x, fit_y, **classes)
    del net._optimizer
    net.set_params(learning_rate_init=settings["learning_rate_init"], batch_size="auto")
    initial = tensors(net)
    losses, penalties = [], []
    for _ in range(epochs):
        for start in range(0, ROWS, spec["batch"]):
            rows = slice(start, start + spec["batch"])
            squares = sum((coef**2).sum() for coef in net.coefs_)
            penalties.append(0.5 * settings["alpha"] * squares / weight[rows].sum())
            net.partial_fit(x[rows], fit_y[rows], **weights(rows))
            losses.append(net.loss_)
    for a, b in zip(net.coefs_ + net.intercepts_, whole.coefs_ + whole.intercepts_):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-14), spec["name"]
    outputs = net.predict(x) if spec["task"] == "values" else net.predict_proba(x)
    return dict(
        name=spec["name"], task=spec["task"], inputs=INPUTS, hidden=spec["hidden"], activation=spec["activation"],
        batch=spec["batch"], epochs=epochs, settings=spec["settings"], x=x.astype(np.float32).flatten().tolist(),
        **(dict(weights=weight.tolist()) if weighted else {}), outputs=net.n_outputs_, y=y.flatten().tolist(), initial=initial, losses=losses, penalties=penalties,
        loss_curve=whole.loss_curve_, final=tensors(net), predictions=outputs.flatten().tolist(),
    )


def digits():
    """`MLPClassifier(hidden_layer_sizes=(13, 13, 13), max_iter=500)` on the digits, every fifth row held back."""
    x, y = load_digits(return_X_y=True)
    test = np.arange(len(y)) % 5 == 0
    scaler = StandardScaler().fit(x[~test])
    runs = []
    for seed in range(10):
        net = MLPClassifier(hidden_layer_sizes=(13, 13, 13), max_iter=500, random_state=seed)
        net.fit(scaler.transform(x[~test]), y[~test])
        runs.append(dict(epochs=net.n_iter_, train_loss=net.loss_,
                         test_accuracy=net.score(scaler.transform(x[test]), y[test])))
    return runs


def rounded(value):
    """Twelve digits are plenty to compare f32 with."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {key: rounded(item) for key, item in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*Maximum iterations.*")
    path = pathlib.Path(__file__).with_name("scikit_learn.json")
    traces = [rounded(trace(seed, spec)) for seed, spec in enumerate(TRACES)]
    text = json.dumps(dict(scikit_learn=sklearn.__version__, digits=digits(), traces=traces))
    path.write_text(text + "\n")
    print(f"{len(traces)} traces by scikit-learn {sklearn.__version__} in {path}, {len(text)} bytes")

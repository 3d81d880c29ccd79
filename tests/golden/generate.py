"""Traces of small nets trained by PyTorch: initial weights, data, 20 losses, final weights, predictions.

Writes traces.json beside this file. Run it again only to add a trace:
    python -m venv /tmp/venv && /tmp/venv/bin/pip install torch numpy && /tmp/venv/bin/python tests/golden/generate.py
Everything is computed in f64, so that the trace is the rule itself and not one machine's rounding.
"""

import json
import pathlib

import numpy
import torch
from torch import nn

from numpy_net import stream_key_of, threefry

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)

ROWS, BATCH, EPOCHS = 37, 8, 4  # 4 full batches and one of 5 rows: 5 steps an epoch

CE, MSE = dict(kind="cross_entropy"), dict(kind="mean_squared_error")
SMALL = [("linear", 6), ("tanh",), ("linear", 3)]


def sgd(learning_rate, **options):
    return dict(kind="sgd", learning_rate=learning_rate, **options)


# Loss and optimizer as anygrad's files state them.
TRACES = [
    dict(name="plain", layers=[("linear", 7), ("relu",), ("linear", 3)], loss=CE, optimizer=sgd(0.5)),
    dict(name="momentum", layers=[("linear", 6), ("tanh",), ("linear", 5), ("leaky_relu", 0.2), ("linear", 3)],
         loss=CE, optimizer=sgd(0.2, momentum=0.9)),
    dict(name="dampening_and_decay", layers=[("linear", 6), ("sigmoid",), ("linear", 3)], loss=CE,
         optimizer=sgd(0.3, momentum=0.8, dampening=0.25, weight_decay=0.01)),
    dict(name="nesterov", layers=[("linear", 9), ("leaky_relu", 0.01), ("linear", 2)], loss=MSE,
         optimizer=sgd(0.1, momentum=0.9, nesterov=True, weight_decay=0.001)),
    dict(name="linear_regression", layers=[("linear", 1)], loss=MSE, optimizer=sgd(0.05)),
    dict(name="softmax_regression", layers=[("linear", 4)], loss=CE, optimizer=sgd(0.4, momentum=0.5)),
    dict(name="elu", layers=[("linear", 6), ("elu", 0.7), ("linear", 3)], loss=CE, optimizer=sgd(0.2)),
    dict(name="gelu", layers=[("linear", 6), ("gelu",), ("linear", 3)], loss=CE, optimizer=sgd(0.2)),
    dict(name="gelu_tanh", layers=[("linear", 6), ("gelu_tanh",), ("linear", 3)], loss=CE, optimizer=sgd(0.2)),
    dict(name="gelu_sigmoid", layers=[("linear", 6), ("gelu_sigmoid",), ("linear", 3)], loss=CE, optimizer=sgd(0.2)),
    dict(name="softplus", layers=[("linear", 6), ("softplus",), ("linear", 3)], loss=CE, optimizer=sgd(0.2)),
    dict(name="silu", layers=[("linear", 6), ("silu",), ("linear", 3)], loss=CE, optimizer=sgd(0.2)),
    dict(name="label_smoothing", layers=SMALL, loss=dict(kind="cross_entropy", label_smoothing=0.125),
         optimizer=sgd(0.3)),
    dict(name="cross_entropy_sum", layers=SMALL, loss=dict(kind="cross_entropy", reduction="sum"),
         optimizer=sgd(0.03)),
    dict(name="logistic_regression", layers=[("linear", 1)], loss=dict(kind="binary_cross_entropy"), labels=2,
         optimizer=sgd(0.3)),
    dict(name="multi_label", layers=SMALL, loss=dict(kind="binary_cross_entropy"), optimizer=sgd(0.3)),
    dict(name="squared_error_sum", layers=SMALL, loss=dict(kind="mean_squared_error", reduction="sum"),
         optimizer=sgd(0.01)),
    dict(name="half_squared_error", layers=SMALL, loss=dict(kind="half_squared_error"), optimizer=sgd(0.2)),
    dict(name="mean_absolute_error", layers=SMALL, loss=dict(kind="mean_absolute_error"), optimizer=sgd(0.1)),
    dict(name="huber", layers=SMALL, loss=dict(kind="huber", delta=0.5), optimizer=sgd(0.3)),
    dict(name="hinge", layers=SMALL, loss=dict(kind="hinge", margin=1.0), optimizer=sgd(0.1)),
    dict(name="perceptron", layers=[("linear", 4)], loss=dict(kind="perceptron"), optimizer=sgd(0.1)),
    dict(name="l2", layers=SMALL, loss=CE, l2=0.05, optimizer=sgd(0.2)),
    dict(name="l1", layers=SMALL, loss=CE, l1=0.03, optimizer=sgd(0.2)),
    dict(name="elastic_net", layers=SMALL, loss=MSE, l1=0.01, l2=0.02, optimizer=sgd(0.1, momentum=0.5)),
    dict(name="adam", layers=SMALL, loss=CE, optimizer=dict(kind="adam", learning_rate=0.01, weight_decay=0.01)),
    dict(name="adam_betas", layers=SMALL, loss=CE,
         optimizer=dict(kind="adam", learning_rate=0.02, beta1=0.5, beta2=0.75, epsilon=0.001)),
    dict(name="adamw", layers=SMALL, loss=CE, optimizer=dict(kind="adamw", learning_rate=0.01, weight_decay=0.1)),
    dict(name="rmsprop", layers=SMALL, loss=CE, optimizer=dict(kind="rmsprop", learning_rate=0.01)),
    dict(name="rmsprop_momentum", layers=SMALL, loss=MSE,
         optimizer=dict(kind="rmsprop", learning_rate=0.005, alpha=0.875, momentum=0.5, weight_decay=0.01)),
    dict(name="adagrad", layers=SMALL, loss=CE,
         optimizer=dict(kind="adagrad", learning_rate=0.1, rate_decay=0.125, weight_decay=0.01)),
    dict(name="class_weights", layers=SMALL, loss=dict(kind="cross_entropy", class_weights=[0.25, 2.0, 1.5]),
         optimizer=sgd(0.3)),
    dict(name="class_weights_sum", layers=SMALL, optimizer=sgd(0.02),
         loss=dict(kind="cross_entropy", reduction="sum", class_weights=[0.5, 3.0, 1.0])),
    dict(name="max_grad_norm", layers=SMALL, loss=CE, optimizer=sgd(0.5, momentum=0.5), max_grad_norm=0.25),
    dict(name="max_grad_value", layers=SMALL, loss=MSE, optimizer=sgd(0.5), max_grad_value=0.0625),
    dict(name="both_limits", layers=SMALL, loss=MSE, l2=0.125, optimizer=sgd(0.5), max_grad_value=0.125,
         max_grad_norm=0.25),
    dict(name="step_schedule", layers=SMALL, loss=CE, optimizer=sgd(0.4), schedule=dict(kind="step", period=2, gamma=0.25)),
    dict(name="exponential_per_step", layers=SMALL, loss=CE, optimizer=sgd(0.5, momentum=0.5),
         schedule=dict(kind="exponential", gamma=0.875, per="step")),
    dict(name="cosine", layers=SMALL, loss=CE, optimizer=dict(kind="adam", learning_rate=0.02),
         schedule=dict(kind="cosine", minimum=0.001)),
    dict(name="cosine_per_step", layers=SMALL, loss=CE, optimizer=sgd(0.4),
         schedule=dict(kind="cosine", period=16, per="step")),
    dict(name="warm_up", layers=SMALL, loss=CE, optimizer=sgd(0.4),
         schedule=dict(kind="linear", start=0.125, period=9, per="step")),
    dict(name="reduce_on_plateau", layers=SMALL, loss=CE, optimizer=sgd(0.4),
         schedule=dict(kind="reduce_on_plateau", factor=0.5, patience=0, threshold=0.25, cooldown=1)),
    dict(name="full_batch", layers=SMALL, loss=CE, optimizer=sgd(0.5), batch=ROWS, epochs=20),
    dict(name="single_rows", layers=SMALL, loss=CE, optimizer=sgd(0.05, momentum=0.5), batch=1, epochs=1),
    dict(name="drop_last", layers=SMALL, loss=CE, optimizer=sgd(0.3), epochs=5, drop_last=True),
    dict(name="no_bias", layers=[("linear", 6, "no_bias"), ("relu",), ("linear", 3, "no_bias")], loss=MSE,
         optimizer=sgd(0.1)),
    dict(name="five_hidden_layers", layers=[layer for width in (9, 8, 7, 6, 5) for layer in (("linear", width), ("tanh",))]
         + [("linear", 3)], loss=CE, optimizer=sgd(0.3, momentum=0.5)),
    dict(name="step_activation", layers=[("linear", 6), ("step",), ("linear", 3)], loss=CE, optimizer=sgd(0.3)),
    dict(name="dropout", layers=[("linear", 6), ("tanh",), ("dropout", 0.25), ("linear", 3)], loss=CE,
         optimizer=sgd(0.3)),
    dict(name="dropout_vanilla", layers=[("linear", 9), ("sigmoid",), ("dropout_vanilla", 0.5), ("linear", 7), ("tanh",),
                                         ("dropout_vanilla", 0.25), ("linear", 3)], loss=MSE, optimizer=sgd(0.2)),
    dict(name="row_weights", layers=SMALL, loss=CE, optimizer=sgd(0.3), weighted=True),
    dict(name="row_weights_sum", layers=SMALL, loss=dict(kind="cross_entropy", reduction="sum"), optimizer=sgd(0.03),
         weighted=True),
    dict(name="row_and_class_weights", layers=SMALL, loss=dict(kind="cross_entropy", class_weights=[0.25, 2.0, 1.5]),
         optimizer=sgd(0.3), weighted=True),
    dict(name="row_and_class_weights_sum", layers=SMALL, optimizer=sgd(0.02), weighted=True,
         loss=dict(kind="cross_entropy", reduction="sum", class_weights=[0.5, 3.0, 1.0])),
    dict(name="row_weights_label_smoothing", layers=SMALL, loss=dict(kind="cross_entropy", label_smoothing=0.125),
         optimizer=dict(kind="adam", learning_rate=0.01), weighted=True),
    dict(name="row_weights_logistic_regression", layers=[("linear", 1)], loss=dict(kind="binary_cross_entropy"), labels=2,
         optimizer=sgd(0.3), weighted=True),
    dict(name="row_weights_multi_label", layers=SMALL, loss=dict(kind="binary_cross_entropy"), optimizer=sgd(0.3),
         weighted=True),
    dict(name="row_weights_hinge", layers=SMALL, loss=dict(kind="hinge", margin=1.0), optimizer=sgd(0.1), weighted=True),
    dict(name="row_weights_squared_error", layers=SMALL, loss=MSE, l2=0.01, optimizer=sgd(0.1, momentum=0.5),
         weighted=True),
    dict(name="row_weights_squared_error_sum", layers=SMALL, loss=dict(kind="mean_squared_error", reduction="sum"),
         optimizer=sgd(0.01), weighted=True),
    dict(name="row_weights_half_squared_error", layers=[("linear", 6), ("tanh",), ("linear", 1)],
         loss=dict(kind="half_squared_error"), optimizer=sgd(0.2), weighted=True),
    dict(name="row_weights_mean_absolute_error", layers=SMALL, loss=dict(kind="mean_absolute_error"), optimizer=sgd(0.1),
         weighted=True),
    dict(name="row_weights_huber", layers=SMALL, loss=dict(kind="huber", delta=0.5), optimizer=sgd(0.3), batch=ROWS,
         epochs=20, weighted=True),
]

DROPOUT = 3  # anygrad::random::Purpose::Dropout


class Step(nn.Module):
    """Its derivative is 0: what stands before it stays as it is."""

    def forward(self, x):
        return (x >= 0).to(x.dtype)


class Dropout(nn.Module):
    """Drops what anygrad drops at seed 0: by (path of the dropout, step, element)."""

    def __init__(self, layer, rate, vanilla):
        super().__init__()
        self.key = stream_key_of(0, DROPOUT, f"{layer}.dropout")
        self.rate, self.vanilla, self.step = rate, vanilla, 0

    def forward(self, x):
        if not self.training:
            return x * (1 - self.rate) if self.vanilla else x
        pairs = numpy.arange((x.numel() + 1) // 2)
        words = numpy.stack(threefry(self.key, [pairs, numpy.full_like(pairs, self.step)]), axis=1)
        self.step += 1
        drawn = (words.astype(numpy.uint32) >> numpy.uint32(8)).flatten()[:x.numel()] / 2.0**24
        kept = torch.from_numpy((drawn >= self.rate).astype(float)).reshape(x.shape)
        return x * kept * (1 if self.vanilla else 1 / (1 - self.rate))


class GeluSigmoid(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


def build(layers, width):
    modules = []
    kinds = dict(relu=nn.ReLU, tanh=nn.Tanh, sigmoid=nn.Sigmoid, leaky_relu=nn.LeakyReLU, elu=nn.ELU, gelu=nn.GELU,
                 gelu_tanh=lambda: nn.GELU(approximate="tanh"), gelu_sigmoid=GeluSigmoid, softplus=nn.Softplus,
                 silu=nn.SiLU, step=Step)
    for kind, *argument in layers:
        if kind == "linear":
            modules.append(nn.Linear(width, argument[0], bias="no_bias" not in argument))
            width = argument[0]
        elif kind.startswith("dropout"):
            modules.append(Dropout(len(modules), argument[0], kind == "dropout_vanilla"))
        else:
            modules.append(kinds[kind](*map(f32, argument)))
    return nn.Sequential(*modules), width


def as_f32(tensor):
    """Values that f32 holds exactly, so that both sides start from the same numbers."""
    return tensor.to(torch.float32).to(torch.float64)


def f32(number):
    """A hyperparameter as f32 holds it."""
    return number if isinstance(number, (bool, str)) else as_f32(torch.tensor(number)).item()


def perceptron(z, y):
    margins = (z - z.gather(1, y[:, None])).clamp(min=0)
    return margins.sum(1).mean()


def make_loss(kind, reduction="mean", class_weights=None, **options):
    options = {name: f32(value) for name, value in options.items()}
    if kind == "cross_entropy":
        weight = None if class_weights is None else torch.tensor(class_weights)
        return nn.CrossEntropyLoss(weight=weight, reduction=reduction, **options)
    if kind == "binary_cross_entropy":
        return nn.BCEWithLogitsLoss(reduction=reduction)
    if kind == "mean_squared_error":
        return nn.MSELoss(reduction=reduction)
    if kind == "half_squared_error":
        return lambda p, y: nn.functional.mse_loss(p, y, reduction=reduction) / 2
    if kind == "mean_absolute_error":
        return nn.L1Loss(reduction=reduction)
    if kind == "huber":
        return nn.HuberLoss(reduction=reduction, **options)
    if kind == "hinge":
        # PyTorch divides by the number of classes.
        return lambda z, y: nn.functional.multi_margin_loss(z, y, reduction=reduction, **options) * z.shape[1]
    return perceptron


def weighted_loss(z, y, weights, kind, reduction="mean", class_weights=None, **options):
    """The losses of rows times their weights, added, and for the mean divided by the sum of the weights."""
    rows = make_loss(kind, reduction="none", class_weights=class_weights, **options)(z, y)
    if rows.dim() == 2:
        rows = rows.mean(1) if reduction == "mean" else rows.sum(1)
    # The losses of rows have the weights of classes in them already.
    divisor = weights if class_weights is None else weights * torch.tensor(class_weights)[y]
    return (weights * rows).sum() / (divisor.sum() if reduction == "mean" else 1)


def make_optimizer(parameters, kind, learning_rate, beta1=None, beta2=None, epsilon=None, rate_decay=None, **options):
    if beta1 is not None:
        options["betas"] = (f32(beta1), f32(beta2))
    if epsilon is not None:
        options["eps"] = f32(epsilon)
    if rate_decay is not None:
        options["lr_decay"] = f32(rate_decay)
    options = {name: value if name == "betas" else f32(value) for name, value in options.items()}
    rules = dict(sgd=torch.optim.SGD, adam=torch.optim.Adam, adamw=torch.optim.AdamW, rmsprop=torch.optim.RMSprop,
                 adagrad=torch.optim.Adagrad)
    return rules[kind](parameters, lr=f32(learning_rate), **options)


def make_schedule(optimizer, kind, epochs, period=None, per="epoch", **options):
    """The scheduler and what its steps count."""
    options = {name: f32(value) if isinstance(value, float) else value for name, value in options.items()}
    schedules = torch.optim.lr_scheduler
    if kind == "step":
        return schedules.StepLR(optimizer, step_size=period, **options), per
    if kind == "exponential":
        return schedules.ExponentialLR(optimizer, **options), per
    if kind == "cosine":
        minimum = options.get("minimum", 0.0)
        return schedules.LambdaLR(optimizer, cosine(optimizer, period or epochs, minimum)), per
    if kind == "linear":
        return schedules.LinearLR(optimizer, start_factor=options["start"], end_factor=1.0, total_iters=period), per
    return schedules.ReduceLROnPlateau(optimizer, **options), per


def cosine(optimizer, period, minimum):
    """CosineAnnealingLR without its restart: it stays at the minimum after the period."""
    initial = optimizer.param_groups[0]["lr"]
    wave = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([torch.zeros(1)], lr=initial), period, minimum)
    rates = []
    for _ in range(period + 1):
        rates.append(wave.get_last_lr()[0] / initial)
        wave.optimizer.step()
        wave.step()
    return lambda t: rates[min(t, period)]


def make_targets(spec, outputs):
    """Labels with the number of classes, or values."""
    kind = spec["loss"]["kind"]
    if "labels" in spec or kind in ("cross_entropy", "hinge", "perceptron"):
        classes = spec.get("labels", outputs)
        return torch.randint(0, classes, (ROWS,)), classes
    if kind == "binary_cross_entropy":
        return torch.randint(0, 2, (ROWS, outputs)).to(torch.float64), None
    return as_f32(torch.randn(ROWS, outputs)), None


def trace(spec):
    inputs = 5
    model, outputs = build(spec["layers"], inputs)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(as_f32(parameter))
    initial = {name: digits(value, 9) for name, value in model.state_dict().items()}
    x = as_f32(torch.randn(ROWS, inputs))
    y, classes = make_targets(spec, outputs)
    criterion = make_loss(**spec["loss"])
    # Some rows do not count at all.
    row_weights = as_f32(2 * torch.rand(ROWS) * (torch.rand(ROWS) > 0.2)) if "weighted" in spec else None
    optimizer = make_optimizer(model.parameters(), **spec["optimizer"])
    batch_rows, epochs = spec.get("batch", BATCH), spec.get("epochs", EPOCHS)
    schedule, per = make_schedule(optimizer, epochs=epochs, **spec["schedule"]) if "schedule" in spec else (None, None)
    losses = []
    for _ in range(epochs):
        epoch_loss = 0.0
        for start in range(0, ROWS, batch_rows):
            batch = y[start:start + batch_rows]
            if spec.get("drop_last") and len(batch) < batch_rows:
                continue
            if "labels" in spec:
                batch = batch[:, None].to(torch.float64)
            optimizer.zero_grad()
            z = model(x[start:start + batch_rows])
            if row_weights is None:
                loss = criterion(z, batch)
            else:
                loss = weighted_loss(z, batch, row_weights[start:start + batch_rows], **spec["loss"])
            weights = [parameter for parameter in model.parameters() if parameter.dim() == 2]
            penalty = sum(f32(spec.get("l2", 0.0)) * (w ** 2).sum() + f32(spec.get("l1", 0.0)) * w.abs().sum()
                          for w in weights)
            (loss + penalty).backward()
            if "max_grad_value" in spec:
                nn.utils.clip_grad_value_(model.parameters(), spec["max_grad_value"])
            if "max_grad_norm" in spec:
                nn.utils.clip_grad_norm_(model.parameters(), spec["max_grad_norm"])
            optimizer.step()
            if per == "step":
                schedule.step()
            losses.append(loss.item())
            epoch_loss += loss.item() * len(batch) / ROWS
        if per == "epoch":
            schedule.step(*([epoch_loss] if spec["schedule"]["kind"] == "reduce_on_plateau" else []))
    model.eval()
    options = ("schedule", "max_grad_norm", "max_grad_value", "drop_last")
    return dict(
        name=spec["name"], layers=spec["layers"], loss=spec["loss"], optimizer=spec["optimizer"],
        l1=spec.get("l1", 0.0), l2=spec.get("l2", 0.0), inputs=inputs, outputs=outputs, classes=classes,
        batch=batch_rows, epochs=epochs, **{name: spec[name] for name in options if name in spec},
        **({} if row_weights is None else dict(weights=digits(row_weights, 9))),
        x=digits(x, 9), y=digits(y, 9), initial=initial, losses=digits(torch.tensor(losses[:20]), 12),
        final={name: digits(value, 12) for name, value in model.state_dict().items()},
        predictions=digits(model(x), 12),
    )


def digits(tensor, count):
    """All elements with this many significant digits; nine tell every f32 apart."""
    return [float(f"{x:.{count}g}") for x in tensor.detach().flatten().tolist()]


if __name__ == "__main__":
    path = pathlib.Path(__file__).with_name("traces.json")
    traces = [trace(spec) for spec in TRACES]
    path.write_text(json.dumps(dict(torch=torch.__version__, traces=traces)) + "\n")
    print(f"{len(traces)} traces by PyTorch {torch.__version__} in {path}")

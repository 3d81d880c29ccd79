"""Traces of small nets trained by PyTorch: initial weights, data, ten losses, final weights.

Writes traces.json beside this file. Run it again only to add a trace:
    python -m venv /tmp/venv && /tmp/venv/bin/pip install torch && /tmp/venv/bin/python tests/golden/generate.py
Everything is computed in f64, so that the trace is the rule itself and not one machine's rounding.
"""

import json
import pathlib

import torch
from torch import nn

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)

ROWS, BATCH, EPOCHS = 37, 8, 2  # 4 full batches and one of 5 rows: 5 steps an epoch

TRACES = [
    dict(name="plain", layers=[("linear", 7), ("relu",), ("linear", 3)], loss="cross_entropy",
         sgd=dict(lr=0.5)),
    dict(name="momentum", layers=[("linear", 6), ("tanh",), ("linear", 5), ("leaky_relu", 0.2), ("linear", 3)],
         loss="cross_entropy", sgd=dict(lr=0.2, momentum=0.9)),
    dict(name="dampening_and_decay", layers=[("linear", 6), ("sigmoid",), ("linear", 3)], loss="cross_entropy",
         sgd=dict(lr=0.3, momentum=0.8, dampening=0.25, weight_decay=0.01)),
    dict(name="nesterov", layers=[("linear", 9), ("leaky_relu", 0.01), ("linear", 2)], loss="mean_squared_error",
         sgd=dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.001)),
    dict(name="linear_regression", layers=[("linear", 1)], loss="mean_squared_error", sgd=dict(lr=0.05)),
    dict(name="softmax_regression", layers=[("linear", 4)], loss="cross_entropy", sgd=dict(lr=0.4, momentum=0.5)),
]


def build(layers, width):
    modules = []
    for kind, *argument in layers:
        if kind == "linear":
            modules.append(nn.Linear(width, argument[0]))
            width = argument[0]
        else:
            modules.append({"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid,
                            "leaky_relu": nn.LeakyReLU}[kind](*argument))
    return nn.Sequential(*modules), width


def as_f32(tensor):
    """Values that f32 holds exactly, so that both sides start from the same numbers."""
    return tensor.to(torch.float32).to(torch.float64)


def trace(spec):
    inputs = 5
    model, outputs = build(spec["layers"], inputs)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(as_f32(parameter))
    initial = {name: value.flatten().tolist() for name, value in model.state_dict().items()}
    x = as_f32(torch.randn(ROWS, inputs))
    if spec["loss"] == "cross_entropy":
        y, criterion = torch.randint(0, outputs, (ROWS,)), nn.CrossEntropyLoss()
    else:
        y, criterion = as_f32(torch.randn(ROWS, outputs)), nn.MSELoss()
    # The hyperparameters as f32 holds them, too.
    sgd = {k: v if isinstance(v, bool) else as_f32(torch.tensor(v)).item() for k, v in spec["sgd"].items()}
    optimizer = torch.optim.SGD(model.parameters(), **sgd)
    losses = []
    for _ in range(EPOCHS):
        for start in range(0, ROWS, BATCH):
            optimizer.zero_grad()
            loss = criterion(model(x[start:start + BATCH]), y[start:start + BATCH])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return dict(
        name=spec["name"], layers=spec["layers"], loss=spec["loss"], sgd=spec["sgd"], inputs=inputs, outputs=outputs,
        batch=BATCH, epochs=EPOCHS, x=x.flatten().tolist(), y=y.flatten().tolist(), initial=initial, losses=losses,
        final={name: value.flatten().tolist() for name, value in model.state_dict().items()},
    )


if __name__ == "__main__":
    path = pathlib.Path(__file__).with_name("traces.json")
    traces = [trace(spec) for spec in TRACES]
    path.write_text(json.dumps(dict(torch=torch.__version__, traces=traces)) + "\n")
    print(f"{len(traces)} traces by PyTorch {torch.__version__} in {path}")

"""One training step of `anygrad bench` elsewhere: the same net, batch, loss and rule. Prints one JSON object.

    python benches/peers/mlp_step.py PEER NET@BATCH SECONDS     # such as: torch 784-128-10@64 2

ReLU between linear layers, cross-entropy, SGD 0.01, f32, eight random batches in turn. The figure is the median over
chunks of steps of about 20 ms, each of which ends when its results are there.

PEER            needs
torch           torch                       on the CPU, with one thread or all, whichever is faster
torch-cuda      torch with CUDA             one kernel launch after the other
torch-graph     torch with CUDA             the step recorded as a CUDA graph
jax             jax                         jit, on its default device
numpy           numpy                       forward and backward written out
burn-flex       BURN=path of a program      Burn on the CPU: benches/peers/burn, as $BURN flex BATCH STEPS 784,128,10
burn-wgpu       BURN=path of a program      Burn through wgpu: $BURN wgpu …

Exit code 3: what it needs is absent, and stderr says what.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time

BATCHES = 8
RATE = 0.01
CHUNK_SECONDS = 0.02


class Absent(Exception):
    """What a peer needs is not there."""


def package(name):
    try:
        return __import__(name)
    except ImportError as error:
        raise Absent(f"the Python package {name} is not installed ({error}); python -m pip install {name}") from error


def random_batches(numpy, widths, batch):
    rng = numpy.random.default_rng(0)
    rows = [rng.standard_normal((batch, widths[0])).astype("f4") for _ in range(BATCHES)]
    return rows, [rng.integers(0, widths[-1], batch) for _ in range(BATCHES)]


def torch_steps(widths, batch, device):
    numpy, torch = package("numpy"), package("torch")
    if device == "cuda" and not torch.cuda.is_available():
        raise Absent("torch sees no CUDA device")
    torch.manual_seed(0)
    layers = []
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layers += [torch.nn.Linear(inputs, outputs)] + ([torch.nn.ReLU()] if i + 2 < len(widths) else [])
    model, criterion = torch.nn.Sequential(*layers).to(device), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    rows, labels = random_batches(numpy, widths, batch)
    rows = [torch.from_numpy(x).to(device) for x in rows]
    labels = [torch.from_numpy(y).to(device) for y in labels]

    def step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return torch, step, rows, labels


def peer_torch(widths, batch, device="cpu"):
    torch, step, rows, labels = torch_steps(widths, batch, device)

    def run(count):
        for i in range(count):
            loss = step(rows[i % BATCHES], labels[i % BATCHES])
        return loss.item()

    where = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    return run, f"PyTorch {torch.__version__.split('+')[0]}", where


def peer_torch_graph(widths, batch):
    torch, step, rows, labels = torch_steps(widths, batch, "cuda")
    x, y = rows[0].clone(), labels[0].clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step(x, y)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(x, y)

    def run(count):
        for i in range(count):
            x.copy_(rows[i % BATCHES])
            y.copy_(labels[i % BATCHES])
            graph.replay()
        return loss.item()

    return run, f"PyTorch {torch.__version__.split('+')[0]}, CUDA graph", torch.cuda.get_device_name()


def peer_jax(widths, batch):
    numpy, jax = package("numpy"), package("jax")
    jnp = jax.numpy
    rng = numpy.random.default_rng(1)
    rows, labels = random_batches(numpy, widths, batch)
    rows, labels = [jnp.asarray(x) for x in rows], [jnp.asarray(y) for y in labels]
    state = [
        (jnp.asarray(rng.standard_normal((a, b)).astype("f4") * a**-0.5), jnp.zeros(b, "f4"))
        for a, b in zip(widths, widths[1:])
    ]

    def loss_of(parameters, x, y):
        for i, (weight, bias) in enumerate(parameters):
            x = x @ weight + bias
            x = jax.nn.relu(x) if i + 1 < len(parameters) else x
        return -jnp.mean(jax.nn.log_softmax(x)[jnp.arange(x.shape[0]), y])

    def step(parameters, x, y):
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        return jax.tree_util.tree_map(lambda p, g: p - RATE * g, parameters, gradients), loss

    step = jax.jit(step)

    def run(count):
        nonlocal state
        for i in range(count):
            state, loss = step(state, rows[i % BATCHES], labels[i % BATCHES])
        return float(loss)

    return run, f"JAX {jax.__version__}", str(jax.devices()[0])


def peer_numpy(widths, batch):
    numpy = package("numpy")
    rng = numpy.random.default_rng(1)
    rows, labels = random_batches(numpy, widths, batch)
    state = [
        [rng.standard_normal((a, b)).astype("f4") * numpy.float32(a**-0.5), numpy.zeros(b, "f4")]
        for a, b in zip(widths, widths[1:])
    ]
    rate, every = numpy.float32(RATE), numpy.arange(batch)

    def step(x, y):
        values = [x]
        for i, (weight, bias) in enumerate(state):
            z = values[-1] @ weight + bias
            values.append(numpy.maximum(z, 0) if i + 1 < len(state) else z)
        z = values[-1]
        p = numpy.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        loss = -numpy.log(p[every, y]).mean()
        p[every, y] -= 1
        grad = p / numpy.float32(batch)
        for i in reversed(range(len(state))):
            grad_weight, grad_bias = values[i].T @ grad, grad.sum(0)
            if i:
                grad = (grad @ state[i][0].T) * (values[i] > 0)
            state[i][0] -= rate * grad_weight
            state[i][1] -= rate * grad_bias
        return loss

    def run(count):
        for i in range(count):
            loss = step(rows[i % BATCHES], labels[i % BATCHES])
        return float(loss)

    return run, f"NumPy {numpy.__version__}", "CPU"


def burn(kind, widths, batch, seconds):
    """Milliseconds per step and what measured it: a program of its own, which times a given number of steps."""
    program = os.environ.get("BURN")
    if not program:
        raise Absent("the environment variable BURN names no program; scripts/bench-peers.sh builds it with BURN=build")

    def measure(steps):
        command = [program, kind, str(batch), str(steps), ",".join(map(str, widths))]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        name, ms = re.search(r"^(Burn [0-9.]+), .*?([0-9.]+) ms/step", printed, re.MULTILINE).groups()
        return float(ms), f"{name}, {kind}"

    first, _ = measure(20)
    return measure(max(20, int(seconds * 1e3 / first)))


def median_milliseconds(run, seconds):
    """The median over chunks of the time of a step."""
    run(2)
    start = time.perf_counter()
    run(3)
    each = (time.perf_counter() - start) / 3
    chunk = max(1, int(CHUNK_SECONDS / each))
    run(chunk)
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run(chunk)
        times.append((time.perf_counter() - start) / chunk * 1e3)
    return statistics.median(times)


def fastest_threads(run, seconds):
    """Small steps of PyTorch are faster on one thread."""
    torch = package("torch")
    found = []
    for threads in {1, torch.get_num_threads()}:
        torch.set_num_threads(threads)
        found.append((median_milliseconds(run, seconds / 2), threads))
    return min(found)


def main(peer, net, seconds):
    widths, batch = net.split("@")
    widths, batch, seconds = [int(width) for width in widths.split("-")], int(batch), float(seconds)
    if peer.startswith("burn-"):
        where = peer[5:]
        ms, name = burn(where, widths, batch, seconds)
    else:
        makers = {
            "torch": peer_torch,
            "torch-cuda": lambda *net: peer_torch(*net, device="cuda"),
            "torch-graph": peer_torch_graph,
            "jax": peer_jax,
            "numpy": peer_numpy,
        }
        if peer not in makers:
            sys.exit(f"unknown peer {peer}; known: {', '.join(makers)}, burn-flex, burn-wgpu")
        run, name, where = makers[peer](widths, batch)
        if peer == "torch":
            ms, threads = fastest_threads(run, seconds)
            where = f"{threads} threads"
        else:
            ms = median_milliseconds(run, seconds)
    net = "-".join(map(str, widths))
    print(json.dumps({"event": "peer", "peer": peer, "name": name, "where": where, "net": net, "batch": batch,
                      "ms_per_step": ms}))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Absent as reason:
        print(f"SKIPPED: {sys.argv[1]}: {reason}", file=sys.stderr)
        sys.exit(3)

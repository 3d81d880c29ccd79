"""Measures the package against scikit-learn's nets, against the program and against PyTorch, in turns: JSON on stdout.

    python python/benches/compare.py [--rounds 5] [--program target/release/anygrad] [--out FILE]

digits   a fit of 64 hidden units with Adam, 50 epochs of 64 rows, by AnygradClassifier and by MLPClassifier at equal settings,
         and the accuracy of both on held-back rows, over so many seeds.
nets     milliseconds per step of the README's four nets: from Python (the difference between many epochs and 1), by `anygrad
         bench`, and by PyTorch (benches/peers/mlp_step.py), if it is installed.
import   seconds of `import anygrad` in a fresh interpreter, less those of `import numpy`; the size of the wheel, if it is named.

Needs numpy and scikit-learn. Run it on an idle machine.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import anygrad
from anygrad import AnygradClassifier, Net

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
NETS = ["128-64-64-10@16", "784-128-10@64", "784-512-256-10@128", "784-1024-1024-10@1024"]
# Batches of an epoch, as `anygrad bench` has them, and epochs: enough to take some tenths of a second.
STEPS = [(32, 800), (32, 80), (32, 10), (10, 2)]


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def digits(rounds):
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    times = {"anygrad": [], "scikit-learn": []}
    accuracies = {"anygrad": [], "scikit-learn": []}
    for seed in range(rounds):
        Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.2, random_state=seed, stratify=y)
        common = dict(
            hidden_layer_sizes=(64,), solver="adam", learning_rate="constant", learning_rate_init=0.001, alpha=1e-4,
            batch_size=64, max_iter=50, random_state=seed,
        )
        own = AnygradClassifier(**common, scaling="none", device="cpu")
        other = MLPClassifier(**common, tol=0, n_iter_no_change=1000)
        for name, estimator in (("anygrad", own), ("scikit-learn", other)):
            times[name].append(min(seconds(lambda: estimator.fit(Xa, ya)) for _ in range(3)))
            accuracies[name].append(estimator.score(Xb, yb))
    ratios = [a / b for a, b in zip(times["anygrad"], times["scikit-learn"])]
    return {
        "seconds": times,
        "ratios": ratios,
        "median_ratio": statistics.median(ratios),
        "accuracies": accuracies,
        "mean_accuracies": {name: statistics.mean(own) for name, own in accuracies.items()},
    }


def from_python(net, steps, epochs):
    widths, batch = net.split("@")
    widths, batch = [int(width) for width in widths.split("-")], int(batch)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((batch * steps, widths[0]), dtype=np.float32)
    y = rng.integers(0, widths[-1], len(X))
    layers = [layer for width in widths[1:-1] for layer in (f"linear {width}", "relu")] + [f"linear {widths[-1]}"]

    def run(epochs):
        own = Net(
            layers, optimizer={"kind": "sgd", "learning_rate": 0.01}, schedule="constant", batch_size=batch,
            epochs=epochs, device="cpu",
        )
        return seconds(lambda: own.fit(X, y))

    run(1)
    return (run(1 + epochs) - run(1)) / epochs / steps * 1e3


def by_program(program, net):
    command = [program, "bench", "--device", "cpu", "--nets", net, "--seconds", "1", "--format", "json"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return next(json.loads(line)["ms_per_step"] for line in lines if '"event":"bench"' in line)


def by_pytorch(net):
    script = os.path.join(ROOT, "benches", "peers", "mlp_step.py")
    done = subprocess.run([sys.executable, script, "torch", net, "1"], capture_output=True, text=True)
    return json.loads(done.stdout)["ms_per_step"] if done.returncode == 0 else None


def nets(rounds, program):
    found = {net: {"python": [], "program": [], "pytorch": []} for net in NETS}
    for _ in range(rounds):
        for net, steps in zip(NETS, STEPS):
            found[net]["python"].append(from_python(net, *steps))
            found[net]["program"].append(by_program(program, net))
            found[net]["pytorch"].append(by_pytorch(net))
    for own in found.values():
        own["to_program"] = statistics.median(a / b for a, b in zip(own["python"], own["program"]))
        if None not in own["pytorch"]:
            own["to_pytorch"] = statistics.median(a / b for a, b in zip(own["python"], own["pytorch"]))
    return found


def imports(rounds):
    def fresh(what):
        return seconds(lambda: subprocess.run([sys.executable, "-c", what], check=True))

    fresh("import anygrad")
    both = [(fresh("import numpy, anygrad"), fresh("import numpy"), fresh("pass")) for _ in range(rounds)]
    own = statistics.median(a - b for a, b, _ in both)
    return {"beyond_numpy": own, "with_numpy": statistics.median(a - c for a, _, c in both)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default=os.path.join(ROOT, "target", "release", "anygrad"))
    parser.add_argument("--wheel")
    parser.add_argument("--out")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    processor = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine()
    )
    result = {
        "what": "python/benches/compare.py",
        "date": str(datetime.date.today()),
        "machine": {"processor": processor, "processors": os.cpu_count(), "python": platform.python_version()},
        "anygrad": anygrad.__version__,
        "import_seconds": imports(options.rounds),
        "digits": digits(options.rounds),
        "nets": nets(options.rounds, options.program),
    }
    if options.wheel:
        result["wheel_bytes"] = os.path.getsize(options.wheel)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        with open(options.out, "w") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()

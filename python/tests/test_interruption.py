"""Ctrl-C ends a run within a second and leaves the estimator as it was; other threads and processes go on meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import anygrad
from anygrad import AnygradClassifier

#: Long enough that only a signal ends it, with epochs of several seconds.
SCRIPT = """
import sys, time
import numpy as np
from anygrad import AnygradClassifier, Net

X = np.random.default_rng(0).normal(size=(100_000, 64)).astype(np.float32)
y = X[:, 0] > 0
device, how = sys.argv[1:]
own = AnygradClassifier(device=device, random_state=0, max_iter=2).fit(X[:500], y[:500])
before = own.weights_hash_, own.loss_curve_, own.predict_proba(X[:9]).tolist(), own.get_params()
own.set_params(hidden_layer_sizes=(1024, 1024), max_iter=100_000, early_stopping=how == "early stopping")
if how == "callback":
    own.set_params(hidden_layer_sizes=(8,), callbacks=lambda report: None)
print("training", flush=True)
try:
    if how == "partial_fit":
        own.set_params(hidden_layer_sizes=(64,)).partial_fit(X, y, epochs=100_000)
    else:
        own.fit(X, y)
except KeyboardInterrupt:
    print("interrupted", flush=True)
own.set_params(**before[3])
assert (own.weights_hash_, own.loss_curve_, own.predict_proba(X[:9]).tolist(), own.get_params()) == before
# It can be trained again, and nothing goes on in the background.
assert own.fit(X[:500], y[:500]).weights_hash_ == before[0]
began = time.process_time()
time.sleep(0.2)
assert time.process_time() - began < 0.1
print("as before", flush=True)
"""

HAS_GPU = len(anygrad.devices()) > 1


RUNS = [(device, how) for how in ("fit", "early stopping", "callback", "partial_fit") for device in ("cpu", "gpu")]


@pytest.mark.parametrize(("device", "how"), RUNS[:5] + RUNS[6:7])
def test_ctrl_c_ends_a_run_and_leaves_the_estimator_as_it_was(tmp_path, device, how):
    if device == "gpu" and not HAS_GPU:
        pytest.skip("there is no graphics adapter")
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, device, how], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert run.stdout.readline() == "training\n", run.stderr.read()
        time.sleep(0.7)
        run.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert run.stdout.readline() == "interrupted\n", run.stderr.read()
        took = time.monotonic() - began
        rest, errors = run.communicate(timeout=60)
    finally:
        run.kill()
    assert rest == "as before\n", errors
    assert took < 1


def test_other_threads_run_meanwhile(rows):
    X, y = rows
    turns, has_ended = [], threading.Event()

    def turn():
        while not has_ended.is_set():
            turns.append(time.monotonic())
            time.sleep(0.001)

    other = threading.Thread(target=turn)
    other.start()
    try:
        began = time.monotonic()
        AnygradClassifier(hidden_layer_sizes=(128, 128), max_iter=600, device="cpu").fit(X, y)
        ended = time.monotonic()
    finally:
        has_ended.set()
        other.join()
    during = [moment for moment in turns if began < moment < ended]
    # With the interpreter held it would have none; a machine that is busy leaves it at least every tenth.
    assert len(during) > (ended - began) * 100
    assert max(np.diff([began, *during, ended])) < 0.5


def test_threads_that_train_at_once_come_to_what_they_come_to_alone(rows):
    X, y = rows
    kinds = [(device, seed) for device in (["cpu", "gpu"] if HAS_GPU else ["cpu"]) for seed in range(3)]

    def train(device, seed):
        return AnygradClassifier(device=device, random_state=seed, max_iter=5).fit(X, y).weights_hash_

    alone = [train(*kind) for kind in kinds]
    found = [None] * len(kinds)

    def keep(at):
        found[at] = train(*kinds[at])

    threads = [threading.Thread(target=keep, args=(at,)) for at in range(len(kinds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone


PROCESS = """
import sys
import numpy as np
from anygrad import AnygradClassifier
X = np.random.default_rng(0).normal(size=(2000, 40))
print(AnygradClassifier(device=sys.argv[1], random_state=0, max_iter=8).fit(X, X[:, 0] > 0).weights_hash_)
"""


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_second_process_works_on_the_same_device(tmp_path, device):
    if device == "gpu" and not HAS_GPU:
        pytest.skip("there is no graphics adapter")
    command = [sys.executable, "-c", PROCESS, device]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0] != ""


FORK = """
import multiprocessing, warnings
from concurrent.futures import ProcessPoolExecutor
import numpy as np
import anygrad
from anygrad import AnygradClassifier

# Wide enough for the library to work in several threads, of which a fork has none.
X = np.random.default_rng(0).normal(size=(1000, 200)).astype(np.float32)

def train(device):
    net = AnygradClassifier(device=device, hidden_layer_sizes=(256,), batch_size=256, random_state=0, max_iter=2)
    return net.fit(X, X[:, 0] > 0).weights_hash_

devices = ["cpu", "gpu"] if len(anygrad.devices()) > 1 else ["cpu"]
alone = [train(device) for device in devices]
warnings.simplefilter("ignore")
with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
    assert list(pool.map(train, devices, timeout=30)) == alone
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_child_by_fork_trains_as_its_parent_does(process):
    process(FORK)

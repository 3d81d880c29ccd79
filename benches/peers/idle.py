"""Waits until all processors together work as fast as they did at best: until nothing else runs on this machine, or on
the host of a virtual one, whose processors then share a core.

    python benches/peers/idle.py BEST        # BEST: a file that keeps the best rate seen; needs no packages

Gives up after half a minute and says so on stderr. The first call looks for a few seconds what the best rate is.
"""

import multiprocessing
import os
import sys
import time

PROBE_SECONDS = 0.05
FIRST_PROBES = 40
PATIENCE_SECONDS = 30
ENOUGH = 0.9


def work(begin, rates):
    """Turns of a loop per second on one processor."""
    begin.wait()
    turns, start = 0, time.perf_counter()
    while time.perf_counter() < start + PROBE_SECONDS:
        for _ in range(1000):
            pass
        turns += 1000
    rates.put(turns / (time.perf_counter() - start))


def probe():
    """Turns per second on all processors at once."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    begin, rates = multiprocessing.Barrier(count), multiprocessing.SimpleQueue()
    workers = [multiprocessing.Process(target=work, args=(begin, rates)) for _ in range(count)]
    for worker in workers:
        worker.start()
    total = sum(rates.get() for _ in workers)
    for worker in workers:
        worker.join()
    return total


def main(path):
    try:
        with open(path, encoding="ascii") as file:
            best = float(file.read())
    except FileNotFoundError:
        best = max(probe() for _ in range(FIRST_PROBES))
    start = time.monotonic()
    while (rate := probe()) < ENOUGH * best:
        if time.monotonic() > start + PATIENCE_SECONDS:
            print(f"NOT IDLE: the processors do {rate / best:.0%} of what they did at best", file=sys.stderr)
            break
        time.sleep(0.2)
    with open(path, "w", encoding="ascii") as file:
        file.write(str(max(best, rate)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

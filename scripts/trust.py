#!/usr/bin/env python3
"""Prints the table of what can be relied on: target, what was counted, result.

  scripts/trust.py              # what the ordinary tests count
  scripts/trust.py --full       # and the slow ones: endurance, hundreds of signals, all faults
  scripts/trust.py --only T5 T9 # some rows

Exit code 1 if a target is not met. With --full the rows are kept in tests/trust/last-run.txt, each with its date and commit.
"""

import argparse
import datetime
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
COUNTS = TARGET / "tmp" / "comparisons"
KEPT = ROOT / "tests" / "trust" / "last-run.txt"

# Name, what is promised, the tests, the counts that they file, how many there must be at least; then the same for what
# only --full runs.
ROWS = [
    ("T1", "kernels within their bounds, no access outside their tensors", ["kernels", "interpreted", "launches"],
     ["kernels", "kernels_cpu", "kernels_downlevel", "interpreted", "grids", "launches", "repeated_products"], 6000, [], []),
    ("T2", "faults put into the code on purpose are noticed", [], ["faults"], 10, [], ["faults_all"]),
    ("T3", "gradients equal difference quotients, each op in mid-graph", ["gradients", "gradcheck"],
     ["gradient_checks", "gradcheck_activations", "gradcheck_losses"], 300, [], []),
    ("T4", "the same seed gives the same bits, masks and orders", ["determinism", "masks", "bits", "lockstep"],
     ["same_run_on_both", "masks", "masks_of_modules", "lockstep"], 100, [], []),
    ("T5", "a run stopped at each of 200 steps, or killed, ends with its bits", ["resume"], ["resume_cpu", "resume_gpu"], 400,
     ["resume"], ["resume_signals"]),
    ("T6", "whatever call fails: an error that names it, or the same bits", ["device_loss", "hostile_system"],
     ["device_failures"], 60, [], []),
    ("T7", "a device destroyed at 50 random steps changes no bit", ["device_loss"], ["device_loss"], 50, [], []),
    ("T8", "mutated files: no panic, bounded memory", ["mutated_files"], ["mutated_files"], 60000, [], []),
    ("T9", "poisoned runs: layer, tensor, step and rows are named", ["divergence"], ["divergence_cpu", "divergence_gpu"], 200,
     [], []),
    ("T10", "100,000 steps on CPU and GPU take no more memory", [], [], 0, ["endurance"], ["endurance_cpu", "endurance_gpu"]),
]


def cargo(tests, ignored):
    """Runs test binaries; whether all passed."""
    command = ["cargo", "test", "--quiet", "--features", "parquet"]
    for test in tests:
        command += ["--test", test]
    command += ["--"] + (["--ignored"] if ignored else [])
    environment = dict(os.environ, ANYGRAD_REQUIRE_GPU="1")
    run = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        print(run.stdout[-4000:], file=sys.stderr)
    return run.returncode == 0


def faults(full):
    """Runs faults, and files how many were noticed; whether all were."""
    command = [sys.executable, "scripts/faults.py"] + ([] if full else ["--sample", "10"])
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    noticed = re.findall(r"(\d+) caught", run.stdout)
    COUNTS.mkdir(parents=True, exist_ok=True)
    (COUNTS / ("faults_all" if full else "faults")).write_text(f"{noticed[-1] if noticed else 0}\n")
    return run.returncode == 0


def count(names):
    files = [COUNTS / name for name in names]
    return sum(int(file.read_text()) for file in files if file.exists())


def row(name, promise, tests, counts, least, slow, slow_counts, full):
    """The line of a target, and whether it is met."""
    for file in counts + (slow_counts if full else []):
        (COUNTS / file).unlink(missing_ok=True)
    passed = cargo(tests, False) if tests else True
    if name == "T2":
        passed = faults(full)
    if full and slow:
        passed = cargo(slow, True) and passed
    found = count(counts + (slow_counts if full else []))
    if not full and not counts:
        return f"{name:<4} {promise:<68} {'':>9}  only with --full", True
    is_met = passed and found >= least
    return f"{name:<4} {promise:<68} {found:>9}  {'holds' if is_met else 'FAILED'}", is_met


def version(command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
    except OSError:
        return "unknown"


def keep(lines):
    """Puts rows in the place of those of the last run."""
    commit = f"{datetime.date.today()} {version(['git', 'describe', '--always', '--dirty'])}"
    before = KEPT.read_text().splitlines() if KEPT.exists() else []
    rows = {line.split()[0]: line for line in before if re.match(r"T\d+ ", line)}
    rows.update({line.split()[0]: f"{line:<92} {commit}" for line in lines})
    adapter = version(["cargo", "run", "--quiet", "--features", "parquet", "--", "devices"]).splitlines()[:1]
    head = ["The table of scripts/trust.py --full", version(["rustc", "--version"]), *(line.strip() for line in adapter), ""]
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text("\n".join(head + [rows[name] for name, *_ in ROWS if name in rows]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW")
    options = parser.parse_args()
    rows = [entry for entry in ROWS if not options.only or entry[0] in options.only]
    lines, all_met = [], True
    for entry in rows:
        line, is_met = row(*entry, options.full)
        print(line, flush=True)
        lines.append(line)
        all_met = all_met and is_met
    if options.full:
        keep(lines)
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())

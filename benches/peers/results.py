"""Writes what scripts/bench-peers.sh measured, and on what, as one JSON file; prints the file's name.

    python benches/peers/results.py LINES.jsonl PROGRAM COMMIT COMPILER ROUNDS EACH [FILE]      # needs no packages

PROGRAM  anygrad
COMMIT   what PROGRAM was built from, and COMPILER by what; empty if that is not known
EACH     seconds for each measurement
FILE     the file to write [benches/results/DATE-MACHINE.json, with a number if there is one already]

The file holds every line as it was printed; benches/peers/table.py computes medians and ratios from them.
"""

import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys

PACKAGES = ["numpy", "torch", "jax", "jaxlib"]
VARIABLES = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "XLA_FLAGS", "LP_NUM_THREADS",
             "VK_DRIVER_FILES", "CUDA_VISIBLE_DEVICES"]


def output(*command):
    """What a command prints; None if it cannot be run."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def processor():
    """The processor's name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()


def memory_gib():
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def packages():
    """Versions of the Python packages that peers need, where they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def adapters(program):
    """The adapters and drivers that the program sees."""
    printed = output(program, "devices", "--format", "json") or ""
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def machine(program):
    return {
        "processor": processor(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "adapters": adapters(program),
    }


def new_file(document):
    """The name of a file that does not exist yet."""
    name = re.sub(r"[^a-z0-9]+", "-", document["machine"]["processor"].lower()).strip("-")
    stem = f"benches/results/{document['date']}-{name}-x{document['machine']['processors']}"
    endings = [""] + [f"-{number}" for number in range(2, 1000)]
    return next(stem + ending + ".json" for ending in endings if not os.path.exists(stem + ending + ".json"))


def main(lines, program, commit, compiler, rounds, each, path=""):
    with open(lines, encoding="utf-8") as file:
        measured = [json.loads(line) for line in file if line.strip()]
    peers = dict.fromkeys(line["name"] for line in measured if line["event"] == "peer")
    document = {
        "date": datetime.date.today().isoformat(),
        "commit": commit or None,
        "rounds": int(rounds),
        "seconds_each": float(each),
        "machine": machine(program),
        "versions": {
            "anygrad": output(program, "--version"),
            "rustc": compiler or None,
            "python": platform.python_version(),
            "packages": packages(),
            "peers": list(peers),
        },
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "lines": measured,
    }
    path = path or new_file(document)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        head = {key: value for key, value in document.items() if key != "lines"}
        head = json.dumps(head, indent=1, ensure_ascii=False)
        # A line for each measurement, so that a file can be read and compared.
        body = ",\n".join(json.dumps(line, ensure_ascii=False) for line in measured)
        file.write(f'{head[:-2]},\n "lines": [\n{body}\n]}}\n')
    print(path)


if __name__ == "__main__":
    if len(sys.argv) not in (7, 8):
        sys.exit(__doc__)
    main(*sys.argv[1:])

#!/usr/bin/env python3
"""Breaks the code on purpose, one fault at a time, and tells which test notices.

The faults stand in tests/faults/*.txt. A copy of the tree, below the target folder, gets all of them at once: each place
asks at run time which fault the variable ANYGRAD_FAULT names and does the right thing or the wrong one, so that library,
program and tests are built once. First every test that has to notice a fault runs without one and must pass; then each
fault runs with the tests that have to notice it.

    scripts/faults.py                 all faults; the table also goes to tests/faults/last-run.txt
    scripts/faults.py --sample 10     ten of them, quick to build, from all parts of the code
    scripts/faults.py h10 w16         these

A fault is written as

    [w16]
    file:  shaders/shared/reduce.wgsl
    code:  let total = reduce_scratch[0]; «workgroupBarrier();» return total;
    fault: (what stands between « and » instead; may be empty)
    what:  the next sum overwrites what an invocation still has to read
    test:  interpreted::kernels_keep_within_their_memory

White space in `code` stands for any white space and comments. `test` is the file of a test, or `lib`, and the test in it;
several are tried one after the other. `set: NAME=VALUE` is given to the tests.

Ends with 1 if a fault survives, if its place is not found exactly once, or if a test fails without a fault.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
COPY = TARGET / "faults"
# The copy is built in a folder of its own, so that neither it nor its program comes in the way of the right ones.
BUILT = TARGET / "faults-built"
COPIED = ["src", "shaders", "tests", "benches", "examples", "docs", "scripts", "Cargo.toml", "Cargo.lock", "README.md",
          "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "rustfmt.toml"]
LAST_RUN = ROOT / "tests/faults/last-run.txt"
# Seconds after which a test hangs.
SECONDS = 300


class Wrong(Exception):
    """The faults do not fit the code, or the code does not pass without them."""


class Fault:
    def __init__(self, name, part, fields):
        self.name, self.part = name, part
        self.file, self.code, self.fault = fields["file"], fields["code"], fields.get("fault", "")
        self.what, self.tests = fields["what"], fields["test"].split()
        self.set = dict(pair.split("=", 1) for pair in fields.get("set", "").split())
        self.in_sample = fields.get("sample") == "yes"


def read_faults():
    faults = []
    for path in sorted((ROOT / "tests/faults").glob("*.txt")):
        if path == LAST_RUN:
            continue
        name, fields, key = None, {}, None

        def finish():
            if name:
                missing = {"file", "code", "what", "test"} - set(fields)
                if missing:
                    raise Wrong(f"{path.name}: fault {name} lacks {', '.join(sorted(missing))}")
                faults.append(Fault(name, path.stem, fields))

        for line in path.read_text().splitlines():
            if line.startswith("["):
                finish()
                name, fields, key = line.strip("[] "), {}, None
            elif line.startswith("    ") and key:
                fields[key] += " " + line.strip()
            elif ":" in line and not line.startswith("#"):
                key, value = line.split(":", 1)
                fields[key] = value.strip()
        finish()
    names = [fault.name for fault in faults]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Wrong(f"faults that are there twice: {', '.join(sorted(twice))}")
    return faults


def pattern(code):
    """Finds code whatever its white space and comments."""
    return r"(?:\s|//[^\n]*\n)*".join(re.escape(word) for word in re.findall(r"\w+|[^\w\s]", code))


def place(fault, text):
    """Where in a file the faulty code stands: (start, end)."""
    before, own, after = re.split("[«»]", fault.code)
    gap = r"(?:\s|//[^\n]*\n)*"
    whole = pattern(before) + gap + "(" + pattern(own) + ")" + gap + pattern(after)
    found = [match.span(1) for match in re.finditer(whole, text)]
    if len(found) != 1:
        raise Wrong(f"fault {fault.name}: its code is found {len(found)} times in {fault.file}")
    return found[0]


def choosing(text, faults, numbers):
    """A Rust file in which each place chooses by the fault that is asked for."""
    places = {}
    for fault in faults:
        places.setdefault(place(fault, text), []).append(fault)
    ordered = sorted(places)
    for (_, end), (start, _) in zip(ordered, ordered[1:]):
        if start < end:
            raise Wrong(f"faults overlap: {places[ordered[ordered.index((start, _)) - 1]][0].name} in {faults[0].file}")
    crate = "anygrad" if faults[0].file.startswith(("src/cli/", "src/main")) else "crate"
    for start, end in reversed(ordered):
        own = text[start:end]
        chain = ""
        for fault in places[start, end]:
            chain += f"if {crate}::fault::is({numbers[fault.name]}) {{ {fault.fault} }} else "
        chain += f"{{ {own} }}"
        is_statement = own.endswith((";", "}")) and not own.lstrip().startswith("{")
        text = text[:start] + (chain if is_statement else f"({chain})") + text[end:]
    return text


def write(path, text):
    """Writes what has changed, so that cargo builds no more than it has to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


HOOK = """//! Which fault this run has.
#![allow(missing_docs)]

pub fn is(number: u32) -> bool {
    static CHOSEN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| std::env::var("ANYGRAD_FAULT").ok().and_then(|n| n.parse().ok()).unwrap_or_default()) == number
}

pub fn wgsl(text: &'static str) -> &'static str {
    for (number, right, wrong) in SHADERS {
        if is(*number) && text == *right {
            return wrong;
        }
    }
    text
}

"""
# Where the text of shaders is handed out.
HANDED_OUT = [
    ("src/kernel/source.rs", r"\bvariant\.source\b", 1),
    ("src/kernel/link.rs", r"\b(?:variant\.source|part\.source\.text|source\.text)\b", 5),
    ("src/kernel/shared.rs", r"include_str!\(concat!\(\"../../shaders/shared/\", \$file\)\)", 1),
]


def make_copy(faults):
    """The tree with all faults in it; the number of each."""
    numbers = {fault.name: number for number, fault in enumerate(faults, 1)}
    texts, kept = {}, set()
    for name in COPIED:
        source = ROOT / name
        for path in [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file()):
            relative = str(path.relative_to(ROOT))
            kept.add(relative)
            to = COPY / relative
            if path.suffix in (".rs", ".wgsl", ".toml", ".md"):
                texts[relative] = path.read_text()
            elif not to.exists() or to.stat().st_mtime < path.stat().st_mtime:
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, to)
    shaders = ""
    for file in dict.fromkeys(fault.file for fault in faults):
        own = [fault for fault in faults if fault.file == file]
        if not file.endswith(".wgsl"):
            texts[file] = choosing(texts[file], own, numbers)
            continue
        for fault in own:
            start, end = place(fault, texts[file])
            wrong = f"shaders-with-faults/{fault.name}.wgsl"
            write(COPY / wrong, texts[file][:start] + fault.fault + texts[file][end:])
            kept.add(wrong)
            shaders += f'    ({numbers[fault.name]}, include_str!("../{file}"), include_str!("../{wrong}")),\n'
    for file, code, times in HANDED_OUT:
        texts[file], found = re.subn(code, lambda match: f"crate::fault::wgsl({match[0]})", texts[file])
        if found != times:
            raise Wrong(f"the text of shaders is handed out in {found} places of {file}, not in {times}")
    texts["src/lib.rs"] = texts["src/lib.rs"].replace("\npub mod backend;", "\npub mod fault;\npub mod backend;", 1)
    # The other crates of the workspace are not copied.
    texts["Cargo.toml"] = re.sub(r'^members = \[.*\]$', "members = []", texts["Cargo.toml"], count=1, flags=re.MULTILINE)
    texts["src/fault.rs"] = HOOK + f"static SHADERS: &[(u32, &str, &str)] = &[\n{shaders}];\n"
    for relative, text in texts.items():
        write(COPY / relative, text)
    kept.update(texts)
    for path in COPY.rglob("*"):
        if path.is_file() and str(path.relative_to(COPY)) not in kept:
            path.unlink()
    return numbers


def share_dependencies():
    """What is built of other crates is linked, not built again."""
    debug = TARGET / "debug"
    libraries = [path for path in debug.glob("deps/lib*") if not path.name.startswith("libanygrad-")]
    told = [debug / "deps" / (path.stem.removeprefix("lib") + ".d") for path in libraries]
    others = [path for part in ("build", ".fingerprint") for path in debug.glob(f"{part}/*/**/*")
              if not path.relative_to(debug / part).parts[0].startswith("anygrad-")]
    for path in (path for path in {*libraries, *told, *others} if path.is_file()):
        to = BUILT / path.relative_to(TARGET)
        if to.exists() and to.stat().st_mtime < path.stat().st_mtime:
            to.unlink()
        if not to.exists():
            to.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, to)


def build(targets):
    """Builds tests once; where each one's program is."""
    share_dependencies()
    choose = []
    for target in sorted(targets):
        choose += ["--lib"] if target == "lib" else ["--bin", "anygrad"] if target == "bin" else ["--test", target]
    command = ["cargo", "test", "--no-run", "--features", "parquet", "--message-format", "json-render-diagnostics", *choose]
    # The warnings are those of code with two branches.
    ran = subprocess.run(command, cwd=COPY, env={**os.environ, "CARGO_TARGET_DIR": str(BUILT)}, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if ran.returncode != 0:
        errors = ran.stderr[ran.stderr.find("error"):]
        raise Wrong(f"the code with all faults in it does not build:\n{errors[:6000]}")
    programs = {}
    for line in ran.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message.get("profile", {}).get("test"):
            kind, name = message["target"]["kind"][0], message["target"]["name"]
            programs[{"lib": "lib", "bin": "bin"}.get(kind, name)] = message["executable"]
    return programs


# A test may have a folder that bears its name: it never runs twice at the same time, but for those without.
WITHOUT_FOLDER = ("kernels", "interpreted")
LOCKS, LOCKS_LOCK = {}, threading.Lock()


def run(programs, test, number, settings):
    """Runs one test under a fault: (what it did, seconds)."""
    target, name = test.split("::", 1)
    with LOCKS_LOCK:
        lock = threading.Lock() if target in WITHOUT_FOLDER else LOCKS.setdefault(test, threading.Lock())
    environment = {"ANYGRAD_REQUIRE_GPU": "1", "XDG_RUNTIME_DIR": str(BUILT), **os.environ, **settings,
                   "ANYGRAD_FAULT": str(number), "ANYGRAD_COMPARISONS": str(BUILT / "comparisons"), "RUST_BACKTRACE": "0"}
    with lock:
        start = time.monotonic()
        process = subprocess.Popen([programs[target], "--exact", name, "--test-threads", "2"], cwd=COPY, env=environment,
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            return "hangs", time.monotonic() - start, ""
    seconds = time.monotonic() - start
    if process.returncode != 0:
        return "fails", seconds, output
    return ("passes" if "\ntest result: ok. 1 passed" in output else "is no test"), seconds, output


def say(line):
    print(line, file=sys.stderr, flush=True)


def in_parallel(work, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(work, items))


def control(programs, faults):
    """Every test passes without a fault."""
    tests = dict.fromkeys((test, tuple(fault.set.items())) for fault in faults for test in fault.tests)
    results = in_parallel(lambda test: run(programs, test[0], 0, dict(test[1])), tests)
    slow = sorted(((result[1], test) for test, result in zip(tests, results)), reverse=True)
    say("the slowest: " + ", ".join(f"{test} {dict(own)} {seconds:.1f} s" for seconds, (test, own) in slow[:8]))
    wrong = [(test, result) for (test, _), result in zip(tests, results) if result[0] != "passes"]
    if wrong:
        test, (did, _, output) = wrong[0]
        raise Wrong(f"without a fault {', '.join(test for test, _ in wrong)} {did}:\n{output[-3000:]}")
    return len(tests)


def try_one(programs, number, fault):
    """The test that notices a fault: (test or None, what it did, seconds of all)."""
    spent = 0
    for test in fault.tests:
        did, seconds, _ = run(programs, test, number, fault.set)
        spent += seconds
        if did in ("fails", "hangs"):
            return test, did, spent
    say(f"{fault.name} SURVIVED")
    return None, "SURVIVED", spent


def sample(faults, count, seed):
    """Faults whose tests are quick to build, as many of each part as can be."""
    parts = {}
    for fault in faults:
        if fault.in_sample:
            parts.setdefault(fault.part, []).append(fault)
    taken = []
    for turn in range(max(map(len, parts.values()), default=0)):
        taken += [own[(turn + seed) % len(own)] for own in parts.values() if turn < len(own)]
    return taken[:count]


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def versions():
    adapters = first_line([str(BUILT / "debug/anygrad"), "devices"])
    driver = next((line for line in adapters.splitlines() if "Mesa" in line or "Vulkan" in line), "")
    return f"{first_line(['rustc', '--version'])}; {' '.join(driver.split())}; {os.cpu_count()} processors"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("faults", nargs="*", help="names of faults; all if none is given")
    arguments.add_argument("--sample", type=int, metavar="N", help="so many faults whose tests are quick to build")
    arguments.add_argument("--seed", type=int, default=0, help="another sample")
    arguments.add_argument("--list", action="store_true", help="only say which faults there are")
    given = arguments.parse_args()
    start = time.monotonic()
    every = read_faults()
    # All places are held to the code, whichever faults are run.
    for fault in every:
        place(fault, (ROOT / fault.file).read_text())
    faults = [fault for fault in every if not given.faults or fault.name in given.faults]
    unknown = set(given.faults) - {fault.name for fault in every}
    if unknown:
        raise Wrong(f"no fault {', '.join(sorted(unknown))}")
    if given.sample:
        faults = sample(faults, given.sample, given.seed)
    if given.list:
        for fault in faults:
            print(f"{fault.name:28} {fault.part:8} {fault.what}")
        return 0
    # All faults are in the copy, so that another choice of them needs no other build.
    numbers = make_copy(every)
    programs = build({test.split("::", 1)[0] for fault in faults for test in fault.tests})
    built = time.monotonic() - start
    say(f"built in {built:.0f} s")
    tests = control(programs, faults)
    checked = time.monotonic() - start
    say(f"{tests} tests pass without a fault, in {checked - built:.0f} s")
    results = in_parallel(lambda fault: try_one(programs, numbers[fault.name], fault), faults)
    lines = []
    for fault, (test, did, seconds) in zip(faults, results):
        noticed = {"fails": "", "hangs": " (hangs)"}.get(did)
        caught = did if noticed is None else f"{test}{noticed}"
        lines.append(f"{fault.name:28} {fault.part:8} {caught}\n{'':28} {'':8} {fault.what}")
    survivors = [fault.name for fault, (test, _, _) in zip(faults, results) if test is None]
    count = {part: sum(fault.part == part for fault in faults) for part in dict.fromkeys(f.part for f in faults)}
    total = time.monotonic() - start
    summary = (f"{len(faults)} faults ({', '.join(f'{n} in {part}' for part, n in count.items())}), "
               f"{len(faults) - len(survivors)} caught, {len(survivors)} survived"
               + (f": {', '.join(survivors)}" if survivors else "") + "\n"
               f"{tests} tests pass without a fault; {total:.0f} s: {built:.0f} s to build, {checked - built:.0f} s without "
               f"faults, {total - checked:.0f} s with them")
    print("\n".join(lines) + f"\n{summary}")
    if len(faults) == len(every):
        date = datetime.date.today().isoformat()
        LAST_RUN.write_text(f"scripts/faults.py on {date}; {versions()}\n{summary}\n\n" + "\n".join(lines) + "\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as reason:
        print(f"error: {reason}", file=sys.stderr)
        sys.exit(1)

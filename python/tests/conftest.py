"""What several tests need: the program, the tables of the cases, small data, and a process of its own."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
IS_REQUIRED = os.environ.get("ANYGRAD_REQUIRE_PYTHON") == "1"


def absent(what: str) -> None:
    """Skips a test and says so; fails it where everything must be there."""
    if IS_REQUIRED:
        pytest.fail(f"{what}, and ANYGRAD_REQUIRE_PYTHON=1")
    warnings.warn(pytest.PytestWarning(f"SKIPPED: {what}"), stacklevel=2)
    pytest.skip(what)


@pytest.fixture(scope="session")
def program() -> pathlib.Path:
    """The program that the package is compared with."""
    named = [pathlib.Path(os.environ["ANYGRAD"])] if "ANYGRAD" in os.environ else []
    for path in named or [ROOT / "target" / kind / "anygrad" for kind in ("release", "debug")]:
        if path.is_file():
            return path.resolve()
    absent("there is no program to compare with: build it by `cargo build --release`, or name it by ANYGRAD")
    raise AssertionError


_BESIDE = [folder / "shared" / "cases" / "inputs" for folder in (ROOT, ROOT.parent, ROOT.parent.parent)]
CASES = pathlib.Path(os.environ.get("ANYGRAD_CASES", next(filter(pathlib.Path.is_dir, _BESIDE), _BESIDE[0]))).resolve()


@pytest.fixture(scope="session")
def cases() -> pathlib.Path:
    """The folder with tables that have something the matter with them."""
    if not CASES.is_dir():
        message = "there is no folder with the tables of the cases: name it by ANYGRAD_CASES"
        warnings.warn(pytest.PytestWarning(f"SKIPPED: {message}"), stacklevel=2)
        pytest.skip(message)
    return CASES


@pytest.fixture(scope="session")
def trained(program, tmp_path_factory):
    """Trains by the program on all rows of a table; returns its last report, or how it refuses if it may."""

    def train(table, *flags: str, may_refuse: bool = False) -> dict:
        folder = tmp_path_factory.mktemp("program")
        if not isinstance(table, (str, os.PathLike)):
            table.to_csv(folder / "table.csv", index=False)
            table = "table.csv"
        settings = {"--test-fraction": "0", "--device": "cpu", "--seed": "3", "--epochs": "8"}
        others = [word for flag in settings.items() if flag[0] not in flags for word in flag]
        command = [program, "train", table, "--format", "json", *others, *flags]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 or may_refuse, done.stderr
        return {"error": done.stderr} if done.returncode else json.loads(done.stdout.splitlines()[-1])

    return train


@pytest.fixture
def process(tmp_path):
    """Runs a script in a Python of its own and returns what it did; it fails if the script does, unless told not to."""

    def run(script: str, is_checked: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            timeout=80,
        )
        assert not is_checked or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(autouse=True)
def runtime_folder(monkeypatch, tmp_path_factory):
    """Some graphics drivers look for a display there, and complain if nothing is named."""
    if "XDG_RUNTIME_DIR" not in os.environ:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    """120 rows of four numbers, and a class for each."""
    X = np.random.default_rng(0).normal(size=(120, 4))
    return X, np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")

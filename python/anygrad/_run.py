"""A run of training: what it comes to, how it is started, and what is told of it meanwhile."""

from __future__ import annotations

import json
import os
from typing import Any, Callable

import numpy as np

from . import _anygrad, _data, _recipe


class Run:
    """The state of a net: the model, what happened, and where it can be gone on from."""

    def __init__(self, model: Any, happened: dict[str, Any], snapshot: bytes | None):
        self.model = model
        self.happened = happened
        self.snapshot = snapshot

    @property
    def epochs(self) -> list[dict[str, Any]]:
        return self.happened["epochs"]

    @property
    def description(self) -> dict[str, Any]:
        if not hasattr(self, "_description"):
            self._description = json.loads(self.model.description())
        return self._description

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model.to_bytes(), "happened": self.happened, "snapshot": self.snapshot}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(_anygrad.Model.from_bytes(state["model"]), state["happened"], state["snapshot"])

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Run:
        model = _anygrad.Model.load(os.fspath(path))
        run = Run(model, {"epochs": [], "model_epoch": 0, "most_epochs": 0}, None)
        metrics = run.description.get("metrics")
        run.happened["epochs"] = [metrics] if isinstance(metrics, dict) else []
        return run


def rows_of(X: Any, names: list[str], categorical: list[str], model: Any = None) -> Any:
    """Columns for the library."""
    return _data.columns(X, names, categorical, model)


def train(
    recipe: dict[str, Any],
    columns: Any,
    targets: Any,
    weights: np.ndarray | None = None,
    validation: tuple[Any, Any, np.ndarray | None] | None = None,
    before: Run | None = None,
    until: int | None = None,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
) -> Run:
    """Trains, or goes on with the run before: from its weights, if it came from a file, which holds nothing else."""

    def asked(report: str) -> bool:
        return bool(on_epoch(json.loads(report))) if on_epoch else False

    if validation is not None:
        validation = (validation[0], validation[1], _in_32_bits(validation[2]))
    snapshot = None if before is None else before.snapshot
    model, happened, snapshot = _anygrad.fit(
        _recipe.text(recipe),
        columns,
        targets,
        _in_32_bits(weights),
        validation,
        None if before is None else before.model,
        snapshot,
        until,
        asked if on_epoch else None,
        before is not None and snapshot is None,
    )
    return Run(model, json.loads(happened), snapshot)


def _in_32_bits(weights: np.ndarray | None) -> np.ndarray | None:
    return None if weights is None else np.ascontiguousarray(weights, dtype=np.float32)


def labels(classes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The positions of targets among sorted classes; an unknown one is refused."""
    at = np.searchsorted(classes, y)
    at[at == len(classes)] = 0
    unknown = classes[at] != y
    if unknown.any():
        first = np.asarray(y)[unknown].tolist()[0]
        raise ValueError(f"y has the class {first!r}, which is none of {classes.tolist()}")
    return at.astype(np.uint32)


def line(report: dict[str, Any], most: int) -> str:
    """A report of an epoch as a line."""
    parts = [f"epoch {report['epoch']}/{most}", f"loss {report['train_loss']:.6f}"]
    for name, text in (("train_accuracy", "accuracy"), ("validation_loss", "validation loss")):
        if report.get(name) is not None:
            parts.append(f"{text} {report[name]:.4f}")
    if report.get("validation_accuracy") is not None:
        parts.append(f"validation accuracy {report['validation_accuracy']:.4f}")
    return "  ".join(parts)


def observer(callbacks: Any, verbose: Any, most: int | None) -> Callable[[dict[str, Any]], bool] | None:
    """What is told of each epoch, and decides whether to stop: callbacks, and lines if they are asked for."""
    own = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
    for callback in own:
        if not callable(callback):
            raise TypeError(f"callbacks: {callback!r} cannot be called")
    if not own and not verbose:
        return None

    def told(report: dict[str, Any]) -> bool:
        if verbose:
            print(line(report, most or report["epoch"]), flush=True)
        # All are told, also behind one that wants to stop.
        return any([bool(callback(report)) for callback in own])

    return told

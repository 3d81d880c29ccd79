"""From parameters to a recipe: the program's config file as a dictionary, which decides a run."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping

import numpy as np

#: Learning rate and further settings of each optimizer where none are given: those of the program.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"learning_rate": 0.003, "weight_decay": 0.1},
    "adam": {"learning_rate": 0.001},
    "sgd": {"learning_rate": 0.1, "momentum": 0.9},
    "rmsprop": {"learning_rate": 0.01},
    "adagrad": {"learning_rate": 0.01},
}

#: What scikit-learn calls otherwise, or has and this has not.
_SCHEDULES = {
    "adaptive": "name `{'kind': 'reduce_on_plateau', 'factor': 0.2}`, which looks at validation rows",
    "invscaling": "name 'cosine', 'linear' or 'exponential'",
}


def text(recipe: Any) -> str:
    """A recipe in JSON; NumPy's numbers and arrays in it are numbers and lists."""

    def plain(own: Any) -> Any:
        if isinstance(own, (np.generic, np.ndarray)):
            return own.tolist()
        raise TypeError(f"a recipe holds numbers, texts, truth values, lists and dictionaries, not {own!r}")

    return json.dumps(recipe, default=plain)


def loaded(recipe: Any) -> dict[str, Any]:
    """A recipe from a dictionary, from JSON, or from a config file of the program."""
    if isinstance(recipe, Mapping):
        return json.loads(text(recipe))
    if isinstance(recipe, str) and recipe.lstrip().startswith("{"):
        return json.loads(recipe)
    path = os.fspath(recipe)
    try:
        import tomllib
    except ImportError as error:  # Python 3.10
        message = f"{path}: reading a config file needs Python 3.11 or newer; give the recipe as a dictionary"
        raise ValueError(message) from error
    with open(path, "rb") as file:
        try:
            return tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: {error}") from error


def seed(random_state: Any) -> int:
    """A seed from what scikit-learn calls a random state."""
    if random_state is None:
        return int(np.random.randint(0, 2**31 - 1))
    if isinstance(random_state, (np.random.RandomState,)):
        return int(random_state.randint(0, 2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 2**31 - 1))
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool) and random_state >= 0:
        return int(random_state)
    message = f"random_state = {random_state!r}: must be None, a whole number of at least 0, or a random generator"
    raise ValueError(message)


def widths(hidden: Any) -> list[int]:
    """Hidden widths from a number or a sequence."""
    own = list(hidden) if np.iterable(hidden) else [hidden]
    for width in own:
        if not isinstance(width, (int, np.integer)) or isinstance(width, bool) or width < 1:
            raise ValueError(f"hidden_layer_sizes = {hidden!r}: each must be a whole number of at least 1")
    return [int(width) for width in own]


def layers(hidden: list[int], activation: Any, dropout: float, outputs: int) -> list[dict[str, Any]]:
    """A multilayer perceptron."""
    activation = {"logistic": "sigmoid"}.get(activation, activation)
    own: list[dict[str, Any]] = []
    for width in hidden:
        own += [{"linear": width}, {"activation": activation}]
        if dropout:
            own.append({"dropout": number("dropout", dropout)})
    return own + [{"linear": outputs}]


def layer(own: Any) -> dict[str, Any]:
    """A layer from its table, or from words such as ``"linear 64"``, ``"relu"``, ``"dropout 0.1"``."""
    if isinstance(own, Mapping):
        return dict(own)
    words = str(own).split()
    if len(words) == 2 and words[0] == "linear":
        return {"linear": whole("linear", words[1])}
    if len(words) == 2 and words[0] == "dropout":
        return {"dropout": number("dropout", words[1])}
    if len(words) == 1:
        return {"activation": words[0]}
    raise ValueError(f"unknown layer {own!r}; known: 'linear 64', 'dropout 0.1', an activation such as 'relu', or a table")


def number(name: str, value: Any) -> float:
    """A float that is one."""
    try:
        own = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r}: must be a number") from None
    if not np.isfinite(own):
        raise ValueError(f"{name} = {value!r}: must be finite")
    return own


def penalty(name: str, value: Any) -> float:
    """A float of at least 0."""
    own = number(name, value)
    if own < 0:
        raise ValueError(f"{name} = {value!r}: must be a number of at least 0")
    return own


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least so much."""
    try:
        own = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r}: must be a whole number") from None
    if own != float(value) or own < least:
        raise ValueError(f"{name} = {value!r}: must be a whole number of at least {least}")
    return own


def optimizer(solver: Any, learning_rate: Any = None, **options: Any) -> dict[str, Any]:
    """The table of an optimizer; options that are None are the optimizer's own."""
    if isinstance(solver, Mapping):
        own = dict(solver)
    elif solver in OPTIMIZERS:
        own = {"kind": solver, **OPTIMIZERS[solver]}
    elif solver == "lbfgs":
        raise ValueError(f"solver = 'lbfgs': it is none of minibatches; known: {', '.join(OPTIMIZERS)}")
    else:
        raise ValueError(f"unknown optimizer {solver!r}; known: {', '.join(OPTIMIZERS)}")
    if learning_rate is not None:
        own["learning_rate"] = number("learning_rate_init", learning_rate)
    own.update({name: value for name, value in options.items() if value is not None})
    return own


def schedule(own: Any) -> dict[str, Any]:
    """The table of a schedule, by its name or as it is."""
    if isinstance(own, Mapping):
        return dict(own)
    if isinstance(own, (int, float, np.number)):
        raise ValueError(f"learning_rate = {own!r}: names how the rate changes; the rate is learning_rate_init")
    if own in _SCHEDULES:
        raise ValueError(f"learning_rate = {own!r}: there is none; {_SCHEDULES[own]}")
    return {"kind": own}


def table(own: Any) -> dict[str, Any] | None:
    """A table by its kind, or as it is."""
    if own is None or isinstance(own, Mapping):
        return None if own is None else dict(own)
    return {"kind": own}


def batch_size(own: Any) -> Any:
    """Rows of a step; scikit-learn's ``"auto"`` is 64 here."""
    if own in ("auto", "full"):
        return {"auto": 64}.get(own, own)
    return whole("batch_size", own)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """A recipe with the settings of another over it; tables that say of what kind they are, replace each other."""
    own = dict(base)
    for key, value in over.items():
        known = own.get(key)
        if isinstance(known, dict) and isinstance(value, dict) and "kind" not in value:
            own[key] = merged(known, value)
        else:
            own[key] = value
    return own

"""What helps to understand a net: devices, the formulas of a step, checks of gradients, the plan of a run."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from . import _anygrad, _recipe
from ._estimator import AnygradEstimator
from ._net import Net
from ._run import rows_of


def devices() -> list[dict[str, Any]]:
    """The processor and the graphics adapters.

    Returns
    -------
    list of dict
        ``device`` is what the parameter ``device`` takes.

    Examples
    --------
    >>> import anygrad
    >>> anygrad.devices()[-1]["device"]
    'cpu'
    """
    return json.loads(_anygrad.devices())


def _prepared(net: Any, X: Any, y: Any) -> tuple[Any, Any, str]:
    """Columns, targets and recipe of a net or an estimator, whether it is fitted or not."""
    if isinstance(net, Net):
        columns, targets, recipe, _ = net._prepared(X, y)
        return columns, targets, _recipe.text(recipe)
    if not isinstance(net, AnygradEstimator):
        raise TypeError(f"a Net or an estimator of anygrad is needed, not {net!r}")
    own = type(net)(**net.get_params())
    own._given_classes, own._has_validation = None, False
    X = own._check_X(X, reset=True)
    rows = len(X) if not hasattr(X, "shape") else X.shape[0]
    y = own._check_y(y, rows, known=False)
    own._seed = 0 if net.random_state is None else _recipe.seed(net.random_state)
    settings = own._settings(own._outputs(), rows)
    own._name_columns(X, settings["data"])
    own._name_task(settings)
    columns = rows_of(X, own._names(), settings["data"].get("categorical", []))
    return columns, own._targets(y), _recipe.text(settings)


class Explanation:
    """One row through one training step; printed, it is what a lecture writes on the board.

    Attributes
    ----------
    steps : list of dict
        Of each formula the stage, the layer, the formula and its quantities: symbol, shape and values.
    """

    def __init__(self, steps: list[dict[str, Any]]):
        self.steps = steps

    def __str__(self) -> str:
        lines: list[str] = []
        stage = None
        for step in self.steps:
            if step["stage"] != stage:
                stage = step["stage"]
                lines += ["", stage.upper()] if lines else [stage.upper()]
            lines.append(f"  {step['formula']}")
            for value in step["values"]:
                own = np.array(value["values"]).reshape(value["shape"])
                text = np.array2string(own, precision=4, suppress_small=True, threshold=40, edgeitems=3)
                lines += [f"    {value['symbol']} = " + text.replace("\n", "\n" + " " * (len(value["symbol"]) + 7))]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Explanation of {len(self.steps)} formulas; print it>"


def explain(net: Any, X: Any, y: Any, row: int = 0) -> Explanation:
    """The first training step on one row, with all its numbers.

    Parameters
    ----------
    net : Net, AnygradClassifier or AnygradRegressor
        Whose parameters count; it is not changed.
    X, y : array-like
        Rows, by which columns are understood and scaled.
    row : int, default=0
        Which of them.

    Returns
    -------
    Explanation

    Examples
    --------
    >>> from anygrad import Net, explain
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> print(explain(Net(["linear 3", "relu", "linear 2"]), X, y, row=1))  # doctest: +ELLIPSIS
    INPUT
    ...
    """
    columns, targets, recipe = _prepared(net, X, y)
    return Explanation(json.loads(_anygrad.explain(recipe, columns, targets, _recipe.whole("row", row, 0))))


def gradcheck(net: Any, X: Any, y: Any, *, elements: int = 64, rows: int = 8) -> dict[str, Any]:
    """Gradients of the first step against difference quotients in 64 bits.

    Parameters
    ----------
    net : Net, AnygradClassifier or AnygradRegressor
        Whose parameters count; it is not changed.
    X, y : array-like
        Rows.
    elements : int, default=64
        Elements of each tensor that are compared.
    rows : int, default=8
        Rows of the step.

    Returns
    -------
    dict
        ``ok``; ``tensors`` with what was compared of each; ``error``, a sentence if they differ.

    Examples
    --------
    >>> from anygrad import Net, gradcheck
    >>> gradcheck(Net(["linear 3", "tanh", "linear 2"]), [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])["ok"]
    True
    """
    columns, targets, recipe = _prepared(net, X, y)
    return json.loads(_anygrad.gradcheck(recipe, columns, targets, elements, rows))


def plan(net: Any, X: Any, y: Any) -> str:
    """What a run would do on its device: each launch with its kernels, buffers and bytes.

    Parameters
    ----------
    net : Net, AnygradClassifier or AnygradRegressor
        Whose parameters count; it is not changed.
    X, y : array-like
        Rows.

    Returns
    -------
    str

    Examples
    --------
    >>> from anygrad import Net, plan
    >>> "train" in plan(Net(["linear 2"]), [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
    True
    """
    columns, targets, recipe = _prepared(net, X, y)
    return _anygrad.plan(recipe, columns, targets)

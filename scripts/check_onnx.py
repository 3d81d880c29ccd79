"""Asks ONNX Runtime for the answers of exported models, and onnx.checker whether the files are sound.

`cargo test --test export` leaves models, rows and answers in target/tmp/onnx; this compares: `python scripts/check_onnx.py
target/tmp/onnx`. It needs the packages onnx, onnxruntime and numpy. Exit code 1 if a model differs by more than 1e-5 of the
larger of the right number and 1, or answers with another class.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

ENOUGH = 120
FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def column(name, kind, rows):
    """The cells of a column as ONNX takes them: numbers with NaN, or texts with blanks where they are missing."""
    cells = [row[name] for row in rows]
    if kind == "tensor(string)":
        return np.array([["" if cell is None else cell] for cell in cells], dtype=object)
    return np.array([[np.nan if cell is None else cell] for cell in cells], dtype=FLOATS[kind])


def check(path):
    """The largest difference of a model's numbers, as a share; raises if the file or a class is wrong."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    case = json.loads(path.with_suffix(".json").read_text())
    rows, answers = case["rows"], case["answers"]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options)
    inputs, outputs = session.get_inputs(), [output.name for output in session.get_outputs()]
    if isinstance(rows[0], list):
        assert [i.name for i in inputs] == ["X"], [i.name for i in inputs]
        feed = {"X": np.array(rows, dtype=np.float32)}
    else:
        assert {i.name for i in inputs} == set(rows[0]), [i.name for i in inputs]
        feed = {i.name: column(i.name, i.type, rows) for i in inputs}
    found = dict(zip(outputs, session.run(None, feed)))
    # A row by itself is answered as among others.
    alone = session.run(None, {name: cells[:1] for name, cells in feed.items()})
    numbers = next(found[name] for name in ("probabilities", "scores", "value", "predicted_value") if name in found)
    right = np.array([numbers for _, numbers in answers])
    assert numbers.shape == right.shape, (numbers.shape, right.shape)
    if answers[0][0] is not None:
        assert [str(label) for label in found["label"]] == [label for label, _ in answers], found["label"]
        assert str(alone[0][0]) == answers[0][0], alone[0]
    if "tagged" in feed:
        # A word that is neither yes nor no fits no row: it has no answer, and the others keep theirs.
        feed["tagged"] = feed["tagged"].copy()
        feed["tagged"][0] = "maybe"
        refused = dict(zip(outputs, session.run(None, feed)))
        assert all(np.isnan(refused[name][0]).all() for name in refused if name not in ("label",)), refused
        if answers[0][0] is not None:
            assert refused["label"][0] in ("", np.iinfo(np.int64).min), refused["label"]
            assert [str(label) for label in refused["label"][1:]] == [label for label, _ in answers[1:]]
    share = np.abs(numbers - right) / np.maximum(np.abs(right), 1)
    first = np.abs(alone[-1][0] - right[0]) / np.maximum(np.abs(right[0]), 1)
    return float(max(share.max(), first.max()))


def main():
    paths = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
    worst = {}
    for path in paths:
        try:
            worst[path.stem] = check(path)
        except Exception as error:
            sys.exit(f"{path.name}: {error}")
    wrong = [f"{name}: {share:.2e}" for name, share in worst.items() if not share <= 1e-5]
    print(f"{len(worst)} models in ONNX Runtime {onnxruntime.__version__}, largest difference {max(worst.values()):.1e}")
    if wrong or len(worst) < ENOUGH:
        sys.exit("\n".join(wrong) or f"at least {ENOUGH} models are asked for")


if __name__ == "__main__":
    main()

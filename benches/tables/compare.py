"""Trains anygrad and scikit-learn's multilayer perceptrons on the same rows of real tables, and ranks them.

    python compare.py FOLDER ANYGRAD [--seeds N] [--most-rows N] [--out FILE] [-- FLAGS OF ANYGRAD]

FOLDER is what gather.py wrote. Each seed is another split into 80 % training and 20 % test rows. scikit-learn gets
`ColumnTransformer` (mean and most frequent value, StandardScaler, OneHotEncoder) and `MLPClassifier` or `MLPRegressor`
(its target standardized as well) with their defaults; anygrad gets the files and the name of the target. Scores are
accuracy and R² on the test rows.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd


def scikit_learn(train, test, target, is_classes, seed):
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    features = train.drop(columns=target)
    numbers = [c for c in features if pd.api.types.is_numeric_dtype(features[c]) and features[c].notna().any()]
    # Columns in which most cells differ are names.
    texts = [c for c in features if c not in numbers and 2 * features[c].nunique() <= len(features)]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            (
                "texts",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent"),
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ),
                texts,
            ),
        ]
    )
    if is_classes:
        model = make_pipeline(columns, MLPClassifier(random_state=seed))
    else:
        net = MLPRegressor(random_state=seed)
        model = TransformedTargetRegressor(make_pipeline(columns, net), transformer=StandardScaler())
    start = time.perf_counter()
    model.fit(features, train[target])
    score = model.score(test.drop(columns=target), test[target])
    return score, time.perf_counter() - start


def anygrad(program, folder, target, seed, flags):
    out = folder / "run"
    command = [program, "train", str(folder / "train.csv"), "--test-data", str(folder / "test.csv")]
    command += ["--target", target, "--seed", str(seed), "--format", "json", "--device", "cpu", *flags]
    start = time.perf_counter()
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    subprocess.run(["rm", "-rf", str(out)])
    if done.returncode != 0:
        return None, seconds, done.stderr.strip().splitlines()[-1]
    last = json.loads(done.stdout.strip().splitlines()[-1])
    score = last.get("test_accuracy")
    return (last["test_r_squared"] if score is None else score), seconds, None


def main():
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("program")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--most-rows", type=int, default=10**9)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--work", default=None)
    own, flags = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, flags = own[:at], own[at + 1 :]
    options = parser.parse_args(own)
    from sklearn.model_selection import train_test_split

    cache_path = options.folder / "scikit-learn.json"
    cache = json.loads(cache_path.read_text()) if cache_path.exists() else {}
    results = {}
    for line in (options.folder / "tables.tsv").read_text().splitlines():
        name, target, rows, _ = line.split("\t")
        if int(rows) > options.most_rows or options.only not in name:
            continue
        frame = pd.read_csv(options.folder / name).dropna(subset=[target])
        if frame.columns[0].startswith("Unnamed"):
            frame = frame.drop(columns=frame.columns[0])
        values = frame[target]
        is_number = pd.api.types.is_numeric_dtype(values)
        whole = is_number and (values % 1 == 0).all()
        few = values.nunique() == 2 or (values.nunique() <= 20 and len(values) >= 5 * values.nunique())
        is_classes = not is_number or (whole and few)
        ours, theirs = [], []
        for seed in range(options.seeds):
            stratify = values if is_classes and values.value_counts().min() > 1 else None
            train, test = train_test_split(frame, test_size=0.2, random_state=seed, stratify=stratify)
            folder = pathlib.Path(options.work or options.folder / "split")
            folder.mkdir(parents=True, exist_ok=True)
            train.to_csv(folder / "train.csv", index=False)
            test.to_csv(folder / "test.csv", index=False)
            score, seconds, error = anygrad(options.program, folder, target, seed, flags)
            ours.append((score, seconds, error))
            key = f"{name} {seed}"
            if key not in cache:
                cache[key] = scikit_learn(train, test, target, is_classes, seed)
                cache_path.write_text(json.dumps(cache))
            theirs.append(cache[key])
        failed = [error for score, _, error in ours if score is None]
        mean = lambda scores: float(np.mean([s if s is not None else np.nan for s in scores]))
        results[name] = {
            "kind": "accuracy" if is_classes else "R²",
            "rows": len(frame),
            "anygrad": mean([score for score, _, _ in ours]),
            "scikit-learn": mean([score for score, _ in theirs]),
            "anygrad seconds": float(np.mean([s for _, s, _ in ours])),
            "scikit-learn seconds": float(np.mean([s for _, s in theirs])),
            "failed": failed,
        }
        one = results[name]
        mark = "+" if one["anygrad"] > one["scikit-learn"] else "=" if one["anygrad"] == one["scikit-learn"] else "-"
        print(
            f"{name:<30} {one['kind']:<9} {one['rows']:>6}  {one['anygrad']:8.4f}  {one['scikit-learn']:8.4f} {mark}"
            f"  {one['anygrad seconds']:7.2f} s {one['scikit-learn seconds']:7.2f} s  {failed[0][:90] if failed else ''}",
            flush=True,
        )
    better = sum(r["anygrad"] > r["scikit-learn"] for r in results.values())
    equal = sum(r["anygrad"] == r["scikit-learn"] for r in results.values())
    rank = lambda r: 1.0 if r["anygrad"] > r["scikit-learn"] else 1.5 if r["anygrad"] == r["scikit-learn"] else 2.0
    mean_rank = np.mean([rank(r) for r in results.values()])
    gap = np.nanmean([np.clip(r["anygrad"], -1, 1) - np.clip(r["scikit-learn"], -1, 1) for r in results.values()])
    print(
        f"{len(results)} tables: better {better}, equal {equal}, worse {len(results) - better - equal}; "
        f"mean rank {mean_rank:.2f} against {3 - mean_rank:.2f}; mean difference {gap:+.4f}"
    )
    if options.out:
        options.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

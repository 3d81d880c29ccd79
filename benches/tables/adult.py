"""A table like UCI's Adult (48,000 rows, 14 columns, 8 of them categories, blanks): anygrad against scikit-learn.

    python adult.py FOLDER ANYGRAD [SEEDS]

Both learn from the same rows of each seed's split: scikit-learn through `ColumnTransformer` and `MLPClassifier`, anygrad from
the file. Accuracy on the test rows, and seconds of the whole process (anygrad, reading included) or of fit and score.
"""

import pathlib
import sys

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from compare import anygrad, scikit_learn

ROWS = 48_000


def table():
    rng = np.random.default_rng(0)
    pick = lambda names, p: rng.choice(names, ROWS, p=np.array(p) / np.sum(p))
    age = np.clip(rng.gamma(8, 5, ROWS), 17, 90).round()
    years = np.clip(rng.normal(10, 2.6, ROWS), 1, 16).round()
    hours = np.clip(rng.normal(40, 12, ROWS), 1, 99).round()
    gain = np.where(rng.random(ROWS) < 0.08, rng.lognormal(8.5, 1, ROWS), 0).round()
    loss = np.where(rng.random(ROWS) < 0.05, rng.normal(1870, 400, ROWS).clip(100), 0).round()
    workclass = pick(["Private", "Self-emp", "Gov-local", "Gov-state", "Gov-federal", "Unpaid"], [70, 11, 7, 4, 3, 1])
    marital = pick(["Married", "Never-married", "Divorced", "Separated", "Widowed"], [46, 33, 14, 3, 3])
    names = ["Exec", "Prof", "Craft", "Clerical", "Sales", "Service", "Machine", "Transport", "Farming", "Tech"]
    occupation = pick(names, [13, 13, 13, 12, 11, 10, 6, 5, 3, 3])
    relationship = pick(["Husband", "Not-in-family", "Own-child", "Unmarried", "Wife"], [40, 26, 16, 11, 5])
    race = pick(["A", "B", "C", "D", "E"], [85, 10, 3, 1, 1])
    sex = pick(["Male", "Female"], [67, 33])
    country = pick([f"country-{i}" for i in range(41)], [90, *([0.25] * 40)])
    education = np.array([f"level-{int(y)}" for y in years])
    score = (
        0.05 * (age - 38) - 0.0012 * (age - 50) ** 2 + 0.35 * (years - 10) + 0.03 * (hours - 40)
        + 1.6 * (marital == "Married") + 0.9 * np.isin(occupation, ["Exec", "Prof", "Tech"])
        - 0.8 * np.isin(occupation, ["Service", "Farming"]) + 2.5 * (gain > 5000) + 0.8 * (loss > 1700)
        + 0.3 * (sex == "Male") + 0.5 * (workclass == "Gov-federal") - 2.4
    )
    income = np.where(score + rng.logistic(0, 1.0, ROWS) > 0, ">50K", "<=50K")
    frame = pd.DataFrame(
        {
            "age": age, "workclass": workclass, "fnlwgt": rng.lognormal(12, 0.5, ROWS).round(), "education": education,
            "education_num": years, "marital_status": marital, "occupation": occupation, "relationship": relationship,
            "race": race, "sex": sex, "capital_gain": gain, "capital_loss": loss, "hours_per_week": hours,
            "native_country": country, "income": income,
        }
    )
    for column, share in [("workclass", 0.056), ("occupation", 0.057), ("native_country", 0.018), ("hours_per_week", 0.01)]:
        frame.loc[rng.random(ROWS) < share, column] = None
    return frame


def main():
    folder, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(parents=True, exist_ok=True)
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    frame = table()
    ours, theirs = [], []
    for seed in range(seeds):
        train, test = train_test_split(frame, test_size=0.2, random_state=seed, stratify=frame["income"])
        train.to_csv(folder / "train.csv", index=False)
        test.to_csv(folder / "test.csv", index=False)
        ours.append(anygrad(program, folder, "income", seed, [])[:2])
        theirs.append(scikit_learn(train, test, "income", True, seed))
        print(f"seed {seed}: anygrad {ours[-1][0]:.4f} in {ours[-1][1]:.1f} s, scikit-learn {theirs[-1][0]:.4f} in {theirs[-1][1]:.1f} s", flush=True)
    (a, s), (b, t) = np.mean(ours, axis=0), np.mean(theirs, axis=0)
    print(f"mean: anygrad {a:.4f} in {s:.1f} s, scikit-learn {b:.4f} in {t:.1f} s: {a - b:+.4f}, {s / t:.2f} of the time")


if __name__ == "__main__":
    main()

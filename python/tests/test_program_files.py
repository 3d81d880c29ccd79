"""Tables with something the matter with them, read by pandas, come to the program's weights, or are refused as there."""

import pandas as pd
import pytest
from conftest import CASES

from anygrad import AnygradClassifier, AnygradRegressor

SAME = {"hidden_layer_sizes": (4,), "random_state": 3, "max_iter": 3, "device": "cpu"}

FILES = sorted(path.name for path in CASES.glob("*.csv")) or ["no file"]

#: What pandas must be told of a file that the program finds out by itself.
READ = {
    "latin1.csv": {"encoding": "latin-1"},
    "noheader.csv": {"header": None},
    "question_class.csv": {"na_values": ["?"]},
    "question_feature.csv": {"na_values": ["?"]},
    "semicolon.csv": {"sep": ";"},
    "semicolon_decimal_comma.csv": {"sep": ";", "decimal": ","},
    "sep_line.csv": {"sep": ";", "skiprows": 1},
    "tabs.csv": {"sep": "\t"},
    "thousands.csv": {"thousands": ","},
    "trailing_comma_all_rows.csv": {"usecols": [0, 1, 2]},
    "utf16.csv": {"encoding": "utf-16"},
}

TARGETS = {"multilabel.csv": ["hot", "wet"], "two_targets.csv": ["u", "v"]}

#: What the program does not take for a target unless told so; whoever passes `y` has told so.
TARGET_IS_TOLD = {"eval_case.csv", "eval_unseen.csv", "id_last.csv", "name_last.csv"}

#: What pandas makes another table of.
OTHER_TABLE = {
    "duplicate_header.csv": "it renames the second column `a`",
    "spaces.csv": "it keeps the spaces around names and numbers",
    "comment_line.csv": "it takes the cells that are too many for the index",
    "trailing_comma_first_row.csv": "it takes the cells that are too many for the index",
}


def fitted(file, frame):
    """The weights' hash of each estimator that takes the rows, and the errors of the others."""
    target = TARGETS.get(file, frame.columns[-1])
    frame = frame.dropna(subset=target)
    hashes, errors = [], []
    for kind in (AnygradClassifier, AnygradRegressor):
        try:
            hashes.append(kind(**SAME).fit(frame.drop(columns=target), frame[target]).weights_hash_)
        except (ValueError, TypeError) as error:
            errors.append(str(error))
    return hashes, errors


@pytest.mark.parametrize("file", FILES)
def test_a_table_comes_to_the_programs_weights_or_is_refused_as_there(cases, trained, file):
    try:
        frame = pd.read_csv(cases / file, **READ.get(file, {}))
    except (pd.errors.EmptyDataError, pd.errors.ParserError):
        assert "error" in trained(cases / file, may_refuse=True)
        return
    hashes, errors = fitted(file, frame)
    assert len(hashes) + len(errors) == 2
    assert all(errors), "an error without a sentence"
    if file in OTHER_TABLE:
        return
    target = ["--target", ",".join(TARGETS[file])] if file in TARGETS else []
    done = trained(cases / file, "--hidden", "4", "--epochs", "3", *target, may_refuse=True)
    if "error" not in done:
        assert done["weights_hash"] in hashes, errors
    elif file in TARGET_IS_TOLD:
        assert hashes
    else:
        assert not hashes, done["error"]


def test_the_tables_are_many(cases):
    assert len(FILES) > 80
    assert {*READ, *TARGETS, *TARGET_IS_TOLD, *OTHER_TABLE} <= set(FILES)

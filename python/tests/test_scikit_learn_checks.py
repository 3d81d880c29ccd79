"""scikit-learn's own checks of estimators find nothing, on the processor and with its array API switched on."""

import warnings

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from anygrad import AnygradClassifier, AnygradRegressor

ALL = """
import warnings
warnings.simplefilter("ignore")
from sklearn.utils.estimator_checks import check_estimator
from anygrad import AnygradClassifier, AnygradRegressor
for estimator in (AnygradClassifier(), AnygradRegressor()):
    checks = check_estimator(estimator, on_skip=None)
    others = [check["check_name"] for check in checks if check["status"] != "passed"]
    assert len(checks) > 50 and not others, (len(checks), others)
"""


def checks():
    found = []
    with warnings.catch_warnings():
        # The estimators have the shape of scikit-learn's without inheriting from it, which a warning says.
        warnings.simplefilter("ignore")
        for estimator in (AnygradClassifier(), AnygradRegressor()):
            for own, check in estimator_checks_generator(estimator):
                name = getattr(check, "func", check).__name__
                if name == "check_array_api_input":
                    # It does nothing without the array API, with which all are run below.
                    continue
                found.append(pytest.param(own, check, id=f"{type(own).__name__}-{name}"))
    return found


@pytest.mark.parametrize(("estimator", "check"), checks())
def test_the_check_finds_nothing(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_none_is_skipped_with_the_array_api(process):
    process(ALL, SCIPY_ARRAY_API="1")


@pytest.mark.parametrize("kind", [AnygradClassifier, AnygradRegressor])
def test_no_failure_is_expected(kind):
    # An estimator may tell scikit-learn which checks it fails; ours has none to tell.
    assert not hasattr(kind(), "_xfail_checks")
    assert not hasattr(kind().__sklearn_tags__(), "_xfail_checks")
    assert not kind().__sklearn_tags__()._skip_test

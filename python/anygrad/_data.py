"""Arrays and frames on their way to the library: what they hold is checked here, what it means is found out there."""

from __future__ import annotations

import datetime
import decimal
import numbers
import warnings
from typing import Any

import numpy as np

from . import _anygrad
from ._base import _sklearn

TITLE = "X"


def is_frame(X: Any) -> bool:
    """Whether columns have names: a frame of pandas, polars or another library, or an Arrow table."""
    return hasattr(X, "__arrow_c_stream__") or (hasattr(X, "dtypes") and hasattr(X, "columns"))


def _is_pandas(X: Any) -> bool:
    return type(X).__module__.split(".")[0] == "pandas" and hasattr(X, "iloc")


def column_names(X: Any, title: str = TITLE) -> np.ndarray | None:
    """The names of a frame's columns if all are texts, else None."""
    if not is_frame(X):
        return None
    names = getattr(X, "column_names", None)
    if names is None:
        names = getattr(X, "columns", None)
    if names is None:
        return None
    names = list(names)
    texts = [isinstance(name, str) for name in names]
    if not any(texts):
        return None
    if not all(texts):
        kinds = sorted({type(name).__name__ for name in names})
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your input has "
            f"{kinds} as feature name / column name types. If you want feature names to be stored and validated, you "
            "must convert them all to strings, by using X.columns = X.columns.astype(str) for example. Otherwise you "
            "can remove feature / column names from your input data, or convert them all to a non-string data type."
        )
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise ValueError(f"{title}: two columns are called `{twice}`; rename one")
    return np.asarray(names, dtype=object)


def check_names(names: np.ndarray | None, known: np.ndarray | None, own: str) -> None:
    """Refuses columns of other names than in training, or in another order; warns where only one side has names."""
    if names is None and known is None:
        return
    if names is None:
        text = f"X does not have valid feature names, but {own} was fitted with feature names"
        warnings.warn(text, UserWarning, stacklevel=5)
        return
    if known is None:
        text = f"X has feature names, but {own} was fitted without feature names"
        warnings.warn(text, UserWarning, stacklevel=5)
        return
    if len(names) == len(known) and (names == known).all():
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(set(names) - set(known)), sorted(set(known) - set(names))
    for title, found in (
        ("Feature names unseen at fit time:\n", unseen),
        ("Feature names seen at fit time, yet now missing:\n", missing),
    ):
        if found:
            message += title + "".join(f"- {name}\n" for name in found[:5]) + ("- ...\n" if len(found) > 5 else "")
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(message)


def refuse_sparse(X: Any) -> None:
    """Refuses sparse matrices and arrays, with the remedy."""
    is_frame_of_it = _is_pandas(X) and X.shape[-1] > 0 and hasattr(X, "sparse")
    if hasattr(X, "tocsr") or is_frame_of_it:
        remedy = "sparse.to_dense" if is_frame_of_it else "toarray"
        message = f"Sparse data was passed for X, but dense data is required. Use '.{remedy}()' to convert to a dense array."
        raise TypeError(message)


def _check_shape(X: np.ndarray) -> None:
    if X.ndim == 0:
        raise ValueError(f"Expected 2D array, got scalar array instead:\narray={X}.")
    if X.ndim == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array instead:\narray={X}.\nReshape your data either using X.reshape(-1, 1) "
            "if your data has a single feature or X.reshape(1, -1) if it contains a single sample."
        )
    if X.ndim > 2:
        raise ValueError(f"Found array with dim {X.ndim}, while dim <= 2 is required.")


def check_size(rows: int, width: int, least: int) -> None:
    """Refuses too few rows or no columns."""
    if rows < least:
        message = f"Found array with {rows} sample(s) (shape=({rows}, {width})) while a minimum of {least} is required."
        raise ValueError(message)
    if width < 1:
        raise ValueError(f"Found array with 0 feature(s) (shape=({rows}, 0)) while a minimum of 1 is required.")


def as_rows(X: Any) -> Any:
    """X as a frame or as an array of two dimensions: of numbers where it can be."""
    refuse_sparse(X)
    for method, kind in (("collect_schema", "lazy"), ("read_all", "a stream, which can be read once")):
        if hasattr(X, method) and not hasattr(X, "__len__"):
            raise TypeError(f"X is {kind}: pass X.{method.split('_schema')[0]}() instead")
    if is_frame(X) and len(getattr(X, "shape", (0, 0))) == 2:
        return X
    if isinstance(X, np.ma.MaskedArray) and X.dtype.kind in "biuf":
        X = X.astype(np.float64).filled(np.nan) if np.ma.is_masked(X) else X.data
    if hasattr(X, "__dataframe__") or hasattr(X, "__arrow_c_array__"):
        raise TypeError("this kind of frame has no Arrow stream (`__arrow_c_stream__`): convert it to a table first")
    own = np.asarray(X)
    if own.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{own}\n")
    _check_shape(own)
    if own.dtype.kind in "OUST" or own.dtype.kind == "V":
        own = _numbers_if_possible(own)
    if own.dtype.kind in "biuf":
        if own.dtype == np.float16:
            own = own.astype(np.float32)
        elif own.dtype.kind == "f" and own.dtype.itemsize > 8:
            own = own.astype(np.float64)
        elif not own.dtype.isnative:
            own = own.astype(own.dtype.newbyteorder("="))
        if own.dtype.kind == "f":
            _refuse_infinite(own)
    elif own.dtype.kind not in "OUTMm":
        raise TypeError(f"X has elements of the type {own.dtype}, which are neither numbers, texts nor times")
    return own


def _numbers_if_possible(X: np.ndarray) -> np.ndarray:
    try:
        return X.astype(np.float64)
    except TypeError:
        for cell in X.flat:
            _check_cell(cell)
    except ValueError:
        pass
    return X if X.dtype.kind == "O" else X.astype(object)


def _check_cell(cell: Any) -> None:
    known = (str, bytes, numbers.Number, bool, np.generic, datetime.date, datetime.time, decimal.Decimal, type(None))
    if not isinstance(cell, known) and not _is_missing(cell):
        message = f"argument must be a string or a real number, not '{type(cell).__name__}'"
        raise TypeError(f"float() {message}: a cell of X is neither")


def _refuse_infinite(X: np.ndarray) -> None:
    # Some rows at a time, so that nothing as large as X is made. A sum of finite numbers is finite, or too large: then all
    # are looked at.
    rows = max(1, (1 << 18) // max(1, X[:1].size))
    for first in range(0, len(X), rows):
        block = X[first : first + rows]
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(block.sum()) and np.isinf(block).any():
                raise ValueError(f"Input X contains infinity or a value too large for {X.dtype!r}.")


def shape(X: Any) -> tuple[int, int]:
    """Rows and columns."""
    if hasattr(X, "shape"):
        rows, width = X.shape
        return int(rows), int(width)
    if hasattr(X, "num_rows"):
        return int(X.num_rows), int(X.num_columns)
    names = column_names(X)
    return len(X), 0 if names is None else len(names)


def columns(X: Any, names: list[str], categorical: list[str], model: Any = None) -> Any:
    """Columns for the library, of a frame or an array that `as_rows` has seen."""
    if isinstance(X, np.ndarray):
        if X.dtype.kind in "biuf":
            return _anygrad.Columns.of_array(X, names, TITLE)
        cells = [(name, _cells(X[:, i])) for i, name in enumerate(names)]
        return _anygrad.Columns.of_columns(cells, len(X), TITLE, categorical, model)
    if _is_pandas(X):
        kinds = {getattr(kind, "kind", "O") for kind in X.dtypes}
        if "c" in kinds:
            raise ValueError("Complex data not supported")
        is_plain = all(isinstance(kind, np.dtype) for kind in X.dtypes)
        if is_plain and kinds <= set("iuf"):
            own = X.to_numpy()
            _refuse_infinite(own) if own.dtype.kind == "f" else None
            own = own if own.dtype != np.float16 else own.astype(np.float32)
            return _anygrad.Columns.of_array(own, names, TITLE)
        categorical = categorical + [name for name, kind in zip(names, X.dtypes) if str(kind) == "category"]
        cells = [(name, _series_cells(X.iloc[:, i])) for i, name in enumerate(names)]
        return _anygrad.Columns.of_columns(cells, len(X), TITLE, categorical, model)
    if column_names(X) is not None and list(column_names(X)) != names and hasattr(X, "to_numpy"):
        # A frame for a model that was trained on an array: by position.
        return columns(as_rows(X.to_numpy()), names, categorical, model)
    if type(X).__module__.startswith("polars"):
        # Polars hands on columns of nothing with a buffer that Arrow says they do not have.
        X = X.cast({name: bool for name, kind in X.schema.items() if str(kind) == "Null"})
    return _anygrad.Columns.of_frame(X, TITLE, categorical, model)


def _is_missing(cell: Any) -> bool:
    if cell is None:
        return True
    if isinstance(cell, (float, np.floating)):
        return bool(np.isnan(cell))
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(cell))
    return type(cell).__name__ in ("NAType", "NaTType")


def _cells(column: np.ndarray) -> Any:
    """The cells of a column of objects, texts or times: numbers, seconds, or texts."""
    if column.dtype.kind == "M":
        return column.astype("datetime64[s]").astype(np.int64)
    if column.dtype.kind == "m":
        seconds = column / np.timedelta64(1, "s")
        return np.ascontiguousarray(seconds, dtype=np.float64)
    cells = [None if _is_missing(cell) else cell for cell in column.tolist()]
    there = [cell for cell in cells if cell is not None]
    for cell in there:
        _check_cell(cell)
    are_bools = [isinstance(cell, (bool, np.bool_)) for cell in there]
    is_number = (numbers.Number, decimal.Decimal, np.number)
    if there and not any(are_bools) and all(isinstance(cell, is_number) for cell in there):
        own = np.array([np.nan if cell is None else float(cell) for cell in cells], dtype=np.float64)
        _refuse_infinite(own)
        return own
    if there and all(isinstance(cell, datetime.date) for cell in there):
        none = np.datetime64("NaT", "s")
        times = [none if cell is None else np.datetime64(_utc(cell), "s") for cell in cells]
        return np.array(times, dtype="datetime64[s]").astype(np.int64)
    return [None if cell is None else _text(cell) for cell in cells]


def _utc(time: datetime.date) -> datetime.date:
    if isinstance(time, datetime.datetime) and time.tzinfo is not None:
        return time.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return time


def _text(cell: Any) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "true" if cell else "false"
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def _series_cells(series: Any) -> Any:
    """The cells of a column of pandas."""
    kind = series.dtype
    name = str(kind)
    if name == "category":
        spelled = np.array([_text(level) for level in kind.categories], dtype=object)
        return [None if code < 0 else spelled[code] for code in series.cat.codes.to_numpy()]
    if name in ("bool", "boolean") or name.startswith("bool["):
        return [None if _is_missing(cell) else _text(bool(cell)) for cell in series.tolist()]
    if getattr(kind, "kind", "O") == "M":
        if getattr(kind, "tz", None) is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return _cells(series.to_numpy(dtype="datetime64[s]"))
    if getattr(kind, "kind", "O") in "iuf":
        own = series.to_numpy(dtype=np.float64, na_value=np.nan)
        _refuse_infinite(own)
        return own
    return _cells(series.to_numpy(dtype=object))


# --- targets ------------------------------------------------------------------------------------------------------


def warn_column(y: np.ndarray) -> None:
    """Says that a column was taken as a row of targets."""
    kind = _sklearn("exceptions", "DataConversionWarning") or UserWarning
    warnings.warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples,), for "
        "example using ravel().",
        kind,
        stacklevel=4,
    )


def target_names(y: Any, width: int) -> list[str]:
    """Names of the target's columns."""
    names = column_names(y, "y")
    if names is not None and len(names) == width:
        return [str(name) for name in names]
    name = getattr(y, "name", None)
    if width == 1:
        return [name if isinstance(name, str) and name else "y"]
    return [f"y{i}" for i in range(width)]


def as_target(y: Any, estimator: str) -> np.ndarray:
    """y as an array of one or two dimensions without missing ones."""
    if y is None:
        message = f"This {estimator} estimator requires y to be passed, but the target y is None."
        raise ValueError(message)
    refuse_sparse(y)
    if is_frame(y) and not hasattr(y, "to_numpy"):
        y = np.column_stack([np.asarray(column) for column in y.itercolumns()])
    if np.ma.is_masked(y):
        raise ValueError("Input y has masked elements.")
    is_arrow = type(y).__module__.startswith("pyarrow")
    own = y.to_numpy() if hasattr(y, "to_numpy") and not is_arrow else np.asarray(y)
    if own.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{own}\n")
    if own.ndim not in (1, 2):
        raise ValueError(f"y should be a 1d array, got an array of shape {own.shape} instead.")
    if own.dtype.kind == "f":
        if np.isnan(own).any():
            raise ValueError("Input y contains NaN.")
        if np.isinf(own).any():
            raise ValueError(f"Input y contains infinity or a value too large for {own.dtype!r}.")
    elif own.dtype.kind == "O":
        for cell in own.flat:
            if _is_missing(cell):
                raise ValueError("Input y contains NaN.")
    return own


def check_lengths(rows: int, *others: np.ndarray | None) -> None:
    """Refuses targets or weights of other lengths than the rows."""
    lengths = [rows] + [len(other) for other in others if other is not None]
    if len(set(lengths)) > 1:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {lengths}")


def as_weights(sample_weight: Any, rows: int) -> np.ndarray | None:
    """Weights of rows in 32 bits; None if all are 1."""
    if sample_weight is None:
        return None
    own = np.asarray(sample_weight)
    if own.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{own}\n")
    if own.ndim == 0:
        own = np.full(rows, own)
    if own.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {own.ndim}D array.")
    if len(own) != rows:
        raise ValueError(f"sample_weight.shape == {own.shape}, expected {(rows,)}!")
    own = own.astype(np.float64)
    if not np.isfinite(own).all():
        raise ValueError("Input sample_weight contains NaN or infinity.")
    if (own < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`.")
    if ((own > 1e30) | ((own > 0) & (own < 1e-30))).any():
        raise ValueError("sample_weight: a weight is 0 or a number from 1e-30 to 1e30")
    return None if (own == 1).all() else own


def typed(classes: list[str]) -> np.ndarray:
    """Names of classes as truth values or numbers if all are."""
    if classes == ["False", "True"]:
        return np.array([False, True])
    for kind in (np.int64, np.float64):
        try:
            own = np.asarray(classes).astype(kind)
        except ValueError:
            continue
        if [str(label) for label in own] == classes:
            return own
    return np.asarray(classes)

def _is_missing(cell):
    if cell is None or cell != cell:
        return True
    text, words = str(cell).strip().lower(), [word.strip().lower() for word in ENCODER["missing_values"]]
    numbers = [float(word) for word in words if word.lstrip("+-").replace(".", "", 1).isdigit()]
    return text == "" or text in words or (isinstance(cell, (int, float)) and cell in numbers)


def _number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


def _find(text, levels):
    if text in levels:
        return levels.index(text)
    value = _number(text)
    return next((i for i, level in enumerate(levels) if _number(level) == value), len(levels))


def _time(text):
    clock = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d))?", text)
    if clock:
        text = "1970-01-01 " + text
    return datetime.datetime.fromisoformat(text)


def _features(column, row):
    """The features that a column of a row becomes."""
    name, kind, cell = column["name"], column["kind"], row.get(column["name"])
    if name not in row and not column.get("had_missing", False):
        raise ValueError(f"the row has no `{name}`")
    missing = _is_missing(cell)
    if missing and ENCODER["missing"] == "refuse":
        raise ValueError(f"`{name}` is missing")
    text = "" if missing else str(cell).strip()
    if kind == "number":
        value = column["fill"] if missing else _number(text)
        if not math.isfinite(value):
            raise ValueError(f"`{name}` is `{cell}`, which is no number")
        features = [value - column.get("offset", 0.0)]
    elif kind == "yes_no":
        words = dict(no=0, false=0, n=0, f=0, off=0, absent=0, yes=1, true=1, y=1, t=1, on=1, present=1)
        if not missing and text.lower() not in words:
            raise ValueError(f"`{name}` is `{cell}`, which is neither yes nor no")
        features = [float(column["fill"] if missing else words[text.lower()])]
    elif kind == "category":
        features = [0.0] * (len(column["levels"]) + column["others"])
        at = column["fill"] if missing else _find(text, column["levels"])
        if at < len(features):
            features[at] = 1.0
    else:
        epoch = datetime.datetime(1970, 1, 1)
        time = epoch + datetime.timedelta(seconds=column["fill"]) if missing else _time(text)
        features = [float(time.weekday() if part == "weekday" else getattr(time, part)) for part in column["parts"]]
    return features + ([float(missing)] if column.get("indicator", False) else [])


def inputs(rows):
    """The inputs of the net for rows: each a dict with a cell for each column, or a list of features."""
    if ENCODER is not None:
        rows = [[x for column in ENCODER["columns"] for x in _features(column, row)] for row in rows]
    x = torch.tensor(rows, dtype=torch.float64).float().double()
    kind = PREPROCESSING["kind"]
    if kind == "scale":
        x = x * PREPROCESSING["factor"]
    elif kind == "affine":
        x = (x - torch.tensor(PREPROCESSING["centers"], dtype=torch.float64)) / torch.tensor(PREPROCESSING["scales"], dtype=torch.float64)
    return x.float()

"""One table in many formats, written by pandas, NumPy and pyarrow: what is trained on each must be the same model.

Writes the folder formats/ beside this file:
    python -m venv /tmp/venv && /tmp/venv/bin/pip install pandas pyarrow && /tmp/venv/bin/python tests/golden/formats.py
"""

import gzip
import pathlib

import numpy as np
import pandas as pd

rng = np.random.default_rng(3)
folder = pathlib.Path(__file__).with_name("formats")
rows = 80
frame = pd.DataFrame(
    {
        "a": np.round(rng.normal(0, 1, rows), 3),
        "b": np.round(rng.normal(1000, 300, rows), 1),
        "n": rng.integers(0, 9, rows),
    }
)
frame["y"] = (frame["a"] + (frame["b"] - 1000) / 300 > 0).astype(int)

frame.to_csv(folder / "comma.csv", index=False)
frame.to_csv(folder / "semicolon.csv", index=False, sep=";", decimal=",")
frame.to_csv(folder / "tab.tsv", index=False, sep="\t", encoding="utf-16")
frame.to_csv(folder / "bar.txt", index=False, sep="|", header=False, lineterminator="\r\n")
with gzip.GzipFile(folder / "comma.csv.gz", "wb", mtime=0) as file:
    file.write(frame.to_csv(index=False).encode())
frame.to_parquet(folder / "table.parquet", index=False)
frame.to_feather(folder / "table.feather")
np.savez(folder / "table.npz", X=frame[["a", "b", "n"]].to_numpy(), y=frame["y"].to_numpy())
np.save(folder / "table.npy", frame.to_numpy())

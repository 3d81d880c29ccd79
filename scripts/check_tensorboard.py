#!/usr/bin/env python3
"""Whether TensorBoard itself reads the event files of a run, and finds in them what metrics.jsonl says.

    anygrad train digits --tensorboard --out RUN
    pip install tensorboard
    scripts/check_tensorboard.py RUN
"""
import json
import math
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    run = Path(sys.argv[1])
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    found = {
        (scalar.step, tag): scalar.value for tag in events.Tags()["scalars"] for scalar in events.Scalars(tag)
    }
    compared = wrong = 0
    for text in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(text)
        if line["event"] != "epoch":
            continue
        for tag, value in line.items():
            if not isinstance(value, (int, float)) or tag == "epoch":
                continue
            compared += 1
            single = struct.unpack("f", struct.pack("f", value))[0]
            own = found.get((line["epoch"], tag), math.nan)
            if own != single:
                wrong += 1
                print(f"epoch {line['epoch']}, {tag}: metrics.jsonl has {single}, TensorBoard {own}")
    last = max(step for step, _ in found) if found else 0
    print(f"{compared} figures of {last} epochs compared, {wrong} differ")
    return 1 if wrong or not compared else 0


if __name__ == "__main__":
    sys.exit(main())

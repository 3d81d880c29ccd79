"""Medians over the rounds of scripts/bench-peers.sh as Markdown tables, from a file of results.

    python benches/peers/table.py benches/results/FILE.json     # needs no packages
"""

import json
import statistics
import sys

ON_THE_GPU = {"torch-cuda", "torch-graph", "burn-wgpu"}


def column(line):
    """Whether a line was measured on a GPU, whether it is ours, and the heading of its column."""
    if line["event"] == "bench":
        on_gpu = line["backend"] != "cpu"
        return on_gpu, True, f"anygrad, {line['device']}"
    on_gpu = line["peer"] in ON_THE_GPU or (line["peer"] == "jax" and "cpu" not in line["where"].lower())
    return on_gpu, False, line["name"]


def digits(ms):
    return f"{ms:.3g}" if ms < 100 else f"{ms:.0f}"


def print_table(headings, rows):
    print("| " + " | ".join(headings) + " |")
    print("|" + "---|" * len(headings))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def print_steps(lines, again, nets):
    """What a step on our GPU backends consists of, beside the time it takes."""
    fields = [
        ("first step, s", "first_step_seconds"),
        ("with a filled cache", "again"),
        ("dispatches", "dispatches_per_step"),
        ("steps per submission", "steps_per_submit"),
        ("recording, µs of CPU", "recording_us_per_step"),
    ]
    for device in dict.fromkeys(line["device"] for line in lines if line["backend"] != "cpu"):
        rows = []
        for net in nets:
            def of(lines):
                return [line for line in lines if line["device"] == device and f"{line['net']}, {line['batch']}" == net]

            values = {name: [line[name] for line in of(lines)] for _, name in fields if name != "again"}
            values["again"] = [line["first_step_seconds"] for line in of(again)]
            if of(lines):
                medians = [statistics.median(values[name]) if values[name] else None for _, name in fields]
                rows.append([net] + ["–" if median is None else f"{median:.3g}" for median in medians])
        print(f"\nA step of anygrad on {device}; the first from opening the device on, with an empty cache of the driver.\n")
        print_table(["net, batch"] + [heading for heading, _ in fields], rows)


def print_arithmetic(lines, products, nets):
    """How long the arithmetic of a step takes on the CPU at the best rate that its products reach in the median."""
    rounds = {}
    for line in products:
        if line["device"] == "CPU":
            rounds.setdefault((line["form"], line["side"]), []).append(line["gflops"])
    rate = max(map(statistics.median, rounds.values()), default=None)
    gigaflop = {f"{line['net']}, {line['batch']}": line["gflops"] * line["ms_per_step"] / 1e3 for line in lines}
    if rate:
        rows = [[net, digits(gigaflop[net] / rate * 1e3)] for net in nets if net in gigaflop]
        print(f"\nMilliseconds that a step's arithmetic alone takes on the CPU at {rate:.0f} GFLOP/s, its best.\n")
        print_table(["net, batch", "arithmetic"], rows)


def print_products(lines):
    """Rates of products by device, form and size: medians over the rounds."""
    sides = sorted({line["side"] for line in lines})
    rows = []
    for device in dict.fromkeys(line["device"] for line in lines):
        for form in dict.fromkeys(line["form"] for line in lines):
            own = [line for line in lines if (line["device"], line["form"]) == (device, form)]
            rates = [[line["gflops"] for line in own if line["side"] == side] for side in sides]
            rows.append([f"{device}, {form}"] + [f"{statistics.median(rate):.1f}" if rate else "–" for rate in rates])
    print("\nGFLOP/s of square matrix products by the stored form of their factors (T: transposed).\n")
    print_table(["device, form"] + [str(side) for side in sides], rows)


def print_choices(lines):
    """How good choices of variants are, by a second measurement: for each shape the median over the rounds."""
    rows = []
    for name, field in (("without tuning", "share_of_default"), ("tuned", "share_of_chosen")):
        # A default that was struck off has no share.
        rounds = {}
        for line in lines:
            if line[field] is not None:
                rounds.setdefault((line["run"], line["key"]), []).append(line[field])
        shares = [statistics.median(round) for round in rounds.values()]
        if not shares:
            continue
        good = sum(share >= 0.95 for share in shares)
        rows.append([name, f"{min(shares):.2f}", f"{statistics.mean(shares):.2f}", f"{good} of {len(shares)}"])
    print(f"\nSpeed of the chosen variant as a share of the fastest, on {lines[0]['device']}.\n")
    print_table(["choice", "least", "mean", "at least 0.95"], rows)


def print_times(lines, nets):
    """Times of a step: ours, the peers', and ours over the best peer's, on the CPU and then on GPUs."""
    samples = {}
    for line in lines:
        net = f"{line['net']}, {line['batch']}"
        samples.setdefault(column(line), {}).setdefault(net, []).append(line["ms_per_step"])
    medians = {key: {net: statistics.median(ms) for net, ms in own.items()} for key, own in samples.items()}

    headings, rows = ["net, batch"], [[net] for net in nets]
    for on_gpu in (False, True):
        ours = [key for key in medians if key[0] == on_gpu and key[1]]
        peers = [key for key in medians if key[0] == on_gpu and not key[1]]
        for key in ours + peers:
            headings.append(key[2])
            for row, net in zip(rows, nets):
                ms = medians[key].get(net)
                row.append("–" if ms is None else f"**{digits(ms)}**" if key[1] else digits(ms))
        for key in ours if peers else []:
            headings.append("ratio to the best peer")
            for row, net in zip(rows, nets):
                best = min((medians[peer][net] for peer in peers if net in medians[peer]), default=None)
                own = medians[key].get(net)
                row.append("–" if best is None or own is None else f"{own / best:.2f}")
    print_table(headings, rows)


def main(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    events = {}
    for line in document["lines"]:
        events.setdefault(line["event"], []).append(line)
    ours = events.get("bench", [])
    steps = [line for line in document["lines"] if line["event"] in ("bench", "peer")]
    nets = list(dict.fromkeys(f"{line['net']}, {line['batch']}" for line in steps))

    machine, commit = document["machine"], (document["commit"] or "unknown")[:12]
    print(f"Milliseconds per training step on {machine['processor']}, {machine['processors']} processors, "
          f"{document['versions']['anygrad']} (commit {commit}), {document['date']}: medians of {document['rounds']} "
          f"interleaved rounds.\n")
    print_times(steps, nets)
    print_steps(ours, events.get("bench_again", []), nets)
    if "product" in events:
        print_products(events["product"])
        print_arithmetic(ours, events["product"], nets)
    if "tuned" in events:
        print_choices(events["tuned"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

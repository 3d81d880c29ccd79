"""The training step of benches/training_step.rs in PyTorch on the CPU, for the README's table.

    python benches/peer_pytorch.py        # needs torch; prints the median of 7 repetitions for each net
"""

import statistics
import time

import torch
from torch import nn

NETS = [((128, 64, 64, 10), 16, 2000), ((784, 128, 10), 64, 1000), ((784, 512, 256, 10), 128, 200),
        ((784, 1024, 1024, 10), 1024, 10)]


def step_milliseconds(widths, batch, steps):
    torch.manual_seed(0)
    layers = []
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layers += [nn.Linear(inputs, outputs)] + ([nn.ReLU()] if i + 2 < len(widths) else [])
    model, criterion = nn.Sequential(*layers), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    batches = [(torch.randn(batch, widths[0]), torch.randint(0, widths[-1], (batch,))) for _ in range(8)]

    def run(count):
        for step in range(count):
            x, y = batches[step % 8]
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()

    run(max(steps // 10, 2))
    times = []
    for _ in range(7):
        start = time.perf_counter()
        run(steps)
        times.append((time.perf_counter() - start) / steps * 1e3)
    return statistics.median(times)


if __name__ == "__main__":
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    for widths, batch, steps in NETS:
        name = "-".join(map(str, widths))
        print(f"{name:>18} batch {batch:<5} {step_milliseconds(widths, batch, steps):.3f} ms per step")

"""A compiled training step on a GPU: its rate, and its kernels by the time that they take.

    python experiments/speed/kernels.py gmm 4
    python experiments/speed/kernels.py tom 64 aux vgg whole

The step is `bench.steps.step` in bf16 with CUDA graphs; `whole` starts from the uint8 batch and has
TOM's frozen GMM in it. Prints images/s (median, lowest and highest of five bursts), then the
kernels: microseconds and launches a step, name. Time it with nothing else on the card: other
processes' kernels count into those that they interrupt.
"""

import statistics
import sys
from collections import defaultdict

import torch
from torch.profiler import ProfilerActivity, profile

from vton_aux.bench.case import choose_training_kernels
from vton_aux.bench.steps import step
from vton_aux.bench.worker import burst
from vton_aux.device import pick_device

STEPS = 10


def main():
    stage, batch, *flags = sys.argv[1:]
    choose_training_kernels()
    work = step(
        pick_device("cuda"), stage, bf16=True, batch=int(batch),
        speed={"compile": "reduce-overhead"}, **dict.fromkeys(flags, True),
    )  # fmt: skip
    for _ in range(6):
        work.unit()
    bursts = [burst(work, 0.35, on_gpu=True) for _ in range(5)]
    rates = [one["images"] / one["seconds"] for one in bursts]
    print(f"{statistics.median(rates):.0f} images/s ({min(rates):.0f} to {max(rates):.0f})")

    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        for _ in range(STEPS):
            work.unit()
        torch.cuda.synchronize()
    times = defaultdict(list)
    for event in profiler.events():
        if event.device_type.name == "CUDA":
            times[event.name].append(event.device_time)
    launches = sum(map(len, times.values())) / STEPS
    print(f"total {sum(map(sum, times.values())) / STEPS:.0f} us a step, {launches:.0f} kernels")
    for name, found in sorted(times.items(), key=lambda item: -sum(item[1])):
        print(f"{sum(found) / STEPS:9.1f} us {len(found) / STEPS:6.1f}  {name[:200]}")


if __name__ == "__main__":
    main()

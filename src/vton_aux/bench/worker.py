"""A process that measures one case: `python -m vton_aux.bench.worker CASE DEVICE`.

CASE is the JSON of a `Case`. Each line on standard input asks for one burst; its answer is one
line of JSON on standard output. The end of the input ends the process.
"""

import json
import sys
import time
from collections import deque
from typing import Any

import torch

from vton_aux.bench.case import Case, Work, choose_training_kernels, precision_of
from vton_aux.bench.usage import usage
from vton_aux.bench.work import prepare
from vton_aux.device import pick_device
from vton_aux.errors import UserError, one_line
from vton_aux.stages.inference import choose_kernels
from vton_aux.threads import cores


def burst(work: Work, seconds: float, on_gpu: bool) -> dict[str, Any]:
    """Units until `seconds` have passed; images, seconds, page faults of it."""
    under_way: deque[torch.cuda.Event] = deque()
    faults = usage().faults
    images, start = 0.0, time.perf_counter()
    while True:
        images += work.unit()
        if on_gpu:
            under_way.append(torch.cuda.current_stream().record_event())
            if len(under_way) > work.ahead:
                under_way.popleft().synchronize()
        if time.perf_counter() - start >= seconds:
            break
    if on_gpu:
        torch.cuda.synchronize()
    return {
        "images": images,
        "seconds": time.perf_counter() - start,
        "faults": max(0, usage().faults - faults),  # less, where a child has ended
    }


def _set_switches(case: Case) -> None:
    """Those of a training (`trainer=gpu`), and in inference those of an evaluation."""
    own = "source" not in case.options
    if case.kind == "infer" and own:
        choose_kernels(precision_of(case.options["bf16"]))
        return
    choose_training_kernels(benchmark=own)


def main() -> int:
    """Prepare, then answer until the input ends; status 2 after an error that one can mend."""
    case, name = Case(**json.loads(sys.argv[1])), sys.argv[2]
    answers, sys.stdout = sys.stdout, sys.stderr  # the reference prints

    def answer(value: dict[str, Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    torch.set_num_threads(case.threads or cores())
    _set_switches(case)
    try:
        device = pick_device(name)
        on_gpu = device.type == "cuda"
        if on_gpu:
            torch.cuda.set_device(device)
        work = prepare(case, device)
        for _ in range(2):
            burst(work, 0, on_gpu)
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()  # counting FLOPs took another path
    except UserError as error:
        answer({"error": one_line(error)})
        return 2
    answer({"gflop_per_image": work.gflop_per_image})
    for line in sys.stdin:
        measured = burst(work, float(line), on_gpu)
        measured["peak_mib"] = usage().peak_mib
        if on_gpu:
            measured["gpu_peak_mib"] = torch.cuda.max_memory_allocated() / 2**20
        answer(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())

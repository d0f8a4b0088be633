"""How a stage computes: switches that change its time and not its maths."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

# TOM allocates and frees large blocks each step; glibc's defaults hand them back to the kernel
MALLOC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}


@dataclass
class Speed:
    """Switches, each with its own line in docs/speed.md. Precision is `trainer.precision`.

    Attributes:
        channels_last: networks in channels-last memory format.
        fused_adam: Adam as one kernel.
        compile: torch.compile's mode ("default", "reduce-overhead", "max-autotune"), or None.
            Checkpoints are the same with and without.
        malloc: glibc keeps freed memory in the process (`MALLOC`) instead of returning it.
    """

    channels_last: bool = True
    fused_adam: bool = True
    compile: str | None = None
    malloc: bool = True


F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F, mode: str, **options: Any) -> F:
    """`function` compiled in one graph; `options` are inductor's and come before the mode's own.

    Without the scheduler's reordering, with which PyTorch 2.13 lost the gradient of M_exp in a step
    of TOM with VGG19 on a CPU, and not cut where DDP's buckets end: its hooks come after the step.
    """
    torch._dynamo.config.optimize_ddp = False
    of_mode = torch._inductor.list_mode_options(mode)
    options = {**of_mode, "reorder_for_peak_memory": False, **options}
    return torch.compile(  # type: ignore[return-value]
        function, fullgraph=True, dynamic=False, options=options
    )


def uses_cuda_graphs(mode: str) -> bool:
    """Whether this mode of torch.compile replays CUDA graphs."""
    return bool(torch._inductor.list_mode_options(mode).get("triton.cudagraphs"))

"""What a case of the suite is, and what it becomes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from vton_aux.device import FULL, MIXED

Kind = Literal[
    "matmul", "copy", "loader", "step", "fit", "infer", "metrics", "representation", "processes"
]


@dataclass
class Case:
    """One measured thing.

    Attributes:
        name: as in the tables.
        kind: which function of `bench.work` or `bench.steps` prepares it.
        options: its arguments.
        against: name of the case that its rate is divided by.
        threads: of PyTorch; 0 for all cores.
        malloc: whether the process gets the settings of `stages.speed.MALLOC`.
        precision: whose matmul peak its FLOPs are compared with, "fp32" or "bf16".
    """

    name: str
    kind: Kind
    options: dict[str, Any] = field(default_factory=dict)
    against: str | None = None
    threads: int = 0
    malloc: bool = True
    precision: str = "fp32"


@dataclass
class Work:
    """A prepared case.

    Attributes:
        unit: does something and returns the images that it did.
        gflop_per_image: 10^9 floating-point operations an image, where they are counted.
        ahead: units that a GPU may still have to do when the next one starts; 0 waits for each.
    """

    unit: Callable[[], float]
    gflop_per_image: float | None = None
    ahead: int = 0


def precision_of(bf16: bool) -> str:
    """The precision in Lightning's words."""
    return MIXED if bf16 else FULL


def choose_training_kernels(benchmark: bool = True) -> None:
    """The process's switches of a training with `trainer=gpu`: TF32, and kernels
    that cuDNN measures (`benchmark`), which the reference does without."""
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = benchmark

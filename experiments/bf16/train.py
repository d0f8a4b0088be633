"""`vton-aux train` with bf16 computed as the hardware does it, on any machine.

    python experiments/bf16/train.py -m trainer.precision=32-true,bf16-mixed KEY=VALUE ...

AMX, AVX512_BF16 and tensor cores round the operands of convolutions and matrix products to bf16,
sum in float32 and round the result. A processor without them can do the same: operands are bf16
already under autocast, so they are made float32, multiplied there, and the result is rounded,
forward and backward. All else is PyTorch's own bf16.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

import vton_aux.train
from vton_aux.cli import main
from vton_aux.fit import fit

aten = torch.ops.aten
PRODUCTS = {
    aten.convolution.default, aten.convolution_backward.default, aten.mm.default,
    aten.addmm.default, aten.bmm.default, aten.baddbmm.default,
}  # fmt: skip


class Emulated(TorchDispatchMode):
    """Products of bf16 tensors in float32, their results rounded to bf16."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        half = any(isinstance(a, torch.Tensor) and a.dtype == torch.bfloat16 for a in args)
        if func not in PRODUCTS or not half:
            return func(*args, **kwargs)
        exact = func(*tree_map_only(torch.Tensor, torch.Tensor.float, args), **kwargs)
        return tree_map_only(torch.Tensor, torch.Tensor.bfloat16, exact)


def run(folder: Path, malloc: bool) -> None:
    with Emulated():
        fit(folder)


if __name__ == "__main__":
    vton_aux.train._run = run
    sys.argv = ["vton-aux", "train", *sys.argv[1:]]
    main()

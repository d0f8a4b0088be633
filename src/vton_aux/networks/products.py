"""Convolutions of small maps as products of matrices, for training on a CPU.

Where a map has few positions and many channels, a convolution is mostly its weight. oneDNN brings
that into a format of its own and back in each step, and sums its gradient slowly; a product of
matrices reads it as it lies. The sums are the same, in another order.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

_LARGE = 2**20  # numbers of a weight from which products pay
_FEW = 256  # positions (of the batch's output maps) up to which all three are products
_SOME = 1024  # up to which the weight's gradient is one


def product_pays(x: Tensor, weight: Tensor, stride: int, padding: int) -> bool:
    """Whether `conv2d_by_products` is faster than `F.conv2d` and its way back."""
    if x.device.type != "cpu" or weight.numel() < _LARGE or torch.compiler.is_compiling():
        return False
    if not (torch.is_grad_enabled() and weight.requires_grad):
        return False
    return _positions(x.shape, weight.shape[2], stride, padding) <= _SOME


def conv2d_by_products(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """`F.conv2d` of a small map, under autocast in its type, differentiable once.

    Args:
        x: (B, inputs, H, W).
        weight: (outputs, inputs, k, k).
        bias: (outputs,) or None.
        stride: the same for rows and columns.
        padding: zeros on each side.

    Returns:
        (B, outputs, H', W'), channels-last.
    """
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    out: Tensor = _Convolution.apply(x, weight, bias, stride, padding)  # type: ignore[no-untyped-call]
    return out


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        ctx.few = _positions(x.shape, weight.shape[2], stride, padding) <= _FEW
        if not ctx.few:
            return F.conv2d(x, weight, bias, stride, padding)
        patches = _patches(x, weight.shape[2], stride, padding)
        out = F.linear(patches.flatten(3), _matrix(weight), bias)
        return out.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        kernel, stride, padding = weight.shape[2], ctx.stride, ctx.padding
        patches = _patches(x, kernel, stride, padding)
        rows = gradient.permute(0, 2, 3, 1).flatten(0, 2)  # (positions, outputs)
        columns = rows.t().contiguous()  # a product reads a copy a quarter faster than the view
        of_weight = columns @ patches.flatten(3).flatten(0, 2)  # (outputs, k * k * inputs)
        of_weight = of_weight.view(-1, *patches.shape[3:]).permute(0, 3, 1, 2)
        of_x = None
        if ctx.needs_input_grad[0]:
            if ctx.few:
                spread = (rows @ _matrix(weight)).view(patches.shape)
                of_x = _summed(spread, x.shape, stride, padding)
            else:
                of_x = conv2d_input(x.shape, weight, gradient, stride, padding)  # type: ignore[no-untyped-call]
        of_bias = rows.sum(0) if ctx.needs_input_grad[2] else None
        return of_x, of_weight, of_bias, None, None


def _positions(shape: torch.Size, kernel: int, stride: int, padding: int) -> int:
    batch, _, height, width = shape
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    return batch * rows * columns


def _matrix(weight: Tensor) -> Tensor:
    """(outputs, k * k * inputs); a view of a channels-last weight."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _patches(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """What each position sees, (B, H', W', k, k, inputs)."""
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    seen = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)
    return seen.permute(0, 1, 2, 4, 5, 3).contiguous()


def _summed(patches: Tensor, shape: torch.Size, stride: int, padding: int) -> Tensor:
    """The transpose of `_patches`: each pixel sums over the patches that it is in."""
    batch, channels, height, width = shape
    rows, columns, kernel = patches.shape[1:4]
    size = (batch, height + 2 * padding, width + 2 * padding, channels)
    padded = torch.zeros(size, dtype=torch.promote_types(patches.dtype, torch.float32))
    for i in range(kernel):
        for j in range(kernel):
            seen = padded[:, i : i + stride * rows : stride, j : j + stride * columns : stride]
            seen += patches[:, :, :, i, j]
    inner = padded[:, padding : padding + height, padding : padding + width]
    return inner.to(patches.dtype).contiguous().permute(0, 3, 1, 2)

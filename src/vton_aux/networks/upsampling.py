"""Maps doubled, repeated, shuffled and joined, on the decoders' way up."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def doubled(x: Tensor) -> Tensor:
    """Bilinear x2, (B, C, H, W) -> (B, C, 2H, 2W), corners not aligned."""
    if x.device.type == "cpu" or not torch.is_grad_enabled():
        return _resized(x, "bilinear")
    return _Doubled.apply(x)  # type: ignore[no-any-return, no-untyped-call]


def _resized(x: Tensor, mode: str) -> Tensor:
    """x2 in the type of `x`: autocast on a GPU makes float32 of it, and its kernel is slow."""
    with torch.autocast(x.device.type, enabled=False):
        return F.interpolate(x, scale_factor=2, mode=mode)


class _Doubled(torch.autograd.Function):
    """`F.interpolate` whose way back gathers.

    PyTorch's own scatters with atomic additions on a GPU: on an H200 most of TOM's step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _resized(x, "bilinear")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].permute(0, 2, 3, 1)  # what is made on the way is channels-last
        return _gathered(_gathered(gradient, 1), 2).permute(0, 3, 1, 2)


def _gathered(gradient: Tensor, dim: int) -> Tensor:
    """The transpose of linear doubling along `dim`: 1/4, 3/4, 3/4, 1/4 of four neighbours."""
    pairs: Tensor = gradient.unflatten(dim, (-1, 2))  # type: ignore[no-untyped-call]
    even, odd = pairs.unbind(dim + 1)
    last = even.shape[dim] - 1
    before = torch.cat([even.narrow(dim, 0, 1), odd.narrow(dim, 0, last)], dim)
    after = torch.cat([even.narrow(dim, 1, last), odd.narrow(dim, last, 1)], dim)
    # not as lerp, of which inductor writes both ends, and in float32
    return 0.75 * (even + odd) + 0.25 * (before + after)


def joined(*maps: Tensor) -> Tensor:
    """Maps behind one another, (B, C1 + C2 + ..., H, W), channels-last where all of them are.

    `torch.cat` too, but compiled it writes NCHW, from which the doubling has to come back.
    """
    if all(x.is_contiguous(memory_format=torch.channels_last) for x in maps):
        return torch.cat([x.permute(0, 2, 3, 1) for x in maps], dim=3).permute(0, 3, 1, 2)
    return torch.cat(maps, dim=1)


def repeated(x: Tensor) -> Tensor:
    """Each position twice a side (nearest), (B, C, H, W) -> (B, C, 2H, 2W)."""
    return _Repeated.apply(x)  # type: ignore[no-any-return, no-untyped-call]


class _Repeated(torch.autograd.Function):
    """`F.interpolate` whose way back sums; compiled, PyTorch's own adds atomically on a GPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _resized(x, "nearest")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return F.avg_pool2d(gradients[0], 2, divisor_override=1)


def shuffled(x: Tensor, side: int) -> Tensor:
    """Sub-pixels to their places, (B, side * side * C, H, W) -> (B, C, side * H, side * W).

    Channels are ordered by row, by column, then by C, which makes this `F.pixel_shuffle` of
    another order that stays channels-last on the way there and back.
    """
    count, _, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(count, height, width, side, side, -1).transpose(2, 3)
    return parts.reshape(count, side * height, side * width, -1).permute(0, 3, 1, 2)

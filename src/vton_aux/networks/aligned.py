"""Convolutions of maps whose channels are no multiple of 8: pictures and I_p."""

import torch
import torch.nn.functional as F
from torch import Tensor

_CHANNELS = 8  # of bf16, that a GPU's matrix units read at once


def aligned_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
) -> Tensor:
    """`F.conv2d`; compiled for a GPU, of a map that has a multiple of 8 channels.

    cuDNN would copy the map into a larger one itself, once on the way there and once on the way
    back; a compiled step writes it so in the first place.
    """
    missing = -x.shape[1] % _CHANNELS
    if missing and x.device.type != "cpu" and torch.compiler.is_compiling():
        x, weight = with_zeros(x, missing), with_zeros(weight, missing)
    return F.conv2d(x, weight, bias, stride, padding)


def with_zeros(x: Tensor, channels: int) -> Tensor:
    """(A, B, H, W) -> (A, B + channels, H, W), zeros behind, channels-last."""
    return F.pad(x, (0, 0, 0, 0, 0, channels)).contiguous(memory_format=torch.channels_last)

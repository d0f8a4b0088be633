"""Convolutions as a step compiled for a GPU wants them: aligned channels, the bias by itself."""

import torch
import torch.nn.functional as F
from torch import Tensor

_CHANNELS = 8  # of bf16, that a GPU's matrix units read at once


def compiled_for_gpu(device: torch.device) -> bool:
    """Whether what runs now is being compiled for a device that is no CPU."""
    return device.type != "cpu" and torch.compiler.is_compiling()


def missing_channels(channels: int, device: torch.device) -> int:
    """Channels without a meaning that a step compiled for a GPU writes behind those of a map.

    cuDNN would copy the map into a larger one itself, once on the way there and once on the way
    back. 0 on a CPU and where nothing is compiled.
    """
    return -channels % _CHANNELS if compiled_for_gpu(device) else 0


def aligned_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
) -> Tensor:
    """`F.conv2d`; compiled for a GPU, of a map with aligned channels.

    There `x` may have more channels than `weight`, which count nothing, and the bias is an addition
    that the compiler fuses with what follows; as a part of the convolution it would be a pass over
    the map.
    """
    if not compiled_for_gpu(x.device):
        return F.conv2d(x, weight, bias, stride, padding)
    missing = missing_channels(x.shape[1], x.device)
    x = with_zeros(x, missing)
    out = F.conv2d(x, with_zeros(weight, x.shape[1] - weight.shape[1]), None, stride, padding)
    return out if bias is None else out + bias.to(out.dtype)[:, None, None]


def with_zeros(x: Tensor, channels: int) -> Tensor:
    """(A, B, H, W) -> (A, B + channels, H, W), zeros behind, channels-last."""
    if channels == 0:
        return x
    return F.pad(x, (0, 0, 0, 0, 0, channels)).contiguous(memory_format=torch.channels_last)

"""Bilinear doubling and a 3x3 convolution of the doubled map as one, TOM's way up."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vton_aux.networks.aligned import aligned_conv2d, compiled_for_gpu
from vton_aux.networks.convolution import Conv2d
from vton_aux.networks.upsampling import doubled, shuffled

# A row of the doubled map mixes two rows of the small one (1/4 and 3/4), so three taps on the
# doubled map are three taps on the small one: _TAPS[phase, small tap, doubled tap].
_TAPS = (
    ((0.75, 0.25, 0.0), (0.25, 0.75, 0.75), (0.0, 0.0, 0.25)),
    ((0.25, 0.0, 0.0), (0.75, 0.75, 0.25), (0.0, 0.25, 0.75)),
)
_FEW = 16  # output channels up to which the phases pay
_EDGES = ((..., slice(2), slice(None)), (..., slice(-2, None), slice(None)),
          (..., slice(2)), (..., slice(-2, None)))  # fmt: skip


class UpsampledConv(Conv2d):
    """Bilinear x2, then a 3x3 convolution with zero padding, as one linear map.

    Where it has few outputs, its four phases (even and odd rows and columns) are one convolution of
    the small map, and the doubled one is never written: the same sums in another order.

    Args:
        inputs: input channels.
        outputs: output channels.
    """

    taps: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self.register_buffer("taps", torch.tensor(_TAPS), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, 2H, 2W)."""
        if self.out_channels <= _FEW and min(x.shape[2:]) >= 4:
            return self._by_phases(x)
        return self._doubled(x)

    def _doubled(self, x: Tensor) -> Tensor:
        return super().forward(doubled(x))

    def _by_phases(self, x: Tensor) -> Tensor:
        kernel = torch.einsum("pat,qbu,oitu->pqoiab", self.taps, self.taps, self.weight)
        kernel = kernel.flatten(0, 2)  # (4 * outputs, inputs, 3, 3)
        last = self.weight.is_contiguous(memory_format=torch.channels_last)
        kernel = kernel.contiguous(
            memory_format=torch.channels_last if last else torch.contiguous_format
        )
        assert self.bias is not None
        x, *edges = _Edges.apply(x)  # type: ignore[no-untyped-call]
        out = shuffled(aligned_conv2d(x, kernel, self.bias.repeat(4), padding=1), 2)
        # at its edges the doubled map repeats pixels where the small one has its zero padding
        rows, columns = (super(UpsampledConv, self).forward(_doubled_edge(e)) for e in edges)
        for place, edge in zip(_EDGES, _four(rows, columns), strict=True):
            out[place] = edge[place]
        return out


def _doubled_edge(x: Tensor) -> Tensor:
    """`doubled` of a strip two pixels wide, (B, C, 2, W) or (B, C, H, 2).

    Compiled for a GPU, along its length by a product of matrices: what that leaves on the way back
    is written once. A chain of pointwise operations would be done again for each pixel of the map.
    """
    return _doubled_by_product(x) if compiled_for_gpu(x.device) else doubled(x)


def _doubled_by_product(x: Tensor) -> Tensor:
    wide = x.shape[2] == 2
    x = x.permute(0, 2, 3, 1)  # (B, H, W, C)
    count, height, width, channels = x.shape
    length = width if wide else height
    matrix = F.interpolate(torch.eye(length, device=x.device)[None], scale_factor=2, mode="linear")
    matrix = matrix[0].T.to(x.dtype)  # (2 * length, length); 1/4, 3/4 and 1, exact in any type
    if wide:
        x = matrix @ x.reshape(count * height, width, channels)
        x = x.reshape(count, height, 2 * width, channels)
        first, second = x[:, :1], x[:, 1:]
    else:
        x = matrix @ x.reshape(count, height, width * channels)
        x = x.reshape(count, 2 * height, width, channels)
        first, second = x[:, :, :1], x[:, :, 1:]
    between = 0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second
    return torch.cat([first, *between, second], 1 if wide else 2).permute(0, 3, 1, 2)


def _four(rows: Tensor, columns: Tensor) -> tuple[Tensor, ...]:
    """Top, bottom, left and right; sliced, for with `chunk` an export would have a fixed batch."""
    half = rows.shape[0] // 2
    return rows[:half], rows[half:], columns[:half], columns[half:]


class _Edges(torch.autograd.Function):
    """A map and its edges, two pixels wide: top and bottom (2B, C, 2, W), both sides (2B, C, H, 2).

    The edges' gradients are added into the map's, which one convolution has just made; autograd
    would widen each with zeros to a map of its own.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, ...]:
        edges = [x[place] for place in _EDGES]
        return x.view_as(x), torch.cat(edges[:2]), torch.cat(edges[2:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        whole, rows, columns = gradients
        edges = _four(rows, columns)
        if torch.compiler.is_compiling():  # all in one with what reads the sum
            height, width = whole.shape[2] - 2, whole.shape[3] - 2
            widths = (0, 0, 0, height), (0, 0, height, 0), (0, width), (width, 0)
            return sum((F.pad(e, w) for e, w in zip(edges, widths, strict=True)), whole)
        for place, edge in zip(_EDGES, edges, strict=True):
            whole[place] += edge
        return whole

"""The networks' convolution: `nn.Conv2d` by the way that is fast where it runs."""

from typing import Any

import torch
from torch import Tensor, nn

from vton_aux.device import computes_bf16
from vton_aux.networks.aligned import aligned_conv2d
from vton_aux.networks.products import conv2d_by_products, product_pays


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` with a square kernel and zeros around; no groups, no dilation.

    Attributes:
        packs: whether calls keep the weight in oneDNN's own format, see `pack`.
    """

    packs = False
    _packed: tuple[torch.Size, Tensor] | None = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H', W')."""
        assert not isinstance(self.padding, str)
        stride, padding = self.stride[0], self.padding[0]
        if self.packs and not torch.compiler.is_compiling():
            return self._packed_conv2d(x)
        way = (
            conv2d_by_products if product_pays(x, self.weight, stride, padding) else aligned_conv2d
        )
        return way(x, self.weight, self.bias, stride, padding)

    def pack(self) -> None:
        """From the next call on, bring the weight into oneDNN's format once; else each call does.

        For inference without gradient alone: later changes of the weight, its device or its type
        do not reach what is packed. On a GPU, and where oneDNN cannot compute, nothing happens.
        """
        self.packs, self._packed = _onednn_takes(self.weight), None

    def _packed_conv2d(self, x: Tensor) -> Tensor:
        x = x.to(self.weight.dtype, memory_format=torch.channels_last)
        size, weight = self._packed or (None, self.weight)
        if size != x.shape:
            weight = self._weight_for(x.shape)
            self._packed = x.shape, weight
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, self.bias, self.padding, self.stride, [1, 1], 1, "none", [], ""
        )
        return out

    @torch.no_grad()
    def _weight_for(self, size: torch.Size) -> Tensor:
        """The weight in the format that suits inputs of this size on this processor.

        From that of another size each call would bring it into this one, by a slow way where the
        two have little in common: on AVX2 a person took 0.8 s instead of 0.18.
        """
        reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight  # the stub lacks the size
        packed: Tensor = reorder(
            self.weight.to_mkldnn(), self.padding, self.stride, [1, 1], 1, list(size)
        )
        return packed


def _onednn_takes(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return weight.dtype != torch.bfloat16 or computes_bf16(weight.device)

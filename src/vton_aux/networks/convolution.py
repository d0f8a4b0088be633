"""The networks' convolution: `nn.Conv2d` by the way that is fast where it runs."""

import torch
from torch import Tensor, nn

from vton_aux.networks.aligned import aligned_conv2d
from vton_aux.networks.products import conv2d_by_products, product_pays


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` with a square kernel; groups and dilation are not read.

    Attributes:
        packed: the weight in oneDNN's own format, for inference after `pack`.
    """

    packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H', W')."""
        assert not isinstance(self.padding, str)
        stride, padding = self.stride[0], self.padding[0]
        if self.packed is not None and not torch.compiler.is_compiling():
            return self._packed_conv2d(x, self.packed)
        way = (
            conv2d_by_products if product_pays(x, self.weight, stride, padding) else aligned_conv2d
        )
        return way(x, self.weight, self.bias, stride, padding)

    def pack(self) -> None:
        """Bring the weight into oneDNN's format once; else each call does, on a CPU.

        For inference without gradient alone: later changes of the weight, its device or its type
        do not reach what is packed. Where PyTorch has no oneDNN nothing happens.
        """
        has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        if self.weight.device.type != "cpu" or not has_onednn:
            return
        with torch.no_grad():
            self.packed = torch._C._nn.mkldnn_reorder_conv2d_weight(
                self.weight.to_mkldnn(), list(self.padding), list(self.stride), [1, 1], 1
            )

    def _packed_conv2d(self, x: Tensor, packed: Tensor) -> Tensor:
        x = x.to(self.weight.dtype, memory_format=torch.channels_last)
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, packed, self.bias, self.padding, self.stride, [1, 1], 1, "none", [], ""
        )
        return out

"""The networks' convolution: `nn.Conv2d` by the way that is fast where it runs."""

from torch import Tensor, nn

from vton_aux.networks.aligned import aligned_conv2d
from vton_aux.networks.products import conv2d_by_products, product_pays


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` with a square kernel; groups and dilation are not read."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H', W')."""
        assert not isinstance(self.padding, str)
        stride, padding = self.stride[0], self.padding[0]
        way = (
            conv2d_by_products if product_pays(x, self.weight, stride, padding) else aligned_conv2d
        )
        return way(x, self.weight, self.bias, stride, padding)

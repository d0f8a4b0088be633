"""Instance normalisation that keeps the channels-last memory format."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEW = 8  # channels below which a map is faster as NCHW


class InstanceNorm(nn.Module):
    """`nn.InstanceNorm2d` without parameters: mean 0, variance 1 over each map (epsilon 1e-5).

    PyTorch's own goes through NCHW, and the next convolution back: on a CPU five times the cost of
    the normalisation. Batch norm of one sample is the same function and keeps the format. Of few
    channels (TOM's output) it makes an NCHW map: a sixth of the cost, tanh and sigmoid included.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape; H * W > 1."""
        if x.device.type != "cpu":
            return normalised(x)
        if torch.compiler.is_compiling():  # also under export: one operation, whatever the batch
            return F.group_norm(x, x.shape[1])
        if x.shape[1] < _FEW:
            return F.instance_norm(x.contiguous())
        return torch.cat(
            [F.batch_norm(one, None, None, training=True) for one in torch.split(x, 1)]
        )


def normalised(x: Tensor) -> Tensor:
    """The same in parts that keep the format; float32 inside, the type of `x` outside.

    A compiler fuses them. Autocast on a GPU would have group norm hand on float32, twice the bytes.
    """
    levels = x.float()
    variance, mean = torch.var_mean(levels, (2, 3), correction=0, keepdim=True)
    return ((levels - mean) * (variance + 1e-5).rsqrt()).to(x.dtype)

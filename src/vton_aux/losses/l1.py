"""Mean absolute difference with little memory traffic."""

from typing import Any

import torch
from torch import Tensor


class _L1(torch.autograd.Function):
    """Keeps the sign of the difference in the images' own dtype; its backward is one product."""

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor) -> Tensor:
        difference = prediction - target
        # over channels first: summed in float32 inside, rounded once a pixel
        loss = difference.abs().sum(1).float().sum() / difference.numel()
        ctx.save_for_backward(difference.sign_())
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (sign,) = ctx.saved_tensors
        return sign * (gradients[0] / sign.numel()).to(sign.dtype), None


def l1_to_constant(prediction: Tensor, target: Tensor) -> Tensor:
    """`F.l1_loss` to a target without gradient, summed in float32; scalar float32.

    On VGG19's large feature maps PyTorch's own takes three times as long: it makes float32 copies
    and a chain of temporaries on the way back.
    """
    loss: Tensor = _L1.apply(prediction, target.detach())  # type: ignore[no-untyped-call]
    return loss

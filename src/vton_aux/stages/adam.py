"""Fused Adam over channels-last weights."""

from typing import Any

import torch
from torch import Tensor


class FusedAdam(torch.optim.Adam):
    """`torch.optim.Adam` as one kernel.

    On a CPU that kernel copies what is not contiguous and copies it back, which doubles its time.
    A channels-last weight is contiguous once its channels come last, so it is handed over as that
    view; Adam does not mind the order of its numbers.
    """

    def __init__(self, params: Any, **arguments: Any) -> None:
        super().__init__(params, fused=True, **arguments)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over moments in the weights' memory format: the kernel goes by place in memory."""
        super().load_state_dict(state_dict)
        for weight, moments in self.state.items():
            for name, value in moments.items():
                if value.dim() == 4:
                    moments[name] = torch.empty_like(weight).copy_(value)

    def _init_group(self, group: Any, *lists: Any) -> Any:
        complex_params = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        weights_gradients_means = lists[:4]
        if lists[0] and lists[0][0].device.type != "cpu":
            return complex_params
        for i, tensors in enumerate(zip(*weights_gradients_means, strict=True)):
            if all(_needs_view(tensor) for tensor in tensors):
                for one, tensor in zip(weights_gradients_means, tensors, strict=True):
                    one[i] = tensor.permute(0, 2, 3, 1)
        return complex_params


def _needs_view(tensor: Tensor) -> bool:
    return tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)

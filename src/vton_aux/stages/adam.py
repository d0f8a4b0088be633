"""Adam, fused over channels-last weights or plain."""

from typing import Any

import torch
from torch import Tensor


class Adam(torch.optim.Adam):
    """`torch.optim.Adam`, as one kernel where `fused`.

    On a CPU that kernel copies what is not contiguous and copies it back, which doubles its time.
    A channels-last weight is contiguous once its channels come last, so it is handed over as that
    view; Adam does not mind the order of its numbers.
    """

    def __init__(self, params: Any, fused: bool, **arguments: Any) -> None:
        super().__init__(params, fused=fused, **arguments)
        self.fused = fused

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the moments, and neither their memory format nor whether they were fused.

        The fused kernel goes by place in memory, so moments have to lie as their weights do.
        """
        groups = [{**group, "fused": self.fused} for group in state_dict["param_groups"]]
        super().load_state_dict({**state_dict, "param_groups": groups})
        for weight, moments in self.state.items():
            for name, value in moments.items():
                if value.dim() == 4:
                    moments[name] = torch.empty_like(weight).copy_(value)

    def _init_group(self, group: Any, *lists: Any) -> Any:
        complex_params = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        weights_gradients_means = lists[:4]
        if not self.fused or (lists[0] and lists[0][0].device.type != "cpu"):
            return complex_params
        for i, tensors in enumerate(zip(*weights_gradients_means, strict=True)):
            if all(_needs_view(tensor) for tensor in tensors):
                for one, tensor in zip(weights_gradients_means, tensors, strict=True):
                    one[i] = tensor.permute(0, 2, 3, 1)
        return complex_params


def _needs_view(tensor: Tensor) -> bool:
    return tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)

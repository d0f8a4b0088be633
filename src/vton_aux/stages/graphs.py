"""A stage's loss as two CUDA graphs: one launch for the way there, one for the way back.

A step of four images is some 300 kernels of a few microseconds. Inductor's own graphs spare their
launches, but what it checks around each replay takes the host longer than a GPU needs for the step.
`torch.cuda.make_graphed_callables` does what is done here, but refuses autocast's cache and a
loader that pins memory in a thread while it records.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Loss = Callable[[dict[str, Tensor]], tuple[Tensor, dict[str, Tensor]]]
_WARM_UPS = 3  # compile, choose cuDNN's kernels, and once as it will be


class GraphedLoss:
    """`loss` of `module`, recorded at its first batch and replayed from then on.

    The graphs read and write fixed places in memory: a batch is copied into the first one's, the
    parameters must stay where they are, and a gradient is overwritten by the next step's, so
    gradients cannot be accumulated over steps. On a CPU it is `loss` itself.

    Args:
        loss: compiled; from a batch of tensors to the loss and its parts.
        module: owns the parameters and the buffers that `loss` reads.
    """

    def __init__(self, loss: Loss, module: nn.Module) -> None:
        self.loss, self.module = loss, module
        self.batch: dict[str, Tensor] | None = None

    def __call__(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, of the first one's shapes, and its parts."""
        if next(iter(batch.values())).device.type == "cpu":
            return self.loss(batch)
        if self.batch is None:
            self._record(batch)
        assert self.batch is not None
        for name, place in self.batch.items():
            place.copy_(batch[name])
        total: Tensor = _Replay.apply(self, *self.parameters)  # type: ignore[no-untyped-call]
        return total, {name: value.clone() for name, value in self.parts.items()}

    def _record(self, batch: dict[str, Tensor]) -> None:
        self.parameters = [p for p in self.module.parameters() if p.requires_grad]
        self.batch = {name: value.clone() for name, value in batch.items()}
        buffers = [(buffer, buffer.clone()) for buffer in self.module.buffers()]
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                total, _ = self.loss(self.batch)
                torch.autograd.grad(total, self.parameters, allow_unused=True)
            for buffer, before in buffers:  # BatchNorm's: the first batch counts once
                buffer.copy_(before)
        torch.cuda.current_stream().wait_stream(stream)
        self.forward, self.backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        pool = torch.cuda.graph_pool_handle()
        with torch.cuda.graph(self.forward, pool, capture_error_mode="thread_local"):
            self.total, self.parts = self.loss(self.batch)
        self.gradient = torch.ones_like(self.total)
        with torch.cuda.graph(self.backward, pool, capture_error_mode="thread_local"):
            self.gradients: Sequence[Tensor | None] = torch.autograd.grad(
                self.total, self.parameters, self.gradient, allow_unused=True
            )
        self.total = self.total.detach()


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, recorded: GraphedLoss, *parameters: Tensor) -> Tensor:
        ctx.recorded = recorded
        recorded.forward.replay()
        return recorded.total.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        recorded: GraphedLoss = ctx.recorded
        recorded.gradient.copy_(gradients[0])
        recorded.backward.replay()
        return None, *(None if one is None else one.detach() for one in recorded.gradients)

"""A try-on model made ready for inference: precision, memory format, compilation."""

import torch
from torch import nn

from vton_aux.device import MIXED, autocast
from vton_aux.networks.convolution import Conv2d
from vton_aux.stages.tom import TOMStage


def ready(stage: TOMStage, precision: str, compiled: bool = False) -> torch.autocast:
    """Make the model ready where it stands, and return the region to run it in.

    Not for training, saving or copying afterwards: in "bf16-mixed" the convolutions' weights lose
    the precision that the checkpoint has, and on a CPU each is packed as it is now.

    Args:
        stage: the model, on its device.
        precision: "32-true" or "bf16-mixed".
        compiled: compile the two networks at the first batch (torch.compile).

    Raises:
        UserError: there is no such precision.
    """
    region = autocast(precision, stage.device)
    stage.to(memory_format=torch.channels_last)
    if precision == MIXED:
        _convert_weights(stage)
    for network in (stage.gmm, stage.network):
        if compiled:  # which does not read packed weights
            network.compile()
        else:
            _pack_weights(network)
    return region


def choose_kernels(precision: str) -> None:
    """Let cuDNN measure its kernels at the first batch of each size, for many of one size.

    In "32-true" it takes the same ones each time, so that the pictures are the same.
    """
    torch.backends.cudnn.benchmark = precision == MIXED


def _convert_weights(stage: TOMStage) -> None:
    """Convert once what autocast would convert at each call: 4 ms of a person's 108 on a CPU.

    What GMM computes in float32 keeps its weights.
    """
    for part in (stage.gmm.person_encoder, stage.gmm.cloth_encoder, stage.network):
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                module.to(torch.bfloat16)


def _pack_weights(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, Conv2d):
            module.pack()

"""A try-on model prepared for bf16 inference."""

import torch
from torch import nn

from vton_aux.stages.tom import TOMStage


def convert_weights(stage: TOMStage) -> None:
    """Convert the weights that autocast would convert to bf16 at each call, once and for good.

    For inference under `torch.autocast(..., torch.bfloat16)`: 40 million of them are a fifth of
    the time of one person on a CPU. What GMM computes in float32 keeps its weights, as do the
    norms. The stage's own training or checkpoint would lose precision: load it again for those.
    """
    for part in (stage.gmm.person_encoder, stage.gmm.cloth_encoder, stage.network):
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                module.to(torch.bfloat16)

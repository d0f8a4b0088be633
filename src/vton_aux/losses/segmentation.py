"""The auxiliary loss: cross-entropy with raised weights for skin and background."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vton_aux.data.labels import LabelSet


class SegmentationLoss(nn.Module):
    """Weighted cross-entropy between M_exp and the parse of the photo (the paper, section 2).

    The mean divides by the sum of the weights, so only their ratios matter; under DDP each process
    divides by its own sum, so its gradient is not quite that of one process with all samples.

    Args:
        labels: the label set; its groups say what is skin and what is background.
        skin_weight: weight of the skin classes, > 0; others weigh 1.
        background_weight: weight of the background class, > 0.
    """

    class_of: Tensor
    weight: Tensor

    def __init__(self, labels: LabelSet, skin_weight: float, background_weight: float) -> None:
        super().__init__()
        weight = torch.ones(len(labels.classes))
        weight[list(labels.skin)] = skin_weight
        weight[labels.background] = background_weight
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("class_of", torch.tensor(labels.class_of), persistent=False)

    def target(self, parse: Tensor) -> Tensor:
        """Raw labels (B, H, W) -> classes (B, H, W) int64."""
        return self.class_of[parse.int()]

    def forward(self, logits: Tensor, parse: Tensor) -> Tensor:
        """Scalar loss of logits (B, classes, H, W) against raw labels (B, H, W) uint8."""
        logits, target = logits.float(), self.target(parse)
        if logits.device.type != "cpu":
            return F.cross_entropy(logits, target, self.weight)
        # one row a pixel: softmax runs over neighbours in memory where logits are channels-last
        rows = logits.permute(0, 2, 3, 1).flatten(0, 2)
        return F.cross_entropy(rows, target.flatten(), self.weight)

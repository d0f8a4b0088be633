"""First stage: warp the shop cloth to the body."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vton_aux.losses.warp import grid_regularity, total_variation
from vton_aux.metrics.overlap import mask_iou
from vton_aux.networks.gmm import GMM
from vton_aux.networks.tps import warp
from vton_aux.representation import PERSON_CHANNELS, TryOnInputs
from vton_aux.stages.base import Stage
from vton_aux.stages.settings import Context, GMMSettings, Plain


@dataclass(frozen=True)
class Warp:
    """What GMM makes of a batch, float32.

    Attributes:
        cloth: the warped cloth, (B, 3, H, W) in [-1, 1].
        mask: its mask, (B, 1, H, W) in [0, 1].
        offsets: of the control points, theta, (B, points^2, 2) in (-1, 1).
        grid: where each pixel is sampled, (B, H, W, 2), x and y in the cloth's [-1, 1]^2.
        expected_segmentation: logits of M_exp, (B, classes, H, W), or None.
    """

    cloth: Tensor
    mask: Tensor
    offsets: Tensor
    grid: Tensor
    expected_segmentation: Tensor | None


def build_gmm(settings: GMMSettings, context: Context, classes: int) -> GMM:
    """The network of these settings, in channels-last memory format."""
    size = (context.size[0], context.size[1])
    network = GMM(
        size,
        PERSON_CHANNELS,
        width=settings.width,
        points=settings.points,
        classes=classes,
        head_width=settings.head_width,
    )
    return network.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def match(network: GMM, inputs: TryOnInputs, segment: bool = False) -> Warp:
    """Warp cloth (border padding) and mask (zero padding) to the person."""
    offsets, grid, logits = network(inputs.gmm_person, inputs.cloth, segment)
    broken = (0 * offsets.sum((1, 2)))[:, None, None, None]  # NaN where theta is
    return Warp(
        cloth=warp(inputs.cloth, grid, "border") + broken,
        mask=warp(inputs.cloth_mask, grid, "zeros") + broken,
        offsets=offsets,
        grid=grid,
        expected_segmentation=logits,
    )


class GMMStage(Stage):
    """Trains `GMM` with L1 to the worn cloth, and the auxiliary loss where there is a head.

    Args:
        settings: fields of `GMMSettings`.
        context: fields of `Context`.
    """

    settings: GMMSettings
    best: ClassVar[tuple[str, Literal["min", "max"]]] = ("val/warp_iou", "max")

    def __init__(self, settings: Plain, context: Plain) -> None:
        own, run = GMMSettings(**settings), Context(**context)
        super().__init__(own, run)
        self.save_hyperparameters({"settings": asdict(own), "context": asdict(run)})
        self.network = build_gmm(own, run, self.classes)

    def forward(self, batch: dict[str, Any], segment: bool = False) -> Warp:
        """Warp a batch of `VITONDataset`; M_exp only where `segment` asks for it."""
        return match(self.network, self.representation(batch), segment)

    def loss_parts(self, batch: dict[str, Tensor]) -> dict[str, tuple[float, Tensor | None]]:
        """L1 warp, regularisers that have a weight, auxiliary."""
        inputs = self.representation(batch)
        warped = match(self.network, inputs, segment=True)
        settings = self.settings
        parts: dict[str, tuple[float, Tensor | None]] = {
            "warp_l1": (1.0, F.l1_loss(warped.cloth, inputs.worn_cloth)),
            "segmentation": (
                settings.aux_weight,
                self.auxiliary_loss(warped.expected_segmentation, inputs.parse),
            ),
        }
        if settings.tv_weight:
            tv = total_variation(warped.offsets, settings.points)
            parts["tv"] = (settings.tv_weight, tv)
        if settings.grid_weight:
            parts["grid"] = (settings.grid_weight, grid_regularity(warped.grid))
        if settings.mask_weight:
            parts["mask_l1"] = (settings.mask_weight, F.l1_loss(warped.mask, inputs.worn_mask))
        return parts

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Score the warp: L1 and IoU with the worn cloth, beside the unwarped mask's IoU."""
        inputs = self.representation(batch)
        warped = match(self.network, inputs, segment=True)
        self.check_numbers(warped.cloth)
        self.log_validation(
            {
                "warp_l1": (warped.cloth - inputs.worn_cloth).abs().mean((1, 2, 3)),
                "warp_iou": mask_iou(warped.mask, inputs.worn_mask),
                "unwarped_iou": mask_iou(inputs.cloth_mask, inputs.worn_mask),
            }
        )
        self.score_segmentation(warped.expected_segmentation, inputs.parse)

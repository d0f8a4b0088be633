"""Second stage: render the person and fuse the warped cloth, with the frozen GMM inside."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from vton_aux.losses.perceptual import PerceptualLoss
from vton_aux.metrics.image import paired_scores
from vton_aux.networks.tom import TOM, TOMOutput, compose
from vton_aux.representation import PERSON_CHANNELS, TryOnInputs, to_unit
from vton_aux.stages.base import Stage
from vton_aux.stages.gmm import Warp, build_gmm, match
from vton_aux.stages.settings import Context, GMMSettings, Plain, TOMSettings


@dataclass(frozen=True)
class TryOn:
    """A dressed batch.

    Attributes:
        warp: the warped cloth and its mask.
        rendered: I_rp, (B, 3, H, W) in [-1, 1].
        mask: M_cm, (B, 1, H, W) in [0, 1].
        image: I_try-on, (B, 3, H, W) in [-1, 1].
        expected_segmentation: logits of M_exp (B, classes, H, W), or None.
    """

    warp: Warp
    rendered: Tensor
    mask: Tensor
    image: Tensor
    expected_segmentation: Tensor | None


class TOMStage(Stage):
    """Trains `TOM` on cloths that its own frozen GMM warps; the checkpoint holds both.

    Args:
        settings: fields of `TOMSettings`.
        context: fields of `Context`.
        gmm: `settings` and `context` of the GMM stage.
    """

    settings: TOMSettings
    best: ClassVar[tuple[str, Literal["min", "max"]]] = ("val/ssim", "max")

    def __init__(self, settings: Plain, context: Plain, gmm: Mapping[str, Plain]) -> None:
        own, run = TOMSettings(**settings), Context(**context)
        super().__init__(own, run)
        gmm_settings, gmm_context = GMMSettings(**gmm["settings"]), Context(**gmm["context"])
        self.save_hyperparameters(
            {
                "settings": asdict(own),
                "context": asdict(run),
                "gmm": {"settings": asdict(gmm_settings), "context": asdict(gmm_context)},
            }
        )
        network = TOM(
            (run.size[0], run.size[1]),
            PERSON_CHANNELS,
            width=own.width,
            output_norm=own.output_norm,
            classes=self.classes,
            head_width=own.head_width,
        )
        self.network: TOM = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.gmm = build_gmm(gmm_settings, gmm_context, classes=0).eval().requires_grad_(False)
        self.perceptual: PerceptualLoss | None = None

    @classmethod
    def on_gmm(cls, settings: Plain, context: Plain, checkpoint: Mapping[str, Any]) -> Self:
        """A new TOM stage on the warps of a loaded GMM checkpoint; its auxiliary head stays out."""
        stage = cls(settings, context, gmm=checkpoint["hyper_parameters"])
        weights = {
            name.removeprefix("network."): value
            for name, value in checkpoint["state_dict"].items()
            if name.startswith("network.") and not name.startswith("network.segmentation.")
        }
        stage.gmm.load_state_dict(weights)
        return stage

    def train(self, mode: bool = True) -> Self:
        """Set training mode; the frozen GMM stays in evaluation mode."""
        super().train(mode)
        self.gmm.eval()
        return self

    def setup(self, stage: str) -> None:
        """Load VGG19 when training starts; inference needs none."""
        if stage == "fit" and self.settings.perceptual_weight and self.perceptual is None:
            perceptual = PerceptualLoss(self.settings.vgg)
            self.perceptual = perceptual.to(self.device, memory_format=self.memory_format)  # type: ignore[call-overload]
        super().setup(stage)

    @torch.no_grad()
    def warp(self, inputs: TryOnInputs) -> Warp:
        """Warp the cloths with the frozen GMM."""
        return match(self.gmm, inputs)

    def forward(self, batch: dict[str, Any], segment: bool = False) -> TryOn:
        """Dress a batch of `VITONDataset`; M_exp only where `segment` asks for it."""
        return self.dress(self.representation(batch), segment)

    def dress(self, inputs: TryOnInputs, segment: bool = False) -> TryOn:
        """Warp, render and fuse, equation (1)."""
        warp = self.warp(inputs)
        out: TOMOutput = self.network(inputs.tom_person, warp.cloth, segment)
        return TryOn(
            warp=warp,
            rendered=out.rendered,
            mask=out.mask,
            image=compose(warp.cloth, out.rendered, out.mask),
            expected_segmentation=out.expected_segmentation,
        )

    def loss_parts(self, batch: dict[str, Tensor]) -> dict[str, tuple[float, Tensor | None]]:
        """L1, perceptual, mask L1, auxiliary.

        M_cm is drawn to the warped mask cut at a half, as in CP-VTON, whose TOM reads it from a
        file and cuts it at grey level 128.
        """
        inputs = self.representation(batch)
        result = self.dress(inputs, segment=True)
        worn = (result.warp.mask >= 0.5).float()
        settings = self.settings
        perceptual = self.perceptual(result.image, inputs.image) if self.perceptual else None
        return {
            "image_l1": (1.0, F.l1_loss(result.image, inputs.image)),
            "perceptual": (settings.perceptual_weight, perceptual),
            "mask_l1": (settings.mask_weight, F.l1_loss(result.mask, worn)),
            "segmentation": (
                settings.aux_weight,
                self.auxiliary_loss(result.expected_segmentation, inputs.parse),
            ),
        }

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Score the try-on of the own cloth against the photo."""
        inputs = self.representation(batch)
        result = self.dress(inputs, segment=True)
        self.check_numbers(result.image)
        scores = paired_scores(to_unit(result.image), to_unit(inputs.image), batch["pairing"])
        self.log_validation(scores)
        self.score_segmentation(result.expected_segmentation, inputs.parse)

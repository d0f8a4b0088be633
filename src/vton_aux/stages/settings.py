"""Settings of the two stages: plain values that go into configs and checkpoints alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OF_A_HEAD = ("aux_weight", "skin_weight", "background_weight", "head_width")  # no other reads them


@dataclass
class StageSettings:
    """What both stages share. The defaults are CP-VTON's, where its paper or code gives them.

    Numbers of things are at least 1, weights at least 0; `validate.check` refuses others.

    Attributes:
        width: channels of the first convolution; 64 is CP-VTON's network.
        head_width: channels inside the auxiliary head, a multiple of 8.
        aux_weight: weight of the auxiliary loss beside the stage's own.
        skin_weight: weight of skin classes in the cross-entropy, above 0; others 1.
        background_weight: weight of the background class, above 0.
        lr: Adam's learning rate, above 0.
        betas: Adam's two betas, in [0, 1).
        steps: optimiser steps.
        hold: share of the steps with a constant learning rate, in [0, 1]; then it falls linearly
            to 0.
        batch_size: samples a step and process.
        select: which weights are the stage's result: "last", of the last step, or "best", with the
            best score on the validation set.
    """

    width: int = 64
    head_width: int = 64
    aux_weight: float = 1.0
    skin_weight: float = 2.0
    background_weight: float = 2.0
    lr: float = 1e-4
    betas: list[float] = field(default_factory=lambda: [0.5, 0.999])
    steps: int = 200_000
    hold: float = 0.5
    batch_size: int = 4
    select: str = "last"


@dataclass
class GMMSettings(StageSettings):
    """GMM's own settings.

    Attributes:
        points: control points a side of the thin-plate spline, at least 2.
        tv_weight: weight of `losses.warp.total_variation`.
        grid_weight: weight of `losses.warp.grid_regularity` (CP-VTON+ uses 40 for its own sum).
        mask_weight: weight of L1 between the warped mask and the worn cloth's. Neither the paper
            nor CP-VTON has it: their L1 between pictures on white hardly sees a pale cloth.
    """

    points: int = 5
    tv_weight: float = 0.0
    grid_weight: float = 0.0
    mask_weight: float = 0.0


@dataclass
class TOMSettings(StageSettings):
    """TOM's own settings.

    Attributes:
        output_norm: InstanceNorm on the U-Net's output, as in CP-VTON's public code.
        perceptual_weight: weight of the VGG19 loss; 0 leaves it out.
        vgg: "download", "random" or the path of torchvision's VGG19 file.
        mask_weight: weight of L1 between the composition mask and the warped cloth's, cut at a
            half.
    """

    output_norm: bool = True
    perceptual_weight: float = 1.0
    vgg: str = "download"
    mask_weight: float = 1.0


@dataclass
class Context:
    """What a stage must know of the run beside its own settings.

    Attributes:
        size: (height, width) in pixels.
        labels: key of `LABEL_SETS`.
        representation: arguments of `PersonRepresentation`.
        aux: whether the stage has the auxiliary head.
        provenance: what the result came from (arm, seed, data fingerprint, ...), for the reader of
            a checkpoint; no behaviour hangs on it.
    """

    size: list[int] = field(default_factory=lambda: [256, 192])
    labels: str = "lip"
    representation: dict[str, Any] = field(default_factory=dict)
    aux: bool = False
    provenance: dict[str, Any] = field(default_factory=dict)


Plain = Mapping[str, Any]

"""Scores of a picture against the photo of the same person in the same cloth.

All see [0, 1] and are means over images of per-image scores, so that they do not depend on the
batch size, the order or the number of processes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure as ms_ssim,
)
from torchmetrics.functional.image import peak_signal_noise_ratio as psnr
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

from vton_aux.errors import UserError

MS_SSIM_SIDE = 160  # torchmetrics' MS-SSIM (11-pixel window, 5 scales) wants both sides above it


def paired_scores(prediction: Tensor, target: Tensor, pairings: Sequence[str]) -> dict[str, Tensor]:
    """SSIM, MS-SSIM and PSNR of each image.

    SSIM: torchmetrics, Gaussian window 11, sigma 1.5, mean over the reflect-padded map
    (scikit-image leaves a border of 5 pixels out). MS-SSIM: torchmetrics' defaults; absent where
    a side is not above 160 pixels. PSNR in dB, with a range of 1.

    Args:
        prediction: (B, 3, H, W) float in [0, 1].
        target: (B, 3, H, W) float in [0, 1], the photo.
        pairings: of each sample; all must be "paired".

    Returns:
        name -> (B,) float32.

    Raises:
        UserError: a sample is unpaired: its photo shows another cloth.
        ValueError: a value lies outside [0, 1].
    """
    if any(pairing != "paired" for pairing in pairings):
        raise UserError(
            "SSIM, MS-SSIM and PSNR compare with the photo and want pairing=paired; the photo of "
            "an unpaired sample shows another cloth"
        )
    for name, image in (("prediction", prediction), ("target", target)):
        if image.min() < 0 or image.max() > 1:
            raise ValueError(f"{name} lies outside [0, 1]")
    measures: dict[str, Callable[..., Any]] = {"ssim": ssim, "ms_ssim": ms_ssim, "psnr": psnr}
    if min(prediction.shape[-2:]) <= MS_SSIM_SIDE:
        del measures["ms_ssim"]
    # one image at a time is twice as fast as a batch in torchmetrics, and cannot mix images
    return {
        name: torch.stack(
            [
                measure(p[None], t[None], data_range=1.0)
                for p, t in zip(prediction, target, strict=True)
            ]
        )
        for name, measure in measures.items()
    }

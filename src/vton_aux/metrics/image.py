"""Scores of a picture against the photo of the same person in the same cloth.

All see [0, 1] and are computed an image at a time, so that they do not depend on the batch size,
the order or the number of processes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vton_aux.errors import UserError
from vton_aux.metrics.similarity import Similarity, mean, similarity


def paired_scores(prediction: Tensor, target: Tensor, pairings: Sequence[str]) -> dict[str, Tensor]:
    """`image_scores` of paired samples.

    Args:
        pairings: of each sample; all must be "paired".

    Raises:
        UserError: a sample is unpaired: its photo shows another cloth.
    """
    if any(pairing != "paired" for pairing in pairings):
        raise UserError(
            "SSIM, MS-SSIM and PSNR compare with the photo and want pairing=paired; the photo of "
            "an unpaired sample shows another cloth"
        )
    return image_scores(prediction, target, similarity(prediction, target))


def image_scores(prediction: Tensor, target: Tensor, alike: Similarity) -> dict[str, Tensor]:
    """SSIM, MS-SSIM and PSNR of each image.

    Args:
        prediction: (B, 3, H, W) float in [0, 1].
        target: (B, 3, H, W) float in [0, 1], the true picture.
        alike: `similarity` of the two.

    Returns:
        name -> (B,) float32: ssim, ssim_valid, ms_ssim (absent where a side is not above 160
        pixels), psnr in dB (`decibels`).

    Raises:
        ValueError: a value lies outside [0, 1].
    """
    for name, image in (("prediction", prediction), ("target", target)):
        if not (image.min() >= 0 and image.max() <= 1):  # NaN too
            raise ValueError(f"{name} lies outside [0, 1]")
    scores = {"ssim": alike.ssim, "ssim_valid": alike.ssim_valid}
    if alike.ms_ssim is not None:
        scores["ms_ssim"] = alike.ms_ssim
    errors = (prediction - target).square()
    return {**scores, "psnr": decibels(torch.stack([mean(error) for error in errors]))}


def decibels(error: Tensor) -> Tensor:
    """PSNR of a mean squared error with a range of 1; at most 100 dB, so that a mean exists."""
    return -10 * error.clamp(min=1e-10).log10()

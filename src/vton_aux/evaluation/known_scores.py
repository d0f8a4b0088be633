"""The scores: how each is called, which way is better, and how it is printed."""

from typing import NamedTuple


class Score(NamedTuple):
    """How a score is called, which way is better, and its decimals in print."""

    name: str
    higher_is_better: bool = True
    decimals: int = 3


SCORES = {
    "fid": Score("FID", higher_is_better=False, decimals=2),
    "ssim": Score("SSIM"),
    "ms_ssim": Score("MS-SSIM"),
    "psnr": Score("PSNR", decimals=2),
    "kid": Score("KID", higher_is_better=False, decimals=4),
    "lpips": Score("LPIPS", higher_is_better=False),
    "ssim_valid": Score("SSIM without the border"),
    "garment_ssim": Score("SSIM, garment"),
    "garment_psnr": Score("PSNR, garment", decimals=2),
    "skin_ssim": Score("SSIM, skin"),
    "skin_psnr": Score("PSNR, skin", decimals=2),
    "background_ssim": Score("SSIM, background"),
    "background_psnr": Score("PSNR, background", decimals=2),
    "band_ssim": Score("SSIM, regions' borders"),
    "band_psnr": Score("PSNR, regions' borders", decimals=2),
    "bleeding": Score("bleeding", higher_is_better=False, decimals=4),
    "background_bleeding": Score("bleeding, background", higher_is_better=False, decimals=4),
    "warp_iou": Score("warp IoU"),
    "segmentation_iou": Score("M_exp mIoU"),
}
POOLED = ("fid", "kid", "segmentation_iou")  # one number a set of images, none an image


def signed(difference: float, score: Score) -> str:
    """A difference in print: its sign, and a decimal more than the score."""
    return f"{difference:+.{score.decimals + 1}f}"

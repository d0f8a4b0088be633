"""SSIM and MS-SSIM of pairs of images.

Convention: images are (B, C, H, W) in [0, 1]. The window is Wang's Gaussian of 11 taps, sigma
1.5, mirrored at the border; c1 = 0.01^2 and c2 = 0.03^2.

The moments are taken of s = p + t and d = p - t instead of the prediction p and the target t. With
the window's means m and variances v of s and d,

    4 mean_p mean_t = m_s^2 - m_d^2        2 mean_p^2 + 2 mean_t^2 = m_s^2 + m_d^2
    4 cov_pt        = v_s - v_d            2 var_p + 2 var_t       = v_s + v_d

so four maps are blurred instead of five, and equal images score exactly 1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from kornia.filters import get_gaussian_kernel1d
from torch import Tensor

BORDER = 5  # pixels next to the image's border, whose windows leave the image
C1, C2 = 0.01**2, 0.03**2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003
MS_SSIM_SIDE = 160  # both sides must be above it, as torchmetrics wants for five scales

GAUSSIAN = get_gaussian_kernel1d(2 * BORDER + 1, 1.5, dtype=torch.float64)[0].tolist()


class Similarity(NamedTuple):
    """How alike the images of each pair are, float32; 1 is equal.

    Attributes:
        ssim: (B,) mean over the whole map, torchmetrics' convention.
        ssim_valid: (B,) mean over the map without its 5-pixel border, Wang's and scikit-image's.
        ms_ssim: (B,) torchmetrics' defaults; None where a side is not above 160 pixels.
        ssim_map: (B, H, W) mean over the channels.
    """

    ssim: Tensor
    ssim_valid: Tensor
    ms_ssim: Tensor | None
    ssim_map: Tensor


@torch.no_grad()
def similarity(prediction: Tensor, target: Tensor) -> Similarity:
    """SSIM (Wang et al. 2004) and MS-SSIM (Wang et al. 2003) of each pair, in float32.

    MS-SSIM is the product over the scales of mean(contrast-structure)^weight, of mean(SSIM)^weight
    at the coarsest, negative means counting as 0; a scale halves the one before it by 2 x 2 means.

    A pair is computed by itself: it stays in the cache, and no bit of it depends on its batch or
    on the number of threads.

    Args:
        prediction: (B, C, H, W) float in [0, 1].
        target: (B, C, H, W) float in [0, 1].

    Raises:
        ValueError: the shapes differ, or a side is shorter than the window.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"the shapes {[*prediction.shape]} and {[*target.shape]} differ")
    if min(target.shape[-2:]) < len(GAUSSIAN):
        raise ValueError(f"SSIM wants sides of at least {len(GAUSSIAN)}, not {[*target.shape]}")
    multiscale = min(target.shape[-2:]) > MS_SSIM_SIDE
    maps, products = [], []
    for p, t in zip(prediction.float(), target.float(), strict=True):
        pair = torch.stack([p + t, p - t])  # (2, C, H, W)
        ssim, contrast = _maps(pair)
        maps.append(ssim.mean(0))
        if multiscale:
            products.append(_product_over_scales(pair, contrast))
    return Similarity(
        ssim=torch.stack([mean(ssim) for ssim in maps]),
        ssim_valid=torch.stack([mean(_inside(ssim)) for ssim in maps]),
        ms_ssim=torch.stack(products) if multiscale else None,
        ssim_map=torch.stack(maps),
    )


def filtered(images: Tensor, taps: Sequence[float]) -> Tensor:
    """`images` (N, C, H, W) correlated with `taps` along both sides, mirrored at the border.

    Shifted copies are added up: faster on a CPU than convolutions and than products with banded
    matrices, and true float32 where a GPU would round the factors of either to TF32.
    """
    half = len(taps) // 2
    out = F.pad(images, (half, half, half, half), mode="reflect")
    for dim in (-2, -1):
        source, length = out, images.shape[dim]
        out = source.narrow(dim, 0, length) * taps[0]
        for shift, tap in enumerate(taps[1:], start=1):
            out.add_(source.narrow(dim, shift, length), alpha=tap)
    return out


def mean(values: Tensor) -> Tensor:
    """Mean of a map (..., H, W), row by row: threads share out rows and never split a sum."""
    return values.mean(-1).mean()


def _maps(pair: Tensor) -> tuple[Tensor, Tensor]:
    """Maps (C, H, W) of SSIM and of its contrast-structure term, of s and d (2, C, H, W)."""
    moments = filtered(torch.cat([pair, pair.square()]), GAUSSIAN)
    squared = moments[:2].square()
    variance = moments[2:] - squared
    contrast = _ratio(variance, C2)
    return _ratio(squared, C1) * contrast, contrast


def _ratio(of: Tensor, constant: float) -> Tensor:
    s, d = of
    ratio: Tensor = (s - d + 2 * constant) / (s + d + 2 * constant)
    return ratio


def _product_over_scales(pair: Tensor, contrast: Tensor) -> Tensor:
    product = torch.ones((), device=pair.device)
    for weight in SCALE_WEIGHTS[:-1]:
        product = product * mean(_inside(contrast)).relu() ** weight
        pair = F.avg_pool2d(pair, 2)
        ssim, contrast = _maps(pair)
    return product * mean(ssim).relu() ** SCALE_WEIGHTS[-1]


def _inside(maps: Tensor) -> Tensor:
    return maps[..., BORDER:-BORDER, BORDER:-BORDER]

"""Scores by region of the true parse, and bleeding across the borders of the regions.

Regions: garment (upper clothes, dress, coat), skin (face, arms, legs and, where the parse has it,
neck) and background. VITON's parse calls the neck background, so there background means backdrop
and neck. Hair, lower clothes and shoes belong to no region. The band is every pixel of a region
within r pixels, along rows and columns, of another of the three: r = 3 at height 256, scaled with
the height, at least 1.
"""

import torch
from torch import Tensor

from vton_aux.data.labels import LABEL_SETS, NECK, WORN_CLOTH
from vton_aux.metrics.image import decibels
from vton_aux.metrics.similarity import filtered

REGIONS = {"garment": WORN_CLOTH, "skin": LABEL_SETS["lip_neck"].skin, "background": (0,)}
FEWEST = 25  # a score over fewer pixels is NaN
BAND = 3 / 256  # r as a share of the height
CONTRAST = 0.1  # RGB distance below which two regions are too alike to tell apart

_MEMBERS = torch.tensor([[label in of for label in range(NECK + 1)] for of in REGIONS.values()])


@torch.no_grad()
def region_scores(
    prediction: Tensor, target: Tensor, parse: Tensor, ssim_map: Tensor
) -> dict[str, Tensor]:
    """SSIM and PSNR over each region and the band, and bleeding.

    - `{garment,skin,background,band}_ssim`: mean of the SSIM map over the region's pixels. The
      window of 11 pixels sees beyond a region's edge.
    - `..._psnr`: of the mean squared error over the region's pixels, in dB.
    - `bleeding`: share of the garment's pixels beside skin and of the skin's beside the garment
      that show the other's colour;
    - `background_bleeding`: the same between the background and either.

    A pixel x of region A lies beside B where B comes within r. With a, b the mean colours of the
    photo over A's and B's pixels in the square of half side 2 r around x (mirrored at the picture's
    edges), p the prediction and t the photo, all at x,

        bleeding = #{|p - b| < |p - a|} / #x   over x with |a - b| >= 0.1 and |t - a| <= |t - b|.

    Local colours read a hand on a striped sleeve as well as an arm against the wall. The two
    conditions leave out borders without contrast (white cloth on a white wall) and pixels that
    the parse or a shadow puts on the wrong side in the photo itself (14 % on VITON), so the floor,
    the score of the photo, is exactly 0. Colours that know nothing of the border score about 1/2,
    a border moved by k <= r pixels about k / 2 r.

    Args:
        prediction: (B, 3, H, W) float in [0, 1].
        target: (B, 3, H, W) float in [0, 1], the photo.
        parse: (B, H, W) integer raw LIP labels of the photo.
        ssim_map: (B, H, W) of the pairs, `similarity(prediction, target).ssim_map`.

    Returns:
        name -> (B,) float32, NaN where fewer than 25 pixels count.
    """
    pairs = zip(prediction, target, parse, ssim_map, strict=True)
    scores = [_of_pair(*pair) for pair in pairs]  # in the cache, as `similarity`
    return {name: torch.stack([of[name] for of in scores]) for name in scores[0]}


def _of_pair(
    prediction: Tensor, target: Tensor, parse: Tensor, ssim_map: Tensor
) -> dict[str, Tensor]:
    masks = _MEMBERS.to(parse.device)[:, parse.long()]  # (region, H, W)
    radius = max(1, round(BAND * len(parse)))
    near = filtered(masks[None].float(), [1.0] * (2 * radius + 1))[0] > 0
    beside = near & ~masks & masks.any(0)  # of another region, and near this one
    band = beside.any(0)
    maps = torch.stack([ssim_map, (prediction - target).square().mean(0)])
    scores: dict[str, Tensor] = {}
    for name, area in zip((*REGIONS, "band"), (*masks, band), strict=True):
        ssim, error = _mean(maps, area)
        scores[f"{name}_ssim"], scores[f"{name}_psnr"] = ssim, decibels(error)

    at = band.flatten().nonzero()[:, 0]  # the K pixels of the band
    colours = _local_colours(target, masks, 2 * radius, at)  # (region, 3, K)
    masks, beside = masks.flatten(1)[:, at], beside.flatten(1)[:, at]  # (region, K)
    own = (colours * masks[:, None]).sum(0)  # (3, K)
    contrast = (colours - own).square().sum(1)
    true, predicted = (image.flatten(1)[:, at] for image in (target, prediction))  # (3, K)
    read = beside & (contrast >= CONTRAST**2) & ~_nearer(true, colours, own)
    bled = _nearer(predicted, colours, own).float()
    garment, skin, background = masks
    scores["bleeding"] = _mean(bled[:2], read[:2] & torch.stack([skin, garment]))
    read[:2] &= background
    scores["background_bleeding"] = _mean(bled, read)
    return scores


def _local_colours(target: Tensor, masks: Tensor, half: int, at: Tensor) -> Tensor:
    """(region, 3, K) mean colour of each region in the square of `half` side around K pixels."""
    weights = masks[:, None].float()
    sums = filtered(torch.cat([target * weights, weights], dim=1), [1.0] * (2 * half + 1))
    sums = sums.flatten(2)[..., at]
    return sums[:, :3] / sums[:, 3:].clamp(min=1)


def _nearer(colour: Tensor, colours: Tensor, own: Tensor) -> Tensor:
    """(region, K) whether `colour` (3, K) is nearer to that region's colour than to its own's."""
    return (colour - colours).square().sum(1) < (colour - own).square().sum(0)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Mean of `values` (..., H, W) over `where` (H, W); NaN where fewer than 25 count."""
    count = where.sum()
    total = (values * where).sum(-1).sum(-1)
    return torch.where(count >= FEWEST, total / count.clamp(min=1), torch.nan)

"""Scores by region of the true parse, and bleeding across the borders of the regions.

Regions: garment (upper clothes, dress, coat), skin (face, arms, legs and, where the parse has it,
neck) and background. VITON's parse calls the neck background, so there background means backdrop
and neck. Hair, lower clothes and shoes belong to no region. The band is every pixel of a region
within r pixels, along rows and columns, of another of the three: r = 3 at height 256, scaled with
the height, at least 1.
"""

import torch
from torch import Tensor

from vton_aux.data.labels import NECK, WORN_CLOTH
from vton_aux.metrics.image import decibels
from vton_aux.metrics.similarity import filtered

REGIONS = {"garment": WORN_CLOTH, "skin": (13, 14, 15, 16, 17, NECK), "background": (0,)}
FEWEST = 25  # a score over fewer pixels is NaN
BAND = 3 / 256  # r as a share of the height
CONTRAST = 0.1  # RGB distance of two regions below which no eye sees one in the other


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
    photo over A's and B's pixels in the square of half side 2 r around x, p the prediction and t
    the photo, all at x,

        bleeding = #{|p - b| < |p - a|} / #x   over x with |a - b| >= 0.1 and |t - a| <= |t - b|.

    Local colours read a hand on a striped sleeve as well as an arm against the wall. The two
    conditions leave out borders without contrast (white cloth on a white wall) and pixels that
    the parse or a shadow puts on the wrong side in the photo itself (15 % on VITON), so the floor,
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
    masks = torch.stack(
        [torch.isin(parse, parse.new_tensor(labels)) for labels in REGIONS.values()], dim=1
    )  # (B, 3, H, W)
    radius = max(1, round(BAND * parse.shape[1]))
    near = filtered(masks.float(), [1.0] * (2 * radius + 1)) > 0
    beside = near & ~masks & masks.any(1, keepdim=True)  # of another region, and near this one
    areas = torch.cat([masks, beside.any(1, keepdim=True)], dim=1)
    error = (prediction - target).square().mean(1)
    scores: dict[str, Tensor] = {}
    for i, name in enumerate((*REGIONS, "band")):
        scores[f"{name}_ssim"] = _mean(ssim_map, areas[:, i])
        scores[f"{name}_psnr"] = decibels(_mean(error, areas[:, i]))
    colours = _local_colours(target, masks, 2 * radius)  # (B, region, 3, H, W)
    own = (colours * masks[:, :, None]).sum(1)  # (B, 3, H, W)
    contrast = (colours - own[:, None]).square().sum(2)
    read = beside & (contrast >= CONTRAST**2) & ~_nearer(target, colours, own)
    bled = _nearer(prediction, colours, own).float()
    garment, skin, background = masks.unbind(1)
    clothed = torch.stack([read[:, 0] & skin, read[:, 1] & garment], dim=1)
    scores["bleeding"] = _mean(bled[:, :2], clothed)
    read[:, :2] &= background[:, None]
    scores["background_bleeding"] = _mean(bled, read)
    return scores


def _local_colours(target: Tensor, masks: Tensor, half: int) -> Tensor:
    """(B, region, 3, H, W) mean colour of each region in the square of `half` side around."""
    weights = masks[:, :, None].float()
    sums = torch.cat([target[:, None] * weights, weights], dim=2)  # (B, region, 4, H, W)
    near = filtered(sums.flatten(0, 1), [1.0] * (2 * half + 1)).reshape(sums.shape)
    return near[:, :, :3] / near[:, :, 3:].clamp(min=1)


def _nearer(image: Tensor, colours: Tensor, own: Tensor) -> Tensor:
    """(B, region, H, W) whether `image` is nearer to that region's colour than to its own's."""
    other = (image[:, None] - colours).square().sum(2)
    return other < (image - own).square().sum(1, keepdim=True)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Mean of `values` over `where`, both (B, ...); NaN where fewer than 25 count."""
    count = where.flatten(1).sum(1)
    total = (values * where).flatten(1).sum(1)
    return torch.where(count >= FEWEST, total / count.clamp(min=1), torch.nan)

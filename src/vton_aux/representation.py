"""From a uint8 batch to the networks' inputs and targets, vectorised on the batch's device.

Convention: images are float32 in [-1, 1] (x / 127.5 - 1: mean 0.5, std 0.5 of [0, 1]), masks
float32 in {0, 1}, (B, C, H, W); pixel coordinates are (x, y) from the upper left pixel's centre.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from vton_aux.data.labels import WORN_CLOTH

CHANNELS = 22  # body shape 1, head 3, pose 18
_ONE = 2**22  # PIL's fixed point
POSE_HEIGHT = 256  # the image height at which `pose_radius` is given


@dataclass(frozen=True)
class TryOnInputs:
    """What the two stages read, (B, C, H, W) float32 unless said.

    Attributes:
        gmm_person: I_p as GMM reads it, 22 channels in [-1, 1].
        tom_person: I_p as TOM reads it, 22 channels in [-1, 1].
        cloth: shop cloth c, 3 channels in [-1, 1].
        cloth_mask: its mask, 1 channel in {0, 1}.
        image: photo I of the person, 3 channels in [-1, 1].
        worn_cloth: I_gt-warp, the cloth worn in the photo on white, 3 channels in [-1, 1].
        worn_mask: where the photo shows it, 1 channel in {0, 1}.
        parse: (B, H, W) int64 raw LIP labels.
    """

    gmm_person: Tensor
    tom_person: Tensor
    cloth: Tensor
    cloth_mask: Tensor
    image: Tensor
    worn_cloth: Tensor
    worn_mask: Tensor
    parse: Tensor


class PersonRepresentation(nn.Module):
    """The cloth-agnostic person representation I_p (CP-VTON, section 3.1) and the targets.

    Args:
        gmm_keeps: labels whose pixels GMM may see of the photo (the three "head" channels).
        tom_keeps: the same for TOM.
        shape_blur: factor by which the body shape is shrunk and grown again.
        pose_radius: half side of a joint's square in pixels, at height 256.

    `shape_blur` and `pose_radius` are CP-VTON's numbers at 256x192 and scale with the height, so
    that I_p tells the same at every size.
    """

    def __init__(
        self,
        gmm_keeps: Sequence[int] = (1, 2, 4, 13),
        tom_keeps: Sequence[int] = (1, 2, 4, 13),
        shape_blur: int = 16,
        pose_radius: float = 5.0,
    ) -> None:
        super().__init__()
        self.gmm_keeps, self.tom_keeps = tuple(gmm_keeps), tuple(tom_keeps)
        self.shape_blur, self.pose_radius = shape_blur, pose_radius

    def forward(self, batch: Mapping[str, Any]) -> TryOnInputs:
        """Inputs and targets of a batch of `VITONDataset`."""
        image = to_signed(batch["person"])
        parse = batch["parse"].long()  # (B, H, W)
        height = parse.shape[1]
        shape = body_shape(parse, max(1, self.shape_blur * height // POSE_HEIGHT))
        pose = pose_maps(batch["joints"], parse.shape[1:], self.pose_radius * height / POSE_HEIGHT)
        gmm_head = kept(image, parse, self.gmm_keeps)
        tom_head = gmm_head
        if self.tom_keeps != self.gmm_keeps:
            tom_head = kept(image, parse, self.tom_keeps)
        worn_mask = label_mask(parse, WORN_CLOTH)
        return TryOnInputs(
            gmm_person=torch.cat([shape, gmm_head, pose], dim=1),
            tom_person=torch.cat([shape, tom_head, pose], dim=1),
            cloth=to_signed(batch["cloth"]),
            cloth_mask=batch["cloth_mask"].float(),
            image=image,
            worn_cloth=image * worn_mask + (1 - worn_mask),
            worn_mask=worn_mask,
            parse=parse,
        )


def to_signed(image: Tensor) -> Tensor:
    """uint8 0..255 -> float32 [-1, 1]."""
    return image.float() / 127.5 - 1


def to_unit(image: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1], clipped: the range that metrics and pictures see."""
    return (image.float() * 0.5 + 0.5).clamp(0, 1)


def label_mask(parse: Tensor, labels: Sequence[int]) -> Tensor:
    """(B, H, W) int64 -> (B, 1, H, W) float32, 1 where the label is one of `labels`."""
    wanted = torch.tensor(labels, device=parse.device)
    return torch.isin(parse, wanted)[:, None].float()


def kept(image: Tensor, parse: Tensor, labels: Sequence[int]) -> Tensor:
    """`image` where the parse is one of `labels`, -1 elsewhere; (B, 3, H, W)."""
    mask = label_mask(parse, labels)
    return image * mask - (1 - mask)


def body_shape(parse: Tensor, blur: int) -> Tensor:
    """The blurred silhouette: parse > 0 shrunk by `blur` and grown again, bilinear, in [-1, 1].

    (B, H, W) int64 -> (B, 1, H, W) float32, to the grey level what PIL's `resize(BILINEAR)`
    makes of it: columns, then rows, each pass rounded to 8 bits.
    """
    height, width = parse.shape[1:]
    level = (parse > 0)[:, None].double() * 255
    for rows, columns in ((height // blur, width // blur), (height, width)):
        level = _to_8_bits(level @ _taps(level.shape[3], columns, parse.device).T)
        level = _to_8_bits(_taps(level.shape[2], rows, parse.device) @ level)
    return to_signed(level)


def _to_8_bits(sums: Tensor) -> Tensor:
    return ((sums + _ONE // 2) / _ONE).floor()


@lru_cache
def _taps(size: int, out: int, device: torch.device) -> Tensor:
    """(out, size) weights of PIL's bilinear `resize`, in its fixed point; exact in float64."""
    reach = max(size / out, 1.0)
    centre = (torch.arange(out, dtype=torch.float64) + 0.5) * (size / out)
    place = torch.arange(size, dtype=torch.float64) + 0.5
    weights = (1 - (place - centre[:, None]).abs() / reach).clamp(min=0)
    weights = weights / weights.sum(1, keepdim=True)
    return (weights * _ONE + 0.5).floor().to(device)


def pose_maps(joints: Tensor, size: Sequence[int], radius: float) -> Tensor:
    """One map a joint: 1 in a square around it, -1 elsewhere and where it was not found.

    The square covers the pixels from trunc(x - radius) to trunc(x + radius), both included.

    Args:
        joints: (B, J, 3) float: x, y, found.
        size: (H, W).
        radius: half side in pixels.

    Returns:
        (B, J, H, W) float32.
    """
    height, width = size
    position, found = joints[..., :2], joints[..., 2] > 0
    first, last = (position - radius).trunc(), (position + radius).trunc()  # (B, J, 2)
    columns = torch.arange(width, device=joints.device)
    rows = torch.arange(height, device=joints.device)
    across = (columns >= first[..., :1]) & (columns <= last[..., :1])  # (B, J, W)
    down = (rows >= first[..., 1:]) & (rows <= last[..., 1:])  # (B, J, H)
    inside = down[..., :, None] & across[..., None, :] & found[..., None, None]
    return inside.float() * 2 - 1

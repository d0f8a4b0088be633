"""From a uint8 batch to the networks' inputs and targets, vectorised on the batch's device.

All of I_p is 8-bit pictures (black is -1, white is 1), so it is put together in bytes and made
float once: what this costs is the bytes that it moves.

Convention: images are float32 in [-1, 1] (x / 127.5 - 1: mean 0.5, std 0.5 of [0, 1]), masks
float32 in {0, 1}, (B, C, H, W); pixel coordinates are (x, y) from the upper left pixel's centre.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vton_aux.data.labels import WORN_CLOTH

CHANNELS = 22  # body shape 1, head 3, pose 18
_ONE = 2**22  # PIL's fixed point
POSE_HEIGHT = 256  # the image height at which `pose_radius` is given


@dataclass(frozen=True)
class TryOnInputs:
    """What the two stages read, (B, C, H, W) float32 unless said.

    Attributes:
        gmm_person: I_p as GMM reads it, 22 channels in [-1, 1]; under autocast in its type.
        tom_person: the same as TOM reads it.
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
        photo, parse = batch["person"], batch["parse"]
        height = parse.shape[1]
        shape = body_shape(parse, max(1, self.shape_blur * height // POSE_HEIGHT))
        radius = self.pose_radius * height / POSE_HEIGHT

        def person(keeps: Sequence[int]) -> Tensor:
            head = kept(photo, parse, keeps)
            return _as_computed(person_levels(shape, head, batch["joints"], radius))

        gmm_person = person(self.gmm_keeps)
        same = self.tom_keeps == self.gmm_keeps
        worn_mask = label_mask(parse, WORN_CLOTH)
        white = 255 * (1 - worn_mask)
        return TryOnInputs(
            gmm_person=gmm_person,
            tom_person=gmm_person if same else person(self.tom_keeps),
            cloth=to_signed(batch["cloth"]),
            cloth_mask=batch["cloth_mask"].float(),
            image=to_signed(photo),
            worn_cloth=to_signed(photo * worn_mask + white),
            worn_mask=worn_mask.float(),
            parse=parse.long(),
        )


def to_signed(levels: Tensor) -> Tensor:
    """uint8 0..255 -> float32 [-1, 1]."""
    return levels.float().div_(127.5).sub_(1)


def _as_computed(levels: Tensor) -> Tensor:
    """uint8 0..255 -> [-1, 1], in the type that autocast would convert a network's input to.

    Bit for bit what it makes of float32: 2 * level - 255 is exact in all of them.
    """
    device = levels.device.type
    if not torch.is_autocast_enabled(device):
        return to_signed(levels)
    return levels.to(torch.get_autocast_dtype(device)).mul_(2).sub_(255).div_(255)


def to_unit(image: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1], clipped: the range that metrics and pictures see."""
    return (image.float() * 0.5 + 0.5).clamp(0, 1)


def label_mask(parse: Tensor, labels: Sequence[int]) -> Tensor:
    """(B, H, W) raw labels -> (B, 1, H, W) uint8, 1 where the label is one of `labels`."""
    found = _table(tuple(labels), parse.device).index_select(0, parse.flatten().int())
    return found.view(parse.shape)[:, None]


@lru_cache
def _table(labels: tuple[int, ...], device: torch.device) -> Tensor:
    table = torch.zeros(256, dtype=torch.uint8)
    table[list(labels)] = 1
    return table.to(device)


def kept(photo: Tensor, parse: Tensor, labels: Sequence[int]) -> Tensor:
    """`photo` (B, 3, H, W) uint8 where the parse is one of `labels`, black elsewhere."""
    return photo * label_mask(parse, labels)


def person_levels(shape: Tensor, head: Tensor, joints: Tensor, radius: float) -> Tensor:
    """I_p in grey levels: (B, 22, H, W) uint8 in channels-last format, as convolutions want it."""
    first = shape.shape[1] + head.shape[1]
    # joints found nowhere leave black planes, which shape and head then fill
    levels = pose_maps(F.pad(joints, (0, 0, first, 0)), shape.shape[2:], radius)
    levels[:, : shape.shape[1]] = shape
    levels[:, shape.shape[1] : first] = head
    return levels


def body_shape(parse: Tensor, blur: int) -> Tensor:
    """The blurred silhouette: parse > 0 shrunk by `blur` and grown again, bilinear.

    (B, H, W) raw labels -> (B, 1, H, W) uint8 grey levels, exactly what PIL's `resize(BILINEAR)`
    makes of it: columns, then rows, each pass rounded to 8 bits.
    """
    height, width = parse.shape[1:]
    level = (parse > 0)[:, None].double() * 255
    for rows, columns in ((height // blur, width // blur), (height, width)):
        level = _to_8_bits(level @ _taps(level.shape[3], columns, parse.device).T)
        level = _to_8_bits(_taps(level.shape[2], rows, parse.device) @ level)
    return level.byte()


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
    """One map a joint: white in a square around it, black elsewhere and where it was not found.

    The square covers the pixels from trunc(x - radius) to trunc(x + radius), both included.

    Args:
        joints: (B, J, 3) float: x, y, found.
        size: (H, W).
        radius: half side in pixels.

    Returns:
        (B, J, H, W) uint8, 0 or 255, in channels-last format.
    """
    height, width = size
    x, y, found = joints.unbind(-1)  # (B, J)
    across = _near(x, width, radius) * (found > 0)[:, None]  # (B, W, J)
    maps = _near(y, height, radius)[:, :, None] * (across * 255)[:, None]  # (B, H, W, J)
    return maps.permute(0, 3, 1, 2)


def _near(position: Tensor, size: int, radius: float) -> Tensor:
    """(B, J) -> (B, size, J) uint8, 1 within `radius` of the position."""
    pixels = torch.arange(size, device=position.device)[:, None]
    first, last = (position - radius).trunc(), (position + radius).trunc()
    return ((pixels >= first[:, None]) & (pixels <= last[:, None])).byte()

"""From a uint8 batch to the networks' inputs and targets, vectorised on the batch's device.

I_p is 22 planes a sample, so what it costs is the bytes that it moves: they are written in the type
and the memory format that the networks' first convolutions read.

Convention: images are float32 in [-1, 1] (x / 127.5 - 1: mean 0.5, std 0.5 of [0, 1]), masks
float32 in {0, 1}, (B, C, H, W); pixel coordinates are (x, y) from the upper left pixel's centre.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vton_aux.data.labels import WORN_CLOTH
from vton_aux.data.pose import JOINTS
from vton_aux.networks.aligned import compiled_for_gpu, missing_channels

_ONE = 2**22  # PIL's fixed point
PERSON_CHANNELS = 1 + 3 + len(JOINTS)  # of I_p: body shape, head, pose
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
        parse: (B, H, W) uint8 raw LIP labels.
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

    `channels_last`, an attribute, is the memory format of what it gives; False is NCHW.
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
        self.channels_last = True

    def forward(self, batch: Mapping[str, Any]) -> TryOnInputs:
        """Inputs and targets of a batch of `VITONDataset`."""
        photo, parse = batch["person"], batch["parse"]
        height = parse.shape[1]
        shape = body_shape(parse, max(1, self.shape_blur * height // POSE_HEIGHT))
        radius = self.pose_radius * height / POSE_HEIGHT

        def person(keeps: Sequence[int]) -> Tensor:
            return person_maps(shape, photo, label_mask(parse, keeps), batch["joints"], radius)

        gmm_person = person(self.gmm_keeps)
        same = self.tom_keeps == self.gmm_keeps
        worn_mask = label_mask(parse, WORN_CLOTH)
        inputs = TryOnInputs(
            gmm_person=gmm_person,
            tom_person=gmm_person if same else person(self.tom_keeps),
            cloth=to_signed(batch["cloth"]),
            cloth_mask=batch["cloth_mask"].float(),
            image=to_signed(photo),
            worn_cloth=to_signed(on_white(photo, worn_mask)),
            worn_mask=worn_mask.float(),
            parse=parse,
        )
        if self.channels_last:
            return inputs
        return TryOnInputs(*(getattr(inputs, f.name).contiguous() for f in fields(inputs)))


def to_signed(levels: Tensor) -> Tensor:
    """uint8 0..255 -> float32 [-1, 1]."""
    return levels.float().div_(127.5).sub_(1)


def to_unit(image: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1], clipped: the range that metrics and pictures see."""
    return (image.float() * 0.5 + 0.5).clamp(0, 1)


def label_mask(parse: Tensor, labels: Sequence[int]) -> Tensor:
    """(B, H, W) raw labels -> (B, 1, H, W) uint8, 1 where the label is one of `labels`."""
    if torch.compiler.is_compiling():  # a table would come from the CPU at each step
        found = torch.zeros_like(parse, dtype=torch.uint8)
        for label in labels:
            found = found | (parse == label)
        return found[:, None]
    found = _table(tuple(labels), parse.device).index_select(0, parse.flatten().int())
    return found.view(parse.shape)[:, None]


@lru_cache
def _table(labels: tuple[int, ...], device: torch.device) -> Tensor:
    table = torch.zeros(256, dtype=torch.uint8)
    table[list(labels)] = 1
    return table.to(device)


def on_white(photo: Tensor, mask: Tensor) -> Tensor:
    """`photo` (B, 3, H, W) uint8 where `mask` (B, 1, H, W) uint8 is 1, white elsewhere."""
    keep = mask * 255
    if not torch.compiler.is_compiling():  # dense, as `photo` is: broadcasting takes longer
        keep = torch.stack([keep[:, 0]] * photo.shape[1], dim=-1).permute(0, 3, 1, 2)
    return photo | ~keep


def person_maps(
    shape: Tensor, photo: Tensor, keep: Tensor, joints: Tensor, radius: float
) -> Tensor:
    """I_p: (B, 22, H, W) in [-1, 1], in channels-last format, as convolutions want it.

    Under autocast it has the type that autocast would convert it to, bit for bit what it would make
    of float32. Compiled for a GPU it has 24 channels, of which the first 22 count.

    Args:
        shape: (B, 1, H, W) uint8 grey levels, see `body_shape`.
        photo: (B, 3, H, W) uint8 grey levels.
        keep: (B, 1, H, W) uint8, 1 where the photo may be seen.
        joints: (B, 18, 3) float: x, y, found.
        radius: half side of a joint's square in pixels.
    """
    device = shape.device.type
    autocast = torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if autocast else torch.float32
    if device != "cpu":
        return _person_by_pixel(shape, photo, keep, joints, radius).to(dtype)
    count, _, height, width = shape.shape
    grey = 1 + photo.shape[1]
    pixel = torch.full((256, grey + joints.shape[1]), -1, dtype=dtype)  # of each grey level
    pixel[:, 0] = to_signed(torch.arange(256))
    maps = pixel.index_select(0, shape.flatten().int()).view(count, height, width, -1)
    _show(photo, keep, maps[..., 1:grey])
    draw_joints(maps[..., grey:], joints, radius)
    return maps.permute(0, 3, 1, 2)


def _show(photo: Tensor, mask: Tensor, maps: Tensor) -> None:
    """Write `photo` (B, 3, H, W) to `maps` (B, H, W, 3), black until now, where `mask` is 1.

    I_p shows a twelfth of VITON's pixels, so finding them takes less than writing all.
    """
    photo, mask = photo.permute(0, 2, 3, 1), mask.permute(0, 2, 3, 1)
    if torch.compiler.is_compiling():  # how many are found is no size of a compiled map
        maps.copy_(to_signed(photo & mask * 255))
        return
    found = torch.from_numpy(np.flatnonzero(mask.view(torch.bool)))  # torch takes four times that
    levels = photo.reshape(-1, 3).index_select(0, found)
    maps.view(-1, 3).index_copy_(0, found, to_signed(levels).to(maps.dtype))


def _person_by_pixel(
    shape: Tensor, photo: Tensor, keep: Tensor, joints: Tensor, radius: float
) -> Tensor:
    """`person_maps` in float32, each number by itself: compiled, one kernel that writes once.

    Compiled for a GPU, channels follow up to a multiple of 8, which no convolution reads.
    """
    grey = 1 + photo.shape[1]
    channels = grey + joints.shape[1]
    channels += missing_channels(channels, shape.device)
    channel = torch.arange(channels, device=shape.device, dtype=torch.int32)
    shape, photo, keep = (x.permute(0, 2, 3, 1) for x in (shape, photo, keep))
    head = F.pad(photo, (1, channels - grey)) & keep * 255  # (B, H, W, channels)
    levels = torch.where(channel < 1, shape, head)
    bits = joint_bits(joints, (shape.shape[1], shape.shape[2]), radius)[..., None]
    square = torch.where((bits >> (channel - grey).clamp(min=0)) & 1 > 0, 1.0, -1.0)
    return torch.where(channel < grey, to_signed(levels), square).permute(0, 3, 1, 2)


def body_shape(parse: Tensor, blur: int) -> Tensor:
    """The blurred silhouette: parse > 0 shrunk by `blur` and grown again, bilinear.

    (B, H, W) raw labels -> (B, 1, H, W) uint8 grey levels, exactly what PIL's `resize(BILINEAR)`
    makes of it: columns, then rows, each pass rounded to 8 bits.
    """
    height, width = parse.shape[1:]
    small = height // blur, width // blur
    if compiled_for_gpu(parse.device):
        return _grown(_shrunk(parse, small), (height, width))[:, None].byte()
    taps = _taps if torch.compiler.is_compiling() else _kept_taps
    level = parse.clamp(max=1)[:, None].mul_(255)
    for rows, columns in (small, (height, width)):
        level = _to_8_bits(level.double() @ taps(level.shape[3], columns, parse.device).T)
        level = _to_8_bits(taps(level.shape[2], rows, parse.device) @ level.double())
    return level


def _shrunk(parse: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, h, w) int32: `body_shape`'s way down in whole numbers, for a compiler to fuse."""
    height, width = parse.shape[1:]
    rows, columns = (
        (_taps(full, out, parse.device) * _ONE).int()
        for full, out in ((height, size[0]), (width, size[1]))
    )
    level = torch.where(parse > 0, 255, 0).int()
    level = _rounded((level[:, :, None] * columns).sum(3, dtype=torch.int32))  # (B, H, w)
    return _rounded((level[:, None] * rows[:, :, None]).sum(2, dtype=torch.int32))


def _grown(level: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, H, W) int32: `body_shape`'s way up; each pixel mixes two neighbours a side."""
    for dim in (2, 1):
        small, out = level.shape[dim], size[dim - 1]
        taps = (_taps(small, out, level.device) * _ONE).int()  # (out, small)
        place = torch.arange(out, device=level.device)
        left = torch.div((2 * place + 1) * small - out, 2 * out, rounding_mode="floor")
        first, second = left.clamp(min=0), (left + 1).clamp(max=small - 1)
        weights = taps[place, first], torch.where(first < second, taps[place, second], 0)
        parts = [
            level.index_select(dim, i) * (w if dim == 2 else w[:, None])
            for i, w in zip((first, second), weights, strict=True)
        ]
        level = _rounded(parts[0] + parts[1])
    return level


def _rounded(sums: Tensor) -> Tensor:
    """From PIL's fixed point to a grey level."""
    return (sums + _ONE // 2) >> 22


def _to_8_bits(sums: Tensor) -> Tensor:
    return sums.add_(0.5).byte()


def _taps(size: int, out: int, device: torch.device) -> Tensor:
    """(out, size) weights of PIL's bilinear `resize`, in its fixed point; exact in float64."""
    reach = max(size / out, 1.0)
    centre = (torch.arange(out, dtype=torch.float64, device=device) + 0.5) * (size / out)
    place = torch.arange(size, dtype=torch.float64, device=device) + 0.5
    weights = (1 - (place - centre[:, None]).abs() / reach).clamp(min=0)
    weights = weights / weights.sum(1, keepdim=True)
    return (weights * _ONE + 0.5).floor() / _ONE


_kept_taps = lru_cache(_taps)  # a compiler's are no numbers yet, so none is kept


def draw_joints(maps: Tensor, joints: Tensor, radius: float) -> None:
    """Draw each joint that was found as a square of 1 into its map.

    The square covers the pixels from trunc(x - radius) to trunc(x + radius), both included.

    Args:
        maps: (B, H, W, J) float, -1 everywhere.
        joints: (B, J, 3) float: x, y, found.
        radius: half side in pixels.
    """
    count, height, width, _ = maps.shape
    x, y, found = joints.unbind(-1)
    columns, across = _near(x, width, radius)
    rows, down = _near(y, height, radius)
    shown = (found > 0) & across & down
    sample = torch.arange(count, device=maps.device)[:, None, None, None]
    joint = torch.arange(joints.shape[1], device=maps.device)[:, None, None]
    value = torch.where(shown, 1.0, -1.0).to(maps.dtype)[..., None, None]
    maps.index_put_((sample, rows[..., :, None], columns[..., None, :], joint), value)


def joint_bits(joints: Tensor, size: tuple[int, int], radius: float) -> Tensor:
    """The maps that `draw_joints` makes, (B, H, W) int32: bit j is 1 where joint j's is, J < 32."""
    x, y, found = joints[:, None].unbind(-1)  # (B, 1, J) each
    joint = torch.arange(joints.shape[1], device=joints.device, dtype=torch.int32)

    def covered(position: Tensor, count: int) -> Tensor:
        pixel = torch.arange(count, device=joints.device)[:, None]
        first, last = _ends(position, radius)
        near = (pixel >= first) & (pixel <= last) & (found > 0)  # (B, count, J)
        return (near.int() << joint).sum(2, dtype=torch.int32)

    rows, columns = covered(y, size[0]), covered(x, size[1])
    return rows[:, :, None] & columns[:, None]


def _ends(position: Tensor, radius: float) -> tuple[Tensor, Tensor]:
    """The first and the last pixel of a square around `position`."""
    return (position - radius).trunc(), (position + radius).trunc()


def _near(position: Tensor, size: int, radius: float) -> tuple[Tensor, Tensor]:
    """The pixels within `radius` of positions (B, J), and whether there are any.

    (B, J, n) int64 and (B, J) bool. All joints get as many, so some stand twice in their row.
    """
    first, last = _ends(position, radius)
    pixels = first[..., None] + torch.arange(int(2 * radius) + 2, device=position.device)
    pixels = pixels.minimum(last[..., None]).clamp(0, size - 1)
    return pixels.long(), (last >= 0) & (first < size)

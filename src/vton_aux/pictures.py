"""Sheets of pictures: rows of samples under named columns, with PIL and numpy."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from vton_aux.data.labels import LabelSet
from vton_aux.files import whole
from vton_aux.networks.tom import compose
from vton_aux.representation import TryOnInputs, to_unit
from vton_aux.stages.gmm import Warp
from vton_aux.stages.tom import TryOn

UInt8 = npt.NDArray[np.uint8]
Columns = Mapping[str, Sequence[UInt8]]
GAP, HEADER = 6, 22  # pixels


def grey_levels(unit: Tensor) -> Tensor:
    """[0, 1] -> uint8 0..255, rounded."""
    return (unit * 255).round().byte()


def photo(images: Tensor) -> list[UInt8]:
    """(B, 3 or 1, H, W) in [-1, 1] -> B pictures (H, W, 3) uint8."""
    return _pictures(to_unit(images))


def mask_picture(masks: Tensor) -> list[UInt8]:
    """(B, 1, H, W) in [0, 1] -> B pictures (H, W, 3) uint8."""
    return _pictures(masks.float().clamp(0, 1))


def segmentation_picture(classes: Tensor, labels: LabelSet) -> list[UInt8]:
    """(B, H, W) int64 classes of `labels` -> B pictures (H, W, 3) uint8 in the LIP colours."""
    colours = np.array(labels.colours, dtype=np.uint8)
    return list(colours[classes.cpu().numpy()])


def pasted(warp: Warp, image: Tensor) -> Tensor:
    """The warped cloth pasted on the photo, as in Figure 2; (B, 3, H, W) in [-1, 1]."""
    return compose(warp.cloth, image, (warp.mask > 0.5).float())


def gmm_columns(inputs: TryOnInputs, warp: Warp) -> dict[str, list[UInt8]]:
    """What there is to see of a warp."""
    return {
        "person": photo(inputs.image),
        "shop cloth": photo(inputs.cloth),
        "worn cloth": photo(inputs.worn_cloth),
        "warped cloth": photo(warp.cloth),
        "pasted": photo(pasted(warp, inputs.image)),
    }


def tom_columns(inputs: TryOnInputs, result: TryOn) -> dict[str, list[UInt8]]:
    """What there is to see of a try-on."""
    return {
        "person": photo(inputs.image),
        "shop cloth": photo(inputs.cloth),
        "warped cloth": photo(result.warp.cloth),
        "pasted": photo(pasted(result.warp, inputs.image)),
        "rendered": photo(result.rendered),
        "mask": mask_picture(result.mask),
        "try-on": photo(result.image),
    }


def sheet(columns: Columns) -> Image.Image:
    """One picture: a header over each column, a row a sample.

    Raises:
        ValueError: the columns have different lengths or no rows.
    """
    names = list(columns)
    rows = list(zip(*columns.values(), strict=True))
    if not rows:
        raise ValueError("a sheet needs at least one row")
    height, width = rows[0][0].shape[:2]
    canvas = Image.new(
        "RGB",
        (GAP + len(names) * (width + GAP), HEADER + len(rows) * (height + GAP)),
        "white",
    )
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    for column, name in enumerate(names):
        left = GAP + column * (width + GAP)
        draw.text((left + width / 2, HEADER / 2), name, fill="black", font=font, anchor="mm")
        for row, pictures in enumerate(rows):
            canvas.paste(Image.fromarray(pictures[column]), (left, HEADER + row * (height + GAP)))
    return canvas


def save_png(image: Image.Image, path: Path) -> None:
    """Write `path` whole or not at all."""
    with whole(path) as part:
        image.save(part, format="PNG", compress_level=1)  # larger, but much sooner


def _pictures(unit: Tensor) -> list[UInt8]:
    levels = grey_levels(unit.detach()).expand(-1, 3, -1, -1)
    return list(levels.permute(0, 2, 3, 1).cpu().numpy())

"""One pair's files as one sample of uint8 images, an index map and joints."""

import warnings
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from scipy import ndimage

from vton_aux.data.layout import SampleFiles
from vton_aux.data.pose import read_pose
from vton_aux.errors import UserError

UInt8 = npt.NDArray[np.uint8]
MASK_THRESHOLD = 128  # cloth masks are JPEGs: their edges are noise
_JPEG = b"\xff\xd8"


class Person(TypedDict):
    """A person's photo, parse and joints, at the size asked for; channels last.

    person: (H, W, 3) uint8 RGB. parse: (H, W) uint8 raw LIP labels. joints: (18, 3) float32,
    x and y in pixels of the (H, W) frame and 1 where found, else 0.
    """

    person: UInt8
    parse: UInt8
    joints: npt.NDArray[np.float32]


class Cloth(TypedDict):
    """A shop cloth. cloth: (H, W, 3) uint8 RGB. cloth_mask: (H, W) uint8, 0 or 1."""

    cloth: UInt8
    cloth_mask: UInt8


class Sample(Person, Cloth):
    """What a pair's files hold: a person and a cloth."""


def read_sample(files: SampleFiles, size: tuple[int, int], raw_labels: int) -> Sample:
    """Read a pair at `size` = (height, width).

    Photos are resized by area when they shrink and bilinearly when they grow, labels by nearest
    neighbour, joints with the image.

    Raises:
        UserError: a file is missing, broken or does not fit the others; the message names it.
    """
    return Sample(**read_person(files, size, raw_labels), **read_cloth(files, size))


def read_person(files: SampleFiles, size: tuple[int, int], raw_labels: int) -> Person:
    """The person of a pair, as `read_sample` reads it."""
    person = read_photo(files.image)
    parse = read_parse(files.parse, raw_labels)
    if parse.shape != person.shape[:2]:
        raise UserError(
            f"{files.parse}: the parse is {_size(parse)} but {files.image.name} is {_size(person)}"
        )
    joints = read_pose(files.pose)
    joints[:, :2] *= np.array(
        [size[1] / person.shape[1], size[0] / person.shape[0]], dtype=np.float32
    )
    return Person(
        person=resize_photo(person, size), parse=_resize_labels(parse, size), joints=joints
    )


def read_cloth(files: SampleFiles, size: tuple[int, int]) -> Cloth:
    """The cloth of a pair, as `read_sample` reads it."""
    cloth = read_photo(files.cloth)
    mask = plain_background_mask(cloth) if files.cloth_mask is None else read_mask(files.cloth_mask)
    if mask.shape != cloth.shape[:2]:
        raise UserError(
            f"{files.cloth_mask}: the mask is {_size(mask)} but {files.cloth.name} is "
            f"{_size(cloth)}"
        )
    return Cloth(
        cloth=resize_photo(cloth, size),
        cloth_mask=(resize_photo(mask, size) >= MASK_THRESHOLD).astype(np.uint8),
    )


def stacked(samples: Sequence[Sample]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of `Sample`, each with a batch dimension in front."""
    columns: list[dict[str, Any]] = [dict(sample) for sample in samples]
    return {name: np.stack([c[name] for c in columns]) for name in Sample.__annotations__}


def read_photo(path: Path) -> UInt8:
    """(H, W, 3) uint8 RGB; what is transparent shows white, the shop's background.

    Raises:
        UserError: the file is missing, cut short or not an image.
    """
    data = _read(path)
    photo = _decode(path, data, cv2.IMREAD_COLOR_RGB)
    if not data.startswith(_JPEG):
        # a format that Pillow does not know has no transparency either
        with suppress(UnidentifiedImageError), Image.open(BytesIO(data)) as image:
            if image.has_transparency_data:
                white = Image.new("RGBA", image.size, "white")
                return np.array(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"))
    return photo


def read_mask(path: Path) -> UInt8:
    """(H, W) uint8 grey levels of a mask image.

    Raises:
        UserError: the file is missing, cut short, not an image, or white is not 255 in it.
    """
    mask = _decode(path, _read(path), cv2.IMREAD_GRAYSCALE)
    if 0 < mask.max(initial=0) < MASK_THRESHOLD:
        raise UserError(
            f"{path}: its brightest pixel is {mask.max()}; a mask is 255 on the cloth and 0 beside"
        )
    return mask


def read_parse(path: Path, raw_labels: int) -> UInt8:
    """(H, W) uint8 label indices, 0 <= index < `raw_labels`.

    Raises:
        UserError: the file is missing or broken, is a picture of colours instead of indices, or
            holds labels outside the set.
    """
    try:
        with Image.open(path) as image:
            mode, parse = image.mode, np.array(image)
    except FileNotFoundError:
        raise UserError(f"{path}: the parse is missing") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: the parse cannot be read ({error})") from None
    if mode not in ("P", "L"):
        raise UserError(
            f"{path}: a {mode} image; a parse must hold label indices (palette or 8-bit grey PNG)"
        )
    if parse.max(initial=0) >= raw_labels:
        raise UserError(
            f"{path}: label {parse.max()} lies outside 0..{raw_labels - 1}; choose the label set "
            "that fits (labels=lip_neck knows 20) or convert the parse to LIP labels"
        )
    return parse


def plain_background_mask(cloth: UInt8, tolerance: int = 12) -> UInt8:
    """The mask of a shop cloth on a plain background, (H, W) uint8, 0 or 255.

    The background is what connects to the border within `tolerance` grey levels of the border's
    median colour; holes inside the cloth belong to the cloth. A white cloth on white is lost in it:
    give its mask.
    """
    border = np.concatenate([cloth[0], cloth[-1], cloth[:, 0], cloth[:, -1]])
    distance = np.abs(cloth.astype(np.int16) - np.median(border, axis=0)).max(axis=2)
    regions, _ = ndimage.label(distance <= tolerance)
    edge = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    background = np.isin(regions, np.unique(edge[edge > 0]))
    mask = ndimage.binary_opening(~background, iterations=1)
    return (mask * 255).astype(np.uint8)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: the file is missing") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _decode(path: Path, data: bytes, mode: int) -> UInt8:
    if not _is_whole(data):
        raise UserError(f"{path}: the image is cut short; fetch the file again")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None
    if image is None:
        raise UserError(f"{path}: not an image that OpenCV can read")
    return image.astype(np.uint8, copy=False)


def _is_whole(data: bytes) -> bool:
    """Whether a JPEG or PNG has its end mark: OpenCV fills up in silence what was cut short."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data
    if not data.startswith(_JPEG):
        return True
    place = 2
    while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] != b"\xda":
        # a segment ahead of the picture; a thumbnail in one has an end mark of its own
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return data.find(b"\xff\xd9", place) >= 0


def resize_photo(image: UInt8, size: tuple[int, int]) -> UInt8:
    """`image` (H, W) or (H, W, C) at `size` (height, width), as photos and cloths are resized."""
    if image.shape[:2] == size:
        return image
    method = cv2.INTER_AREA if size[0] < image.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(image, size[::-1], interpolation=method).astype(np.uint8, copy=False)


def warn_of_other_shape(photo: Path, size: tuple[int, int]) -> None:
    """Warn where the photo's sides have another ratio than those of `size` (height, width)."""
    height, width = read_photo(photo).shape[:2]
    if height * size[1] != width * size[0]:
        warnings.warn(
            f"{photo}: {height}x{width} is stretched to {size[0]}x{size[1]}, which has another "
            "ratio of the sides",
            stacklevel=2,
        )


def _resize_labels(parse: UInt8, size: tuple[int, int]) -> UInt8:
    if parse.shape == size:
        return parse
    nearest = cv2.INTER_NEAREST_EXACT
    return cv2.resize(parse, size[::-1], interpolation=nearest).astype(np.uint8, copy=False)


def _size(image: UInt8) -> str:
    return f"{image.shape[1]}x{image.shape[0]} (width x height)"

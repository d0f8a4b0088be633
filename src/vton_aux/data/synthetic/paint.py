"""Canvas: antialiased layers with smooth shading, and the label map painted along."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vton_aux.data.synthetic.geometry import RGB, Float32, Frame, Points, UInt8

_COARSE = 4  # shading varies slowly: it is computed on every fourth canvas pixel
_SHIFT = 4  # fractional bits of polygon corners


@dataclass(frozen=True)
class Patch:
    """Coverage (h, w) uint8 0..255 of a shape, with its corner (x, y) on the canvas."""

    x: int
    y: int
    alpha: UInt8

    @property
    def coarse_size(self) -> tuple[int, int]:
        """(width, height) of the patch's shading grid."""
        height, width = self.alpha.shape
        return max(1, width // _COARSE), max(1, height // _COARSE)


def coarse(alpha: UInt8, size: tuple[int, int]) -> Float32:
    """`alpha` shrunk to the shading grid of `size` (width, height), float32 in [0, 1]."""
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def tone(base: RGB, dark: RGB, light: RGB, shade: Float32) -> UInt8:
    """Colours (h, w, 3) uint8 from `dark` at shade -1 over `base` at 0 to `light` at 1."""
    middle, low, high = (np.array(colour, np.float32) for colour in (base, dark, light))
    below = np.minimum(np.maximum(-shade, 0), 1)[..., None] * (low - middle)
    above = np.minimum(np.maximum(shade, 0), 1)[..., None] * (high - middle)
    return np.asarray(middle + below + above).astype(np.uint8)


def scaled(colour: RGB, factor: float | Sequence[float]) -> RGB:
    """`colour` times `factor`, clipped to 0..255."""
    factors = (factor,) * 3 if isinstance(factor, (int, float)) else factor
    red, green, blue = (min(255, int(c * f)) for c, f in zip(colour, factors, strict=True))
    return red, green, blue


def solid(size: tuple[int, int], colour: RGB) -> UInt8:
    """An image of `size` (height, width) in one colour, (H, W, 3) uint8."""
    pixels = np.empty((*size, 3), np.uint8)
    cv2.rectangle(pixels, (0, 0), size[::-1], colour, cv2.FILLED)
    return pixels


def mixed(first: RGB, second: RGB, share: float) -> RGB:
    """`first` with a `share` of `second` in [0, 1]."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


class Canvas:
    """A supersampled RGB picture and its label map.

    Attributes:
        frame: where the reference frame lies.
        rgb: (H, W, 3) uint8, `SUPERSAMPLING` times the picture.
        labels: (H, W) uint8, LIP labels.
    """

    def __init__(self, frame: Frame, background: UInt8) -> None:
        self.frame = frame
        self.rgb = background
        self.labels: UInt8 = np.zeros(frame.canvas, np.uint8)

    def patch(self, *outlines: Points) -> Patch:
        """The union of closed outlines given in reference units."""
        corners = [self.frame.to_canvas(outline) for outline in outlines]
        x0, y0, x1, y1 = self._window(np.vstack(corners))
        alpha = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for polygon in corners:
            fixed = np.round((polygon - (x0, y0)) * 2**_SHIFT).astype(np.int32)
            cv2.fillPoly(alpha, [fixed], (255,), cv2.LINE_AA, _SHIFT)
        return Patch(x0, y0, alpha)

    def _window(self, points: Points) -> tuple[int, int, int, int]:
        height, width = self.frame.canvas
        (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
        x0 = min(max(int(left) - 2, 0), width - 1)
        y0 = min(max(int(top) - 2, 0), height - 1)
        x1 = min(max(int(right) + 3, x0 + 1), width)
        y1 = min(max(int(bottom) + 3, y0 + 1), height)
        return x0, y0, x1, y1

    def shade(self, patch: Patch, depth: float, light: int) -> Float32:
        """Shading of `patch` as if it were rounded, float32 in about [-1, 1] on its coarse grid.

        `depth` is how far the rounding reaches inwards, in reference units; `light` is -1 for
        light from the left and 1 for light from the right.
        """
        reach = depth * self.frame.zoom / _COARSE
        margin = int(np.ceil(2 * reach)) + 1
        flat = cv2.copyMakeBorder(
            coarse(patch.alpha, patch.coarse_size), *4 * (margin,), cv2.BORDER_CONSTANT, value=0.0
        )
        # what touches the lower edge of the picture goes on below it
        if patch.y + patch.alpha.shape[0] >= self.rgb.shape[0]:
            flat[-margin:] = flat[-margin - 1]
        soft = np.asarray(cv2.GaussianBlur(flat, (0, 0), max(reach, 0.4)), np.float32)
        step = max(1, round(reach * 0.8))
        columns, rows = patch.coarse_size

        def moved(dx: int, dy: int) -> Float32:
            y, x = margin + dy, margin + dx
            return soft[y : y + rows, x : x + columns]

        side = light * (moved(-step, 0) - moved(step, 0))
        above = moved(0, step) - moved(0, -step)
        edge = np.minimum(moved(0, 0) - 0.85, 0)
        return np.asarray(1.3 * edge + 0.65 * side + 0.3 * above, np.float32)

    def paint(
        self,
        patch: Patch,
        pixels: UInt8 | RGB,
        label: int | None = None,
        opacity: float = 1.0,
    ) -> None:
        """Lay `pixels` (one colour, or an image stretched over the patch) over the canvas."""
        height, width = patch.alpha.shape
        window = np.s_[patch.y : patch.y + height, patch.x : patch.x + width]
        below = self.rgb[window]
        if isinstance(pixels, tuple):
            above = solid((height, width), pixels)
        else:
            above = self.stretched(pixels, patch)
        weight = cv2.cvtColor(cv2.convertScaleAbs(patch.alpha, alpha=opacity), cv2.COLOR_GRAY2RGB)
        shown = cv2.multiply(above, weight, scale=1 / 255)
        kept = cv2.multiply(below, cv2.bitwise_not(weight), scale=1 / 255)
        below[...] = cv2.add(shown, kept)
        if label is not None:
            self.mark(patch, label)

    def mark(self, patch: Patch, label: int) -> None:
        """Label what `patch` covers."""
        height, width = patch.alpha.shape
        window = self.labels[patch.y : patch.y + height, patch.x : patch.x + width]
        np.copyto(window, np.uint8(label), where=patch.alpha >= 128)

    def stretched(self, pixels: UInt8, patch: Patch) -> UInt8:
        """`pixels` resized to the patch."""
        height, width = patch.alpha.shape
        if pixels.shape[:2] == (height, width):
            return pixels
        return np.asarray(cv2.resize(pixels, (width, height)), np.uint8)

    def shadow(
        self,
        patch: Patch,
        colour: RGB,
        opacity: float,
        blur: float,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Soft shadow of `patch`: `blur` (standard deviation) and `shift` in reference units."""
        unit = self.frame.zoom / _COARSE
        margin = int(np.ceil(2.5 * blur * unit)) + 1
        flat = coarse(patch.alpha, patch.coarse_size)
        padded = cv2.copyMakeBorder(flat, *4 * (margin,), cv2.BORDER_CONSTANT, value=0.0)
        soft = cv2.GaussianBlur(padded, (0, 0), max(blur * unit, 0.4))
        height, width = self.frame.canvas
        x0 = patch.x - margin * _COARSE + round(shift[0] * self.frame.zoom)
        y0 = patch.y - margin * _COARSE + round(shift[1] * self.frame.zoom)
        large = cv2.resize(soft * 255, (soft.shape[1] * _COARSE, soft.shape[0] * _COARSE))
        left, top = max(-x0, 0), max(-y0, 0)
        alpha = large[top : height - y0, left : width - x0].astype(np.uint8)
        if alpha.size:
            self.paint(Patch(x0 + left, y0 + top, alpha), colour, opacity=opacity)

    def line(self, points: npt.ArrayLike, colour: RGB, width: float) -> None:
        """Antialiased open polyline through reference points, `width` reference units thick."""
        fixed = np.round(self.frame.to_canvas(points) * 2**_SHIFT).astype(np.int32)
        thickness = self.frame.thick(width)
        cv2.polylines(self.rgb, [fixed], False, colour, thickness, cv2.LINE_AA, _SHIFT)

    def fill(self, outline: npt.ArrayLike, colour: RGB) -> None:
        """Antialiased filled polygon in one flat colour, without a label."""
        fixed = np.round(self.frame.to_canvas(outline) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(self.rgb, [fixed], colour, cv2.LINE_AA, _SHIFT)

    def disc(self, centre: npt.ArrayLike, radius: float, colour: RGB) -> None:
        """Antialiased filled circle, without a label."""
        x, y = np.round(self.frame.to_canvas(centre) * 2**_SHIFT).astype(int)
        fixed = max(1, round(radius * self.frame.zoom * 2**_SHIFT))
        cv2.circle(self.rgb, (int(x), int(y)), fixed, colour, -1, cv2.LINE_AA, _SHIFT)

    def picture(self) -> UInt8:
        """(height, width, 3) uint8 RGB at the size of the picture."""
        size = (self.frame.width, self.frame.height)
        return np.asarray(cv2.resize(self.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)

    def label_map(self) -> UInt8:
        """(height, width) uint8 labels at the size of the picture, never mixed."""
        size = (self.frame.width, self.frame.height)
        nearest = cv2.INTER_NEAREST_EXACT
        return np.asarray(cv2.resize(self.labels, size, interpolation=nearest), np.uint8)


def lit(pixels: UInt8, shade: Float32, strength: float) -> UInt8:
    """`pixels` (h, w, 3) brightened by up to `strength` where the coarse `shade` is 1."""
    neutral = 160
    gain = np.minimum(np.maximum(neutral * (1 + strength * shade), 0), 255).astype(np.uint8)
    size = (pixels.shape[1], pixels.shape[0])
    large = cv2.cvtColor(cv2.resize(gain, size), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.multiply(pixels, large, scale=1 / neutral), np.uint8)

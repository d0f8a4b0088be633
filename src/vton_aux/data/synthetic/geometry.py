"""Frame, smooth curves, tapered limbs and the thin-plate spline.

Everything is laid out in a reference frame 192 wide and 256 high (VITON's own pixels), so a data
set of another size shows the same pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import RBFInterpolator

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
RGB = tuple[int, int, int]

REFERENCE = (256, 192)
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Frame:
    """Where the reference frame lies in a picture of `height` x `width` pixels.

    The reference frame is fitted whole into the picture, centred across; a person stands on the
    bottom edge (`bottom`), a shop garment hangs in the middle.
    """

    height: int
    width: int
    bottom: bool = True

    @cached_property
    def scale(self) -> float:
        """Pixels of the picture a reference unit."""
        return min(self.height / REFERENCE[0], self.width / REFERENCE[1])

    @property
    def zoom(self) -> float:
        """Pixels of the supersampled canvas a reference unit."""
        return SUPERSAMPLING * self.scale

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of the supersampled canvas."""
        return SUPERSAMPLING * self.height, SUPERSAMPLING * self.width

    @cached_property
    def _origin(self) -> Points:
        left = (self.width - REFERENCE[1] * self.scale) / 2
        top = self.height - REFERENCE[0] * self.scale
        return np.array([left, top if self.bottom else top / 2])

    def to_pixels(self, points: npt.ArrayLike) -> Points:
        """Reference points (n, 2) as pixel indices (x, y) of the picture."""
        return np.asarray(points, np.float64) * self.scale + (self._origin - 0.5)

    def to_canvas(self, points: npt.ArrayLike) -> Points:
        """Reference points (n, 2) as pixel indices (x, y) of the supersampled canvas."""
        return np.asarray(points, np.float64) * self.zoom + (SUPERSAMPLING * self._origin - 0.5)

    def thick(self, width: float) -> int:
        """A line width in reference units as whole canvas pixels, at least 1."""
        return max(1, round(width * self.zoom))


@lru_cache
def _catmull_rom(samples: int) -> Points:
    """Weights (samples, 4) of four successive points along the piece between the middle two."""
    t = np.arange(samples)[:, None] / samples
    powers = np.hstack([np.ones_like(t), t, t**2, t**3])
    basis = [[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]
    return powers @ (0.5 * np.array(basis))


def _curve(padded: Points, samples: int) -> Points:
    """Curve through all but the first and the last two of `padded`."""
    n = len(padded) - 3
    quads = padded[np.arange(n)[:, None] + np.arange(4)]
    return np.asarray(_catmull_rom(samples) @ quads).reshape(-1, 2)


def closed_curve(points: npt.ArrayLike, samples: int = 6) -> Points:
    """Closed Catmull-Rom curve through `points` (n, 2): (n * samples, 2)."""
    p = np.asarray(points, np.float64)
    return _curve(np.concatenate([p[-1:], p, p[:2]]), samples)


def open_curve(points: npt.ArrayLike, samples: int = 6) -> Points:
    """Open Catmull-Rom curve through `points` (n, 2): ((n - 1) * samples + 1, 2)."""
    p = np.asarray(points, np.float64)
    padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    return np.concatenate([_curve(padded, samples), p[-1:]])


def mirrored(half: npt.ArrayLike) -> Points:
    """A left-right symmetric outline from its right half, listed from the top to the bottom."""
    right = np.asarray(half, np.float64)
    return np.vstack([right, right[::-1] * [-1, 1]])


def rotated(points: npt.ArrayLike, degrees: float, about: npt.ArrayLike = (0.0, 0.0)) -> Points:
    """`points` (n, 2) turned clockwise as seen (y points down) by `degrees` around `about`."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = np.asarray(about, np.float64)
    return np.asarray((np.asarray(points, np.float64) - centre) @ turn + centre)


def moved(points: Points, x: float, y: float) -> Points:
    """`points` (n, 2) or (2,) shifted by (x, y)."""
    return np.asarray(points + np.array([x, y]))


def unit(vector: Points) -> Points:
    """`vector` scaled to length 1."""
    return np.asarray(vector / max(float(np.hypot(*vector)), 1e-9))


_ALONG = np.linspace(0, 1, 10)
_CAP = np.linspace(np.pi / 2, -np.pi / 2, 9)[1:-1, None]
_CAP_SIN, _CAP_COS = np.sin(_CAP), np.cos(_CAP)


def limb(start: Points, end: Points, radii: Sequence[float]) -> Points:
    """Outline of a tapered limb with round ends.

    `radii` are the half widths at even distances from `start` to `end`.
    """
    along = unit(end - start)
    across = np.array([-along[1], along[0]])
    radius = np.interp(_ALONG * (len(radii) - 1), np.arange(len(radii)), radii)[:, None]
    axis = start + _ALONG[:, None] * (end - start)
    cap = _CAP_SIN * across + _CAP_COS * along
    return np.concatenate(
        [
            axis + radius * across,
            end + radii[-1] * cap,
            (axis - radius * across)[::-1],
            start - radii[0] * cap,
        ]
    )


def thin_plate(source: Points, target: Points, x: int, y: int, width: int, height: int) -> Float32:
    """Where the thin-plate spline from `source` (n, 2) to `target` takes the pixels of a window.

    (height, width, 2) float32, evaluated at every 12th pixel and interpolated in between.
    """
    step = 12
    columns, rows = width // step + 3, height // step + 3
    xs = x + (np.arange(columns) - 0.5) * step - 0.5
    ys = y + (np.arange(rows) - 0.5) * step - 0.5
    places = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    coarse = RBFInterpolator(source, target, kernel="thin_plate_spline")(places).astype(np.float32)
    size = (columns * step, rows * step)
    fine = cv2.resize(coarse.reshape(rows, columns, 2), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine[step : step + height, step : step + width], np.float32)

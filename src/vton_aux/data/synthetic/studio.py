"""The studio: a wall that is not flat, and the noise of the camera."""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from vton_aux.data.synthetic.geometry import Frame, Points, UInt8, moved
from vton_aux.data.synthetic.person import Person

_STEP = 4  # canvas pixels of a cell of the wall's grid
_SHADOW = 0.13
# 256 equally likely grey levels, normal with a standard deviation of 1.2
_NOISE = np.rint(1.2 * ndtri((np.arange(256) + 0.5) / 256)).astype(np.int16)


def wall(frame: Frame, person: Person, silhouette: list[Points]) -> UInt8:
    """The wall over the canvas: a gradient, a vignette, and the soft shadow of `silhouette`."""
    rng = np.random.default_rng((*person.seed, 1))
    height, width = frame.canvas
    rows, columns = -(-height // _STEP), -(-width // _STEP)
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)[None]
    slope = rng.uniform(0.015, 0.05)
    light = 1 + slope * person.light * x - rng.uniform(0, 0.035) * y
    glow = np.exp(-((x - 0.3 * person.light) ** 2) / 0.9) * np.exp(-((y + 0.3) ** 2) / 0.9)
    light += rng.uniform(0.0, 0.05) * (glow - 0.4)
    corner = x**2 + y**2
    light -= rng.uniform(0.01, 0.06) * corner * np.sqrt(corner) / 2.8
    light *= 1 - _SHADOW * _soft(frame, person, silhouette, (rows, columns))
    tint = np.array([1, 0.4, -1]) * rng.uniform(-0.012, 0.012)
    colours = np.array(person.wall) * (light[..., None] + tint * y[..., None])
    small = np.minimum(colours, 255).astype(np.uint8)
    return np.asarray(cv2.resize(small, (width, height)), np.uint8)


def _soft(
    frame: Frame, person: Person, silhouette: list[Points], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """The blurred and shifted silhouette on the wall's grid, float32 in [0, 1]."""
    mask = np.zeros(size, np.float32)
    for outline in silhouette:
        shifted = frame.to_canvas(moved(outline, -9.0 * person.light, 5.0)) / _STEP
        cv2.fillPoly(mask, [np.round(shifted).astype(np.int32)], 1.0)
    soft = cv2.GaussianBlur(mask, (0, 0), max(9.0 * frame.zoom / _STEP, 0.4))
    return np.asarray(soft, np.float32)


def grain(picture: UInt8, person: Person) -> UInt8:
    """`picture` with the camera's noise."""
    rng = np.random.default_rng((*person.seed, 2))
    noise = _NOISE[rng.integers(256, size=picture.shape[:2], dtype=np.uint8)]
    return np.asarray(cv2.add(picture, cv2.merge([noise] * 3), dtype=cv2.CV_8U), np.uint8)

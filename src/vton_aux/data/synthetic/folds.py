"""Soft folds of the worn garment: drawn by the body's pose, whatever the garment."""

import cv2
import numpy as np

from vton_aux.data.synthetic.body import Body
from vton_aux.data.synthetic.geometry import Float32, Frame
from vton_aux.data.synthetic.paint import Patch

# of one side of the bust: y, half axes and shading of the light above and the shade below
_BUST = ((36.0, (10.0, 6.0), 0.35), (52.0, (10.0, 2.2), -0.55))


def torso_folds(body: Body, patch: Patch, frame: Frame) -> Float32:
    """Shading of the front's folds on the shading grid of `patch`, float32 around 0."""
    width, height = patch.coarse_size
    ratio = np.array([width / patch.alpha.shape[1], height / patch.alpha.shape[0]])
    unit = frame.zoom * float(ratio[0])
    corner = np.array([patch.x, patch.y])
    lines = _fold_lines(np.random.default_rng((*body.person.seed, 4)))
    centres = np.array([(15.0 * side, y) for side in (-1, 1) for y, _, _ in _BUST])
    points = body.at(np.vstack([*(ends for ends, _ in lines), centres]))
    placed = (frame.to_canvas(points) - corner) * ratio

    folds = np.zeros((height, width), np.float32)
    thickness = max(1, round(1.6 * unit))
    # a fold is a dark line with a light one beside it, towards the light
    for offset, sign in ((0.0, -1.0), (2.6 * body.person.light, 0.8)):
        ends = np.round(placed + np.array([offset * unit, 0])).astype(int).tolist()
        for k, (_, depth) in enumerate(lines):
            cv2.line(folds, ends[2 * k], ends[2 * k + 1], sign * depth, thickness)
    bust = np.zeros((height, width), np.float32)
    spots = np.round(placed[2 * len(lines) :]).astype(int).tolist()
    for spot, (_, axes, shade) in zip(spots, _BUST * 2, strict=True):
        whole = [max(1, round(axis * unit)) for axis in axes]
        cv2.ellipse(bust, spot, whole, 0, 0, 360, shade, -1)
    soft = cv2.GaussianBlur(folds, (0, 0), max(2.4 * unit, 0.4))
    bust = np.asarray(cv2.GaussianBlur(bust, (0, 0), max(4.5 * unit, 0.4)), np.float32)
    return np.asarray(1.6 * soft + bust, np.float32)


def _fold_lines(rng: np.random.Generator) -> list[tuple[list[tuple[float, float]], float]]:
    """Ends, in torso coordinates, and depths of the folds."""
    lines = []
    for side in (-1, 1):
        for _ in range(2):  # from the armpit to the bust
            y = rng.uniform(22, 34)
            end = (rng.uniform(12, 22) * side, y + rng.uniform(6, 16))
            lines.append(([(35.0 * side, y), end], 0.5))
        for _ in range(rng.integers(1, 4)):  # where the waist bends
            y = rng.uniform(72, 104)
            end = (rng.uniform(8, 20) * side, y + rng.uniform(-4, 14))
            lines.append(([(34.0 * side, y), end], 0.55))
        x = rng.uniform(10, 20) * side  # hanging from the bust
        end = (x * rng.uniform(0.8, 1.5), rng.uniform(88, 116))
        lines.append(([(x, rng.uniform(52, 62)), end], 0.4))
    return lines

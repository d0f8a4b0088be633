"""Patterns, prints and trimmings of a garment's cloth, drawn on the flat garment."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from vton_aux.data.synthetic.garment import FlatCut, Garment
from vton_aux.data.synthetic.geometry import RGB, Float32, Points, UInt8, closed_curve, moved
from vton_aux.data.synthetic.paint import Canvas, mixed, scaled, solid

_WORDS = ("HELLO", "OSLO", "NOVA", "AMOUR", "RIO", "MUSE", "SOL", "BLOOM", "1984", "KYOTO")
_FONT = cv2.FONT_HERSHEY_DUPLEX
_AROUND = np.linspace(0, 2 * np.pi, 28, endpoint=False)


def cloth(garment: Garment, colour: RGB, size: tuple[int, int], zoom: float) -> UInt8:
    """The bare pattern of a garment over a canvas of `size` (height, width): uint8 RGB.

    `zoom` is canvas pixels a unit of the cut.
    """
    if not garment.is_patterned:
        return solid(size, colour)
    period = max(3, round(garment.pitch * zoom))
    if garment.pattern == "stripes":
        tile = _stripe(period, 0.5 if garment.pitch < 11 else 0.3)[:, None]
    elif garment.pattern == "checks":
        stripe = _stripe(period, 0.5)
        tile = 0.5 * (stripe[:, None] + stripe[None])
    else:
        tile = _dots(max(6, period))
    weight = tile[..., None]
    pixels = np.array(colour) * (1 - weight) + np.array(garment.second) * weight
    repeats = (-(-size[0] // tile.shape[0]), -(-size[1] // tile.shape[1]), 1)
    tiled = np.tile(pixels.astype(np.uint8), repeats)
    return np.ascontiguousarray(tiled[: size[0], : size[1]])


def _stripe(period: int, share: float) -> Float32:
    distance = np.abs(np.arange(period) + 0.5 - period / 2)
    return np.asarray(np.clip(share * period / 2 - distance + 0.5, 0, 1), np.float32)


def _dots(period: int) -> Float32:
    y, x = np.mgrid[:period, :period] + 0.5
    weight = np.zeros((period, period))
    for cx, cy in ((0.25, 0.25), (0.75, 0.75)):
        distance = np.hypot(x - cx * period, y - cy * period)
        weight = np.maximum(weight, np.clip(period * 0.17 - distance + 0.5, 0, 1))
    return weight.astype(np.float32)


def decorate(canvas: Canvas, cut: FlatCut, place: Callable[[Points], Points]) -> None:
    """Draw print, placket, pocket, collar and hem onto the front's cloth in `canvas`.

    `place` takes cut coordinates to the canvas's reference frame.
    """
    garment = cut.garment
    unit = float(place(np.array([[0.0, 0], [1, 0]]))[:, 0] @ (-1, 1))
    if garment.pattern == "print":
        middle = place(np.array([[0, 0.5 * max(garment.neck_depth, 4) + 36]]))[0]
        _print(canvas, garment, middle, 17 * unit)
    dark = scaled(garment.colour, 0.8)
    half = cut.neckline
    neckline = np.vstack([half[::-1] * (-1, 1), half[1:]])
    hem = cut.hem - (0, 4)
    if garment.placket:
        y = np.linspace(garment.neck_depth + 5, garment.length - 8, 7)
        for x in (-3.2, 3.2):
            ends = [(x, garment.neck_depth - 2), (x, garment.length + 4)]
            canvas.line(place(np.array(ends)), dark, 0.7)
        for centre in place(np.column_stack([0 * y, y])):
            canvas.disc(centre, 1.5 * unit, mixed(garment.trim, (255, 255, 255), 0.55))
            canvas.disc(centre, 0.6 * unit, dark)
    if garment.pocket:
        pocket = np.array([(12, 34), (28, 34), (28, 48), (20, 53), (12, 48), (12, 34)])
        canvas.line(place(pocket), dark, 0.8)
        canvas.line(place(moved(pocket[:2], 0, 2.5)), dark, 0.8)
    canvas.line(place(neckline), garment.trim, 6.0 * unit)
    canvas.line(place(neckline), scaled(garment.trim, 0.92), 1.2)
    canvas.line(place(np.vstack([hem, hem[::-1] * (-1, 1)])), dark, 0.7)


def _print(canvas: Canvas, garment: Garment, middle: Points, size: float) -> None:
    kind, choice = garment.motif % 8, garment.motif // 8
    ink = garment.second
    accent = mixed(ink, ((242, 176, 74), (232, 98, 88), (96, 176, 178))[choice % 3], 0.75)

    def on(points: Points) -> Points:
        return middle + size * points

    circle = np.column_stack([np.cos(_AROUND), np.sin(_AROUND)])
    if kind == 0:  # heart
        s, c = np.sin(_AROUND), np.cos(_AROUND)
        bumps = 13 * c - 5 * np.cos(2 * _AROUND) - 2 * np.cos(3 * _AROUND) - np.cos(4 * _AROUND)
        heart = np.column_stack([16 * s**3, -bumps]) / 18
        canvas.fill(on(heart), ink)
        canvas.fill(on(heart * 0.62), accent)
    elif kind == 1:  # star
        turn = np.arange(10) * np.pi / 5
        radius = np.where(np.arange(10) % 2 == 0, 1.1, 0.46)
        star = np.column_stack([radius * np.sin(turn), -radius * np.cos(turn)])
        canvas.fill(on(star), ink)
    elif kind == 2:  # setting sun behind waves
        canvas.fill(on(circle * 0.95), accent)
        x = np.linspace(-1.25, 1.25, 25)
        for row in range(3):
            y = 0.25 + 0.32 * row + 0.09 * np.sin(6 * x + row)
            canvas.line(on(np.column_stack([x, y])), ink, 0.14 * size)
    elif kind == 3:  # mountains
        canvas.disc(on(np.array([0.5, -0.55])), 0.3 * size, accent)
        canvas.fill(on(np.array([(-1.2, 0.8), (-0.35, -0.75), (0.5, 0.8)])), ink)
        canvas.fill(on(np.array([(-0.1, 0.8), (0.55, -0.2), (1.2, 0.8)])), mixed(ink, accent, 0.4))
        canvas.fill(on(np.array([(-0.55, -0.38), (-0.35, -0.75), (-0.15, -0.38)])), accent)
    elif kind == 4:  # flower
        for turn in np.arange(6) * np.pi / 3:
            petal = circle * (0.33, 0.5) + (0, -0.62)
            back = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
            canvas.fill(on(closed_curve(petal[::3] @ back, 4)), ink)
        canvas.disc(middle, 0.36 * size, accent)
    elif kind == 5:  # rainbow
        half = np.column_stack([-np.cos(_AROUND / 2), -np.sin(_AROUND / 2)])
        for ring, colour in enumerate((ink, accent, mixed(ink, accent, 0.5))):
            canvas.line(on(half * (1.1 - 0.3 * ring) + (0, 0.5)), colour, 0.2 * size)
    else:  # a word, underlined
        _word(canvas, _WORDS[choice % len(_WORDS)], middle, 1.45 * size, ink)
        ends = np.array([(-0.9, 0.62), (0.9, 0.62)])
        canvas.line(on(ends), accent, 0.12 * size)


@lru_cache
def _word_size(word: str) -> tuple[int, int]:
    (width, height), _ = cv2.getTextSize(word, _FONT, 1.0, 2)
    return width, height


def _word(canvas: Canvas, word: str, middle: Points, half_width: float, colour: RGB) -> None:
    width, height = _word_size(word)
    factor = min(2 / width, 0.62 / height) * half_width * canvas.frame.zoom
    x, y = canvas.frame.to_canvas(middle)
    origin = (round(x - width * factor / 2), round(y + height * factor / 2))
    thickness = max(1, round(2.4 * factor))
    cv2.putText(canvas.rgb, word, origin, _FONT, factor, colour, thickness, cv2.LINE_AA)

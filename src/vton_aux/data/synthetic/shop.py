"""The shop picture of a garment, and its unlit cloth for dressing people."""

from dataclasses import dataclass

import cv2
import numpy as np

from vton_aux.data.synthetic.fabric import cloth, decorate
from vton_aux.data.synthetic.garment import FlatCut, Garment, sleeve_edges
from vton_aux.data.synthetic.geometry import REFERENCE, Frame, Points, UInt8, moved, open_curve
from vton_aux.data.synthetic.paint import Canvas, Patch, lit, scaled, solid

_MARGIN = np.array([8.0, 13.0])  # left and right, top and bottom
_OVERLAP = 5.0  # of the sleeves below the front
_PAPER = (253, 253, 253)


@dataclass(frozen=True)
class Shop:
    """A garment laid flat.

    Attributes:
        cut: outlines and landmarks.
        frame: of the shop picture.
        unit: reference units of the picture a unit of the cut.
        origin: reference point of the cut's origin.
        front: cloth of the front over the whole canvas, (H, W, 3) uint8 RGB without light.
        front_alpha: (H, W) uint8 coverage of the front.
        sleeves: cloth of the left and the right half's sleeve, as `front`; None without sleeves.
        picture: (height, width, 3) uint8 RGB.
        mask: (height, width) uint8, 0 or 255.
    """

    cut: FlatCut
    frame: Frame
    unit: float
    origin: Points
    front: UInt8
    front_alpha: UInt8
    sleeves: tuple[UInt8, UInt8] | None
    picture: UInt8
    mask: UInt8

    def on_canvas(self, points: Points) -> Points:
        """Cut coordinates (n, 2) as canvas pixels of the shop picture."""
        return self.frame.to_canvas(points * self.unit + self.origin)


def lay_flat(garment: Garment, height: int, width: int) -> Shop:
    """Draw the shop picture of `garment` at `height` x `width` pixels."""
    frame = Frame(height, width, bottom=False)
    cut = FlatCut(garment)
    sleeve = _sleeve_outline(cut) if garment.sleeve else None
    half = cut.half_torso()
    every = half if sleeve is None else np.vstack([half, sleeve])
    reach, top, bottom = every[:, 0].max(), every[:, 1].min(), every[:, 1].max()
    room = np.array(REFERENCE[::-1]) - 2 * _MARGIN
    unit = float(min(room[0] / (2 * reach), room[1] / (bottom - top), 1.75))
    origin = np.array([REFERENCE[1] / 2, REFERENCE[0] / 2 - unit * (top + bottom) / 2])

    def place(points: Points) -> Points:
        return np.asarray(points * unit + origin)

    front = Canvas(frame, cloth(garment, garment.colour, frame.canvas, frame.zoom * unit))
    sleeves = None if sleeve is None else _sleeve_cloths(frame, cut, unit, origin)
    decorate(front, cut, place)

    canvas = Canvas(frame, solid(frame.canvas, _PAPER))
    canvas.paint(canvas.patch(place(_back_panel(cut))), scaled(garment.colour, 0.72), label=5)
    if sleeve is not None and sleeves is not None:
        for side, pixels in zip((-1, 1), sleeves, strict=True):
            _lay(canvas, canvas.patch(place(sleeve * (side, 1))), pixels)
    outline = np.vstack([half, half[::-1] * (-1, 1)])
    patch = canvas.patch(place(outline))
    _lay(canvas, patch, front.rgb)
    alpha = np.zeros(frame.canvas, np.uint8)
    rows, columns = patch.alpha.shape
    alpha[patch.y : patch.y + rows, patch.x : patch.x + columns] = patch.alpha
    picture, mask = canvas.picture(), canvas.label_map()
    mask = np.where(mask > 0, np.uint8(255), np.uint8(0))
    return Shop(cut, frame, unit, origin, front.rgb, alpha, sleeves, picture, mask)


def _lay(canvas: Canvas, patch: Patch, pixels: UInt8) -> None:
    rows, columns = patch.alpha.shape
    window = pixels[patch.y : patch.y + rows, patch.x : patch.x + columns]
    shade = canvas.shade(patch, 3.5, -1)
    canvas.paint(patch, lit(window, shade, 0.3), label=5)


def _back_panel(cut: FlatCut) -> Points:
    """The inside of the back, seen through the neckline."""
    x, y = cut.neck_side
    drop = min(5.0, 0.25 * (cut.garment.neck_depth - y))
    collar = open_curve([(x, y), (0.6 * x, y + 0.75 * drop), (0, y + drop)], 6)
    ring = np.vstack([collar, collar[::-1] * (-1, 1)])
    front = moved(cut.neckline, 0, 1.5)
    front[-1] = x, y
    return np.vstack([ring, front[::-1] * (-1, 1), front])


def _sleeve_outline(cut: FlatCut) -> Points:
    edges = sleeve_edges(cut.tip, cut.armpit, cut.sleeve_sections, cut.garment.sleeve)
    outer, inner = (open_curve(edge, 3) for edge in edges)
    under = (cut.tip + cut.armpit) / 2 - (_OVERLAP, 0)
    return np.vstack([outer, inner[::-1], under])


def _sleeve_cloths(frame: Frame, cut: FlatCut, unit: float, origin: Points) -> tuple[UInt8, UInt8]:
    """Cloth of the two sleeves: the pattern turned to run along them, and the cuffs' seams."""
    garment = cut.garment
    base = cloth(garment, garment.sleeve_colour, frame.canvas, frame.zoom * unit)
    middle, along, _ = cut.sleeve_axis
    cuff = np.vstack(cut.sleeve_sections(np.array([garment.sleeve - 0.035])))
    right = Canvas(frame, base.copy())
    if garment.is_patterned:
        centre = frame.to_canvas(middle * unit + origin)
        turn = np.array([[along[1], -along[0]], [along[0], along[1]]])
        matrix = np.column_stack([turn, centre - turn @ centre])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(base, matrix, frame.canvas[::-1], right.rgb, flags, cv2.BORDER_REFLECT)
    right.line(cuff * unit + origin, scaled(garment.sleeve_colour, 0.8), 0.8)
    return np.asarray(cv2.flip(right.rgb, 1), np.uint8), right.rgb

"""The smooth map that takes a flat garment onto a body, one thin-plate spline a piece."""

from dataclasses import dataclass

import cv2
import numpy as np

from vton_aux.data.synthetic.body import ArmShape, Body
from vton_aux.data.synthetic.garment import sleeve_edges
from vton_aux.data.synthetic.geometry import Frame, Points, UInt8, open_curve, thin_plate
from vton_aux.data.synthetic.paint import Canvas, Patch
from vton_aux.data.synthetic.shop import Shop

_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_NO_MAP = np.empty(0, np.float32)
_CIRCLE = np.column_stack([np.cos(_TURN), np.sin(_TURN)])


@dataclass(frozen=True)
class Piece:
    """A piece of the worn garment: its coverage and its unlit cloth (h, w, 3) uint8 RGB."""

    patch: Patch
    pixels: UInt8


def worn_front(shop: Shop, body: Body, canvas: Canvas, waistband: float | None) -> Piece:
    """The front of the garment on the body.

    The outline is the image of the flat front under the map. `waistband` is the height in torso
    coordinates below which the garment is tucked in, or None.
    """
    cut, garment = shop.cut, shop.cut.garment
    flat = np.array(
        [cut.neck_side, cut.tip, *cut.side, *_middle(garment.neck_depth, cut.hem[-1][1])]
    )
    worn = flat.copy()
    sides = slice(2, 2 + len(cut.side))
    worn[sides, 0] = _worn_half_width(shop, body, cut.side[:, 1], waistband)
    worn[1, 1] -= 1.0
    sideways = flat[:, 0] > 0
    flat = np.vstack([flat, flat[sideways] * (-1, 1)])
    worn = np.vstack([worn, worn[sideways] * (-1, 1)])
    on_body = canvas.frame.to_canvas(body.at(worn))
    window = _window(on_body, canvas.frame)
    field = thin_plate(on_body, shop.on_canvas(flat), *window)
    pixels = _sample(shop.front, field, cv2.BORDER_REPLICATE)
    alpha = _sample(shop.front_alpha, field, cv2.BORDER_CONSTANT)
    return Piece(Patch(*window[:2], alpha), pixels)


def _middle(top: float, bottom: float) -> list[tuple[float, float]]:
    inside = [y for y in (40.0, 80.0) if top + 8 < y < bottom - 8]
    return [(0.0, y) for y in (top, *inside, bottom)]


def _worn_half_width(shop: Shop, body: Body, y: Points, waistband: float | None) -> Points:
    garment = shop.cut.garment
    armpit, waist, hem = garment.ease
    skin = body.half_width(y)
    straight = np.maximum(skin, np.interp(y, (26, garment.length), (33.5, 36.5)))
    ease = np.interp(y, (26, 80, garment.length), (armpit, waist, hem))
    width: Points = garment.waist * skin + (1 - garment.waist) * straight + ease
    if waistband is None:
        return width
    return np.where(y > waistband - 4, np.minimum(width, skin - 1), width)


def worn_sleeve(shop: Shop, body: Body, arm: ArmShape, canvas: Canvas) -> list[Piece]:
    """The sleeve on `arm`: its upper piece and, below the elbow, its fore piece."""
    cut, garment = shop.cut, shop.cut.garment
    if shop.sleeves is None:
        return []
    tip, armpit = body.at(np.array([cut.tip - (0, 1), _worn_armpit(shop)]) * (arm.outside, 1))

    def upper(shares: Points) -> tuple[Points, Points]:
        return arm.sections(shares, ease(shares), fore=False)

    def ease(shares: Points) -> Points:
        return np.interp(shares / garment.sleeve, (0, 1), garment.sleeve_ease)

    split = min(arm.upper_share, garment.sleeve)
    on_body = sleeve_edges(tip, armpit, upper, split)
    on_flat = sleeve_edges(cut.tip, cut.armpit, cut.sleeve_sections, split)
    outer, inner = (open_curve(edge, 3) for edge in on_body)
    # up to the curved armhole of the front
    middle = (tip + armpit) / 2 - (1.6 * body.scale * arm.outside, 0)
    outlines = [
        np.vstack([outer, inner[::-1], middle]),
        _shoulder_cap(arm, tip, armpit, 10.6 + 0.5 * garment.sleeve_ease[0]),
    ]
    if split == garment.sleeve:
        return [_sleeve_piece(shop, arm, canvas, outlines, on_body, on_flat)]
    elbow = arm.elbow + 0.5 * float(np.hypot(*(outer[-1] - inner[-1]))) * _CIRCLE
    pieces = [_sleeve_piece(shop, arm, canvas, [*outlines, elbow], on_body, on_flat)]
    shares = np.linspace(split, garment.sleeve, 4)
    on_body = arm.sections(shares, ease(shares), fore=True)
    outer, inner = (open_curve(edge, 3) for edge in on_body)
    outlines = [np.vstack([outer, inner[::-1]]), elbow]
    on_flat = cut.sleeve_sections(shares)
    return [*pieces, _sleeve_piece(shop, arm, canvas, outlines, on_body, on_flat)]


def _shoulder_cap(arm: ArmShape, tip: Points, armpit: Points, radius: float) -> Points:
    """The round of the shoulder outside the armhole; `radius` in units of the standard body."""
    circle = arm.shoulder + radius * arm.scale * _CIRCLE
    seam = armpit - tip
    outside = (circle - tip) @ np.array([-seam[1], seam[0]]) * arm.outside < 0
    first = int(np.argmax(outside & ~np.roll(outside, 1)))
    return np.roll(circle, -first, 0)[: outside.sum()]


def _sleeve_piece(
    shop: Shop,
    arm: ArmShape,
    canvas: Canvas,
    outlines: list[Points],
    on_body: tuple[Points, Points],
    on_flat: tuple[Points, Points],
) -> Piece:
    assert shop.sleeves is not None
    patch = canvas.patch(*outlines)
    source = canvas.frame.to_canvas(np.vstack(on_body))
    target = shop.on_canvas(np.vstack(on_flat) * (arm.outside, 1))
    rows, columns = patch.alpha.shape
    field = thin_plate(source, target, patch.x, patch.y, columns, rows)
    cloth = shop.sleeves[0 if arm.outside < 0 else 1]
    return Piece(patch, _sample(cloth, field, cv2.BORDER_REPLICATE))


def _worn_armpit(shop: Shop) -> Points:
    ease = shop.cut.garment.ease[0]
    return np.array([33.5 + ease, shop.cut.armpit[1]])


def _window(points: Points, frame: Frame) -> tuple[int, int, int, int]:
    """(x, y, width, height) of the part of the canvas around `points`, with a margin."""
    margin = 10 * frame.zoom
    height, width = frame.canvas
    x0, y0 = np.clip(np.floor(points.min(0) - margin).astype(int), 0, (width - 4, height - 4))
    x1, y1 = np.clip(np.ceil(points.max(0) + margin).astype(int), (x0 + 4, y0 + 4), (width, height))
    return int(x0), int(y0), int(x1 - x0), int(y1 - y0)


def _sample(pixels: UInt8, field: cv2.typing.MatLike, border: int) -> UInt8:
    fixed, fraction = cv2.convertMaps(field, _NO_MAP, cv2.CV_16SC2)
    sampled = cv2.remap(pixels, fixed, fraction, cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(sampled, np.uint8)

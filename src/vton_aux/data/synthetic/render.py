"""A person in a garment: layers from the wall to the hands, with their labels."""

from dataclasses import dataclass

import numpy as np

from vton_aux.data.synthetic.body import ArmShape, Body
from vton_aux.data.synthetic.dress import Piece, worn_front, worn_sleeve
from vton_aux.data.synthetic.face import paint_head
from vton_aux.data.synthetic.folds import torso_folds
from vton_aux.data.synthetic.geometry import Frame, Points, UInt8, closed_curve, limb
from vton_aux.data.synthetic.hair import back_hair, front_hair, paint_hair
from vton_aux.data.synthetic.lower import WAISTBAND, paint_lower
from vton_aux.data.synthetic.paint import Canvas, Patch, lit, mixed, scaled, tone
from vton_aux.data.synthetic.person import Person
from vton_aux.data.synthetic.shop import Shop
from vton_aux.data.synthetic.studio import grain, wall

UPPER_CLOTHES = 5
LEFT_ARM, RIGHT_ARM = 14, 15
_TUCKED_UP_TO = 126.0  # longer garments hang over the trousers


@dataclass(frozen=True)
class Photo:
    """A picture (H, W, 3) uint8 RGB and its parse (H, W) uint8 of LIP labels."""

    image: UInt8
    parse: UInt8


@dataclass(frozen=True)
class _Arm:
    """What of an arm is painted after the torso: the forearm's skin and the sleeve."""

    shape: ArmShape
    label: int
    skin: UInt8
    fore: Patch
    sleeve: list[Piece]


def photograph(person: Person, shop: Shop, height: int, width: int) -> Photo:
    """The picture of `person` wearing the garment of `shop`, `height` x `width` pixels."""
    frame = Frame(height, width)
    body = Body(person)
    canvas = Canvas(frame, wall(frame, person, _silhouette(body)))
    rng = np.random.default_rng((*person.seed, 3))
    paint_hair(canvas, body, back_hair(person, rng), rng, 1.0)
    _paint_trunk(canvas, body)
    right, left = (
        _arm(canvas, body, arm, shop, label)
        for arm, label in ((body.right, RIGHT_ARM), (body.left, LEFT_ARM))
    )
    tucked = person.tucked and shop.cut.garment.length < _TUCKED_UP_TO
    front = worn_front(shop, body, canvas, WAISTBAND if tucked else None)
    if tucked:
        _paint_front(canvas, body, front)
        paint_lower(canvas, body)
    else:
        paint_lower(canvas, body)
        _paint_front(canvas, body, front)
    for arm in (right, left):
        for piece in arm.sleeve[:1]:
            _paint_sleeve(canvas, body, piece)
    paint_head(canvas, body)
    paint_hair(canvas, body, front_hair(person, rng), rng, 0.0)
    for arm in (left, right) if person.pose.right_over else (right, left):
        _paint_forearm(canvas, body, arm)
    return Photo(grain(canvas.picture(), person), canvas.label_map())


def _silhouette(body: Body) -> list[Points]:
    outlines = [body.torso_outline(), *body.leg_outlines(200, 2), body.head(_HEAD)]
    for arm in (body.right, body.left):
        outlines += [arm.upper_outline, arm.fore_outlines[0]]
    return outlines


_HEAD = closed_curve([(0, -80), (19, -62), (17, -36), (0, -20), (-17, -36), (-19, -62)], 5)


def _paint_trunk(canvas: Canvas, body: Body) -> None:
    person = body.person
    arms = ((body.right, RIGHT_ARM), (body.left, LEFT_ARM))
    trunk, upper = body.torso_outline(), [arm.upper_outline for arm, _ in arms]
    whole = canvas.patch(trunk, *upper)
    shade = canvas.shade(whole, 3.6, person.light)
    pixels = tone(person.skin, person.skin_shadow, person.skin_light, shade)
    canvas.paint(whole, pixels, label=0)
    for (_, label), outline in zip(arms, upper, strict=True):
        canvas.mark(canvas.patch(outline), label)
    deep = mixed(person.skin, person.skin_shadow, 0.9)
    chin = closed_curve([(-11, -34), (11, -34), (9, -22), (0, -17.5), (-9, -22)], 5)
    below_chin = canvas.patch(body.at(chin))
    canvas.shadow(below_chin, deep, 0.75, 1.8)
    soft = mixed(person.skin, person.skin_shadow, 0.45)
    for side in (-1, 1):
        bone = np.array([(4, 0.5), (14, -3.5), (27, -6)]) * (side, 1)
        canvas.line(body.at(bone), soft, 0.9)
        tendon = np.array([(6.5, -20), (2.6, -2)]) * (side, 1)
        canvas.line(body.at(tendon), soft, 0.8)


def _arm(canvas: Canvas, body: Body, shape: ArmShape, shop: Shop, label: int) -> _Arm:
    person = body.person
    fore = shape.fore_outlines
    whole = canvas.patch(shape.upper_outline, *fore)
    shade = canvas.shade(whole, 3.6, person.light)
    pixels = tone(person.skin, person.skin_shadow, person.skin_light, shade)
    skin = canvas.stretched(pixels, whole)
    sleeve = worn_sleeve(shop, body, shape, canvas)
    return _Arm(shape, label, skin, _within(canvas, whole, fore), sleeve)


def _within(canvas: Canvas, whole: Patch, outlines: list[Points]) -> Patch:
    """The patch of `outlines` on the window of `whole`."""
    part = canvas.patch(*outlines)
    alpha = np.zeros_like(whole.alpha)
    rows, columns = part.alpha.shape
    y, x = part.y - whole.y, part.x - whole.x
    alpha[y : y + rows, x : x + columns] = part.alpha
    return Patch(whole.x, whole.y, alpha)


def _paint_front(canvas: Canvas, body: Body, front: Piece) -> None:
    canvas.shadow(front.patch, (40, 34, 44), 0.3, 1.6, (0.0, 1.2))
    shade = canvas.shade(front.patch, 8.0, body.person.light)
    shade += torso_folds(body, front.patch, canvas.frame)
    canvas.paint(front.patch, lit(front.pixels, shade, 0.34), UPPER_CLOTHES)


def _paint_sleeve(canvas: Canvas, body: Body, piece: Piece) -> None:
    canvas.shadow(piece.patch, (40, 34, 44), 0.3, 1.3, (0.0, 1.0))
    shade = canvas.shade(piece.patch, 3.2, body.person.light)
    canvas.paint(piece.patch, lit(piece.pixels, shade, 0.34), UPPER_CLOTHES)


def _paint_forearm(canvas: Canvas, body: Body, arm: _Arm) -> None:
    person = body.person
    elbow, wrist = arm.shape.elbow, arm.shape.wrist
    radius = 6.5 * body.scale
    # not from the elbow itself: there the forearm casts no shadow on the upper arm
    casting = limb(elbow + 0.42 * (wrist - elbow), wrist, [radius, 0.9 * radius])
    canvas.shadow(canvas.patch(casting), (40, 30, 40), 0.35, 1.8, (0.0, 1.8))
    canvas.paint(arm.fore, arm.skin, arm.label)
    ink = scaled(mixed(person.skin, person.skin_shadow, 0.8), 0.95)
    for gap in arm.shape.finger_gaps():
        canvas.line(gap, ink, 0.6)
    for piece in arm.sleeve[1:]:
        _paint_sleeve(canvas, body, piece)

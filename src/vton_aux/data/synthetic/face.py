"""Head and face."""

import numpy as np

from vton_aux.data.synthetic.body import Body
from vton_aux.data.synthetic.geometry import Points, closed_curve, mirrored, moved, open_curve
from vton_aux.data.synthetic.paint import Canvas, mixed, scaled, tone

FACE = 13
_HALF_HEAD = ((0, -75), (10.5, -73), (17.3, -66), (19.2, -57), (18.8, -46), (16.2, -35.5),
              (11, -26), (5, -21.6), (0, -20.6))  # fmt: skip
_ALMOND = np.array([(-4.4, 0.5), (-2, -1.7), (0.8, -2.3), (3.2, -1.5), (4.6, -0.3),
                    (1.8, 1.7), (-1.6, 1.7)])  # fmt: skip


def paint_head(canvas: Canvas, body: Body) -> None:
    """Paint ears and face, labelled face."""
    person = body.person
    outline = mirrored(_HALF_HEAD[1:-1])
    outline = np.vstack([_HALF_HEAD[:1], outline[:7], _HALF_HEAD[-1:], outline[7:]])
    ear = np.array([(18, -53), (21, -53.5), (22, -49), (20.5, -43), (18, -41)])
    ears = [body.head(closed_curve(ear * (side, 1), 4)) for side in (-1, 1)]
    patch = canvas.patch(body.head(closed_curve(outline, 5)), *ears)
    shade = canvas.shade(patch, 5.0, person.light)
    pixels = tone(person.skin, person.skin_shadow, person.skin_light, shade)
    canvas.paint(patch, pixels, FACE)
    turn = 4.0 * person.pose.head_turn
    _blush(canvas, body, turn)
    for side in (-1, 1):
        _eye(canvas, body, turn, side)
    _nose(canvas, body, turn)
    _mouth(canvas, body, 0.9 * turn)


def _blush(canvas: Canvas, body: Body, turn: float) -> None:
    around = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    spot = np.column_stack([3.2 * np.cos(around), 2.4 * np.sin(around)])
    colour = mixed(body.person.skin, (220, 70, 70), 0.55)
    cheeks = [body.head(moved(spot, 11 * side + 0.8 * turn, -40.5)) for side in (-1, 1)]
    canvas.shadow(canvas.patch(*cheeks), colour, 0.45, 2.2)


def _eye(canvas: Canvas, body: Body, turn: float, side: int) -> None:
    person = body.person
    centre = np.array([turn + 8.0 * side, -52.0])
    foreshorten = 1 - 0.12 * max(0.0, side * person.pose.head_turn)

    def at(points: Points) -> Points:
        return body.head(points * (side * foreshorten, 1) + centre)

    lash = scaled(mixed(person.hair, (30, 22, 24), 0.7), 0.8)
    canvas.fill(at(closed_curve(_ALMOND, 4)), mixed((244, 240, 238), person.skin, 0.08))
    iris = body.head(moved(centre, 0.1 * turn, -0.3)[None])[0]
    canvas.disc(iris, 2.05 * body.scale, person.iris)
    canvas.disc(iris, 1.05 * body.scale, (24, 20, 22))
    canvas.disc(moved(iris, -0.7, -0.8), 0.55 * body.scale, (255, 255, 255))
    lid = open_curve([(-4.6, 0.6), (-2, -1.9), (0.8, -2.5), (3.4, -1.6), (5.2, -1.0)], 4)
    canvas.line(at(lid), lash, 0.95)
    canvas.line(at(moved(lid[4:-6], -0.2, -1.5)), mixed(person.skin, person.skin_shadow, 0.8), 0.5)
    brow = open_curve([(-4.8, -6.5), (-0.8, -7.5), (3, -7.3), (6.6, -5.2)], 4)
    canvas.line(at(brow), mixed(scaled(person.hair, 0.7), person.skin, 0.15), 1.25)


def _nose(canvas: Canvas, body: Body, turn: float) -> None:
    person = body.person
    ink = mixed(person.skin, person.skin_shadow, 0.85)
    side = -person.light
    bridge = open_curve([(1.2 * side, -51), (1.6 * side, -46.5), (2.6 * side, -43.4)], 4)
    canvas.line(body.head(moved(bridge, 1.1 * turn, 0)), mixed(person.skin, ink, 0.6), 0.8)
    base = open_curve([(-2.6, -42.4), (-1.2, -41.3), (0, -41), (1.2, -41.3), (2.6, -42.4)], 3)
    canvas.line(body.head(moved(base, 1.15 * turn, 0)), scaled(ink, 0.88), 0.8)
    tip = body.head(np.array([(1.1 * turn - 0.4 * side, -44.2)]))[0]
    canvas.disc(tip, 0.8 * body.scale, mixed(person.skin, person.skin_light, 0.7))


def _mouth(canvas: Canvas, body: Body, turn: float) -> None:
    person = body.person
    rise = 0.9 + 1.3 * person.smile
    centre = np.array([turn, -33.6])
    corner, lips = (5.4 + 0.8 * person.smile, -rise * 0.7), person.lips
    upper = [(-corner[0], corner[1]), (-2.6, -1.4), (-1, -1.8), (0, -1.3), (1, -1.8), (2.6, -1.4),
             corner, (2.4, 0.5), (0, 0.7), (-2.4, 0.5)]  # fmt: skip
    lower = [(-corner[0], corner[1]), (-2.4, 0.3), (0, 0.5), (2.4, 0.3), corner,
             (3.2, 2.0), (0, 3.0), (-3.2, 2.0)]  # fmt: skip
    canvas.fill(body.head(closed_curve(lower, 4) + centre), mixed(lips, (255, 255, 255), 0.12))
    canvas.fill(body.head(closed_curve(upper, 4) + centre), scaled(lips, 0.93))
    parting = open_curve([(-corner[0], corner[1]), (-2.4, 0.4), (0, 0.7), (2.4, 0.4), corner], 4)
    if person.smile > 0.72:
        teeth = np.vstack([parting[3:-3], moved(parting[-4:2:-1], 0, 1.3)])
        canvas.fill(body.head(teeth + centre), (250, 246, 244))
        return
    canvas.line(body.head(parting + centre), scaled(lips, 0.55), 0.55)
    canvas.disc(body.head(moved(centre, -0.8, 1.7)[None])[0], 0.5, mixed(lips, (255,) * 3, 0.5))

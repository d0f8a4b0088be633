"""Trousers, skirts and shorts, and the legs below them."""

import numpy as np

from vton_aux.data.synthetic.body import Body
from vton_aux.data.synthetic.geometry import Points, moved, open_curve
from vton_aux.data.synthetic.paint import Canvas, lit, scaled, solid, tone

PANTS, SKIRT = 9, 12
LEFT_LEG, RIGHT_LEG = 16, 17
WAISTBAND = 90.0  # of the upper edge, in torso coordinates
_FAR_BELOW = 260.0


def paint_lower(canvas: Canvas, body: Body) -> None:
    """Paint what is worn below the waist, and bare legs under it."""
    person = body.person
    if person.bottom in ("skirt", "shorts"):
        for label, leg in zip((RIGHT_LEG, LEFT_LEG), body.leg_outlines(_FAR_BELOW, 1), strict=True):
            patch = canvas.patch(leg)
            shade = canvas.shade(patch, 5.0, person.light)
            pixels = tone(person.skin, person.skin_shadow, person.skin_light, shade)
            canvas.paint(patch, pixels, label)
    outlines = _skirt(body) if person.bottom == "skirt" else _trousers(body)
    patch = canvas.patch(*outlines)
    if person.bottom in ("skirt", "shorts"):
        canvas.shadow(patch, person.skin_shadow, 0.6, 1.5, (0.0, 2.0))
    shade = canvas.shade(patch, 7.0, person.light)
    colour = person.bottom_colour
    flat = solid(patch.alpha.shape, colour)
    canvas.paint(patch, lit(flat, shade, 0.4), SKIRT if person.bottom == "skirt" else PANTS)
    _details(canvas, body)


def _waist(body: Body) -> Points:
    """The right half of the waistband's outline, down to the hips."""
    y = np.array([WAISTBAND, WAISTBAND + 8, 106, 118])
    return np.column_stack([body.half_width(y) + np.array([0.6, 1.0, 1.2, 1.4]), y])


def _skirt(body: Body) -> list[Points]:
    hem = body.person.hem
    half = np.vstack([_waist(body), (42 + 0.05 * (hem - 118), hem)])
    edge = open_curve([(half[-1][0], hem), (0, hem + 2.5), (-half[-1][0], hem)], 8)
    side = open_curve(half, 5)
    return [body.at(np.vstack([side, edge, (side * (-1, 1))[::-1]]))]


def _trousers(body: Body) -> list[Points]:
    person = body.person
    hem = person.hem if person.bottom == "shorts" else _FAR_BELOW
    side = open_curve(_waist(body), 5)
    seat = np.vstack([side, (1, 138), (-1, 138), (side * (-1, 1))[::-1]])
    legs = body.leg_outlines(hem, 0.8)
    if person.bottom == "shorts":
        flare = np.array([(39.2, 118), (40.8, hem), (3.0, hem + 1), (0.5, 138)])
        legs = [body.at(flare * (sign, 1)) for sign in (-1, 1)]
    return [body.at(seat), *legs]


def _details(canvas: Canvas, body: Body) -> None:
    person = body.person
    colour = person.bottom_colour
    dark = scaled(colour, 0.7)
    denim = person.bottom in ("jeans", "shorts")
    seam = scaled(colour, 1.5) if denim else scaled(colour, 0.82)
    x = float(body.half_width(WAISTBAND + 8)) + 0.4
    band = np.array([(-x, WAISTBAND + 8), (x, WAISTBAND + 8)])
    canvas.line(body.at(band), dark, 0.8)
    if person.bottom == "skirt":
        for fold in (-22.0, -9.0, 6.0, 19.0):
            ends = np.array([(0.8 * fold, WAISTBAND + 16), (1.15 * fold, person.hem - 2)])
            canvas.line(body.at(ends), scaled(colour, 0.87), 0.9)
        return
    for side in (-1, 1):
        pocket = open_curve([(16, WAISTBAND + 9), (20, 107), (33, 111)], 5)
        canvas.line(body.at(pocket * (side, 1)), seam, 0.7)
    fly = open_curve([(4.5, WAISTBAND + 9), (4.5, 118), (0.5, 128)], 5)
    canvas.line(body.at(fly), seam, 0.6)
    canvas.line(body.at(np.array([(0, WAISTBAND), (0, 138)])), dark, 0.7)
    if denim:
        canvas.line(body.at(moved(band, 0, -6.3)), seam, 0.5)
        canvas.disc(body.at([(0, WAISTBAND + 4)])[0], 1.3, (196, 164, 110))

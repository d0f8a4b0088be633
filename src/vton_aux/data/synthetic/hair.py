"""Hair as ribbons of strands, in head coordinates: what falls behind the body and in front."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vton_aux.data.synthetic.body import Body
from vton_aux.data.synthetic.geometry import Points, open_curve
from vton_aux.data.synthetic.paint import Canvas, mixed, scaled, tone
from vton_aux.data.synthetic.person import Person

HAIR = 2


@dataclass(frozen=True)
class Ribbon:
    """Hair between two curves (n, 2) that strands follow from the first point to the last."""

    outer: Points
    inner: Points

    @property
    def outline(self) -> Points:
        """Closed outline."""
        return np.vstack([self.outer, self.inner[::-1]])

    def mirrored(self) -> "Ribbon":
        """The ribbon on the other side of the head."""
        return Ribbon(self.outer * (-1, 1), self.inner * (-1, 1))


def _ribbon(outer: npt.ArrayLike, inner: npt.ArrayLike) -> Ribbon:
    return Ribbon(open_curve(outer, 5), open_curve(inner, 5))


def _cap(person: Person, swell: float, low: float) -> list[Ribbon]:
    """The hair on the skull: from the parting down both sides to the height `low`."""
    part = 8 * person.part
    sides = []
    for side in (-1, 1):
        start = side * part
        outer = [(start, -76.5 - swell), (11, -76 - swell), (18.5 + swell, -70), (22 + swell, -60),
                 (22 + swell, 0.5 * (low - 62)), (19.5 + swell, low)]  # fmt: skip
        inner = [(start, -69.5), (5 + 0.4 * start, -67.5), (12, -63.5), (16, -58.5),
                 (17.6, 0.5 * (low - 60)), (18.2, low)]  # fmt: skip
        if person.fringe:
            inner = [(start, -58.6), (6 + 0.4 * start, -57.6), (13, -57), (16.5, -55.5),
                     (17.6, -52), (18.2, low)]  # fmt: skip
        ribbon = _ribbon(outer, inner)
        sides.append(ribbon if side > 0 else ribbon.mirrored())
    return sides


def _lock(end: float, width: float, wave: float, phase: float) -> Ribbon:
    """A lock beside the face, from the temple over the shoulder to the height `end`."""
    y = np.array([-62, -50, -36, -22, -8, 6, 20, 34, 48])
    y = np.append(y[y < end - 6], end).astype(float)
    sway = wave * np.sin(y / 6.5 + phase) * np.clip((y + 45) / 30, 0, 1)
    fall = np.clip((y + 30) / 60, 0, 1)
    outer = np.interp(y, (-62, -50, -30, 0, 50), (21.5, 24, 25.5, 27, 27.5)) + sway
    inner = np.interp(y, (-62, -50, -36, -20, 50), (17, 17.2, 17.5, 15.5, 13.5)) + sway
    outer[-1] = inner[-1] + 0.35 * width
    outer[1:-1] += (width - 11) * fall[1:-1]
    return _ribbon(np.column_stack([outer, y]), np.column_stack([inner, y + np.eye(len(y))[-1]]))


def _curls(radius: float, phase: float, low: float) -> Points:
    """Bumpy outline around the head, open below `low`."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    bumpy = radius + 1.5 * np.abs(np.sin(6.5 * turn + phase)) + 0.8 * np.sin(11 * turn)
    x, y = 0.98 * bumpy * np.sin(turn), -51 - 0.98 * bumpy * np.cos(turn)
    return np.column_stack([x, np.minimum(y, low + np.abs(x) * 0.1)])


def _disc(x: float, y: float, radius: float) -> Ribbon:
    turn = np.linspace(0, np.pi, 12)
    left, right = -np.cos(turn) * radius, np.sin(turn) * radius
    return Ribbon(np.column_stack([x + left, y - right]), np.column_stack([x + left, y + right]))


def back_hair(person: Person, rng: np.random.Generator) -> list[Ribbon]:
    """What hangs or stands behind head and shoulders."""
    style, length = person.hair_style, person.hair_length
    if style in ("long", "wavy"):
        ys = (-77, -70, -54, -30, -8, 8 + 18 * length)
        sides = np.column_stack([(0, 18, 23.5, 25.5, 27, 23), ys])
        return [_ribbon(sides, sides * (-1, 1))]
    if style == "bob":
        ys = (-77, -70, -54, -36, -24, -16 + 6 * length)
        sides = np.column_stack([(0, 18, 24.5, 27, 27, 22), ys])
        return [_ribbon(sides, sides * (-1, 1))]
    if style == "bun":
        return [_disc(float(rng.uniform(-2, 2)), -80.0, 9 + 3 * length)]
    if style == "curly":
        outline = _curls(29 + 5 * length, float(rng.uniform(0, 6)), -20 + 12 * length)
        return [Ribbon(outline[:36], outline[:35:-1])]
    return []


def front_hair(person: Person, rng: np.random.Generator) -> list[Ribbon]:
    """What lies on the skull and falls beside the face."""
    style, length = person.hair_style, person.hair_length
    if style == "long":
        cap = _cap(person, 0.5, -50)
        ends = 18 + 30 * length + rng.uniform(-4, 4, 2)
        widths = rng.uniform(8, 13, 2)
        locks = [_lock(float(e), float(w), 0.4, 0) for e, w in zip(ends, widths, strict=True)]
        behind = rng.random() < 0.4  # one side swept behind the shoulder
        return [*cap, locks[0]] if behind else [*cap, locks[0], locks[1].mirrored()]
    if style == "wavy":
        cap = _cap(person, 1.5, -50)
        ends = 10 + 32 * length + rng.uniform(-4, 4, 2)
        phases = rng.uniform(0, 6, 2)
        locks = [_lock(float(e), 14, 1.8, float(p)) for e, p in zip(ends, phases, strict=True)]
        return [*cap, locks[0], locks[1].mirrored()]
    if style == "bob":
        lock = _lock(-19 + 6 * length, 16, 0, 0)
        return [*_cap(person, 1.5, -50), lock, lock.mirrored()]
    if style == "ponytail":
        lock = _lock(10 + 25 * length, 10, 0.8, 2)
        y = lock.outer[:, 1]
        clear = np.clip((y + 34) / 8, 0, 1)[:, None]  # the tail begins below the ear
        tail = Ribbon(lock.inner + clear * (lock.outer - lock.inner), lock.inner)
        start = int(np.argmax(y > -36))
        tail = Ribbon(tail.outer[start:], tail.inner[start:])
        return [*_cap(person, 0, -52), tail if person.part < 0 else tail.mirrored()]
    if style == "curly":
        return _cap(person, 4 + 3 * length, -46)
    if style == "short":
        return _cap(person, 2.0, -40)
    return _cap(person, 0, -52)


def paint_hair(
    canvas: Canvas, body: Body, ribbons: list[Ribbon], rng: np.random.Generator, depth: float
) -> None:
    """Paint `ribbons` with strands; `depth` darkens hair that lies behind (0..1)."""
    if not ribbons:
        return
    person = body.person
    placed = [Ribbon(body.head(r.outer), body.head(r.inner)) for r in ribbons]
    patch = canvas.patch(*(ribbon.outline for ribbon in placed))
    base = scaled(person.hair, 1 - 0.35 * depth)
    dark, light = scaled(base, 0.55), mixed(base, (255, 226, 190), 0.3)
    shade = canvas.shade(patch, 3.5, person.light)
    pixels = canvas.stretched(tone(base, dark, light, shade), patch).copy()
    inks = [mixed(base, dark, 0.65), mixed(base, dark, 0.3), mixed(base, light, 0.3),
            mixed(base, light, 0.7)]  # fmt: skip
    thickness = canvas.frame.thick(0.55)
    curl = 1.1 if person.hair_style == "curly" else 0.0
    for ribbon in placed:
        across = ribbon.inner - ribbon.outer
        count = int(np.clip(np.abs(across).sum(1).max() / 2.2, 5, 22))
        shares = np.linspace(0.06, 0.94, count) + rng.uniform(-0.03, 0.03, count)
        strands = ribbon.outer + shares[:, None, None] * across
        strands += curl * np.sin(np.arange(len(across))[:, None] * 1.1 + (0, 1.5))
        lines = np.round((canvas.frame.to_canvas(strands) - (patch.x, patch.y)) * 16)
        chosen = rng.integers(len(inks), size=count)
        for k, ink in enumerate(inks):
            group = list(lines[chosen == k].astype(np.int32))
            cv2.polylines(pixels, group, False, ink, thickness, cv2.LINE_AA, 4)
    canvas.paint(patch, pixels, HAIR)

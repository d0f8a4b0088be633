"""A garment drawn at random, and its cut: the outlines and landmarks of the flat garment.

Cut coordinates are torso coordinates of the standard body (see `body`): x sideways from the
middle, y down from the neck joint. The flat garment is wider than the worn one, because what goes
around the body lies spread out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from vton_aux.data.synthetic.geometry import RGB, Points, open_curve
from vton_aux.data.synthetic.paint import scaled

Cut = Literal["t-shirt", "tank top", "blouse", "tunic", "sweater", "crop top"]
Neckline = Literal["round", "v", "square"]
Pattern = Literal["plain", "stripes", "checks", "dots", "print"]

_COLOURS: tuple[RGB, ...] = (
    (248, 248, 246), (36, 36, 42), (32, 44, 78), (176, 36, 52), (226, 92, 80), (240, 166, 152),
    (250, 214, 206), (240, 190, 84), (250, 236, 196), (62, 116, 88), (150, 178, 146),
    (24, 74, 70), (70, 150, 160), (168, 214, 222), (62, 104, 178), (136, 160, 206), (120, 84, 150),
    (206, 184, 220), (128, 36, 66), (150, 150, 156), (206, 206, 210), (184, 132, 92),
    (226, 202, 176), (88, 98, 70),
)  # fmt: skip
FLAT = 1.13
ARM_LENGTH = 114.0


@dataclass(frozen=True)
class Garment:
    """A garment; lengths in reference units of the standard body.

    Attributes:
        neck_width, neck_depth: half width of the neckline, and its lowest point below the neck.
        shoulder: x of the outer end of the shoulder seam.
        sleeve: length as a share of the arm, 0 for none.
        sleeve_ease: gaps between sleeve and arm at the armhole and at the cuff.
        sleeve_angle: of the flat sleeve, degrees from straight down.
        ease: gaps between garment and body at armpit, waist and hem.
        waist: how far the side follows the waist, 0..1.
        length: y of the hem.
        hem_drop: how much lower the hem is in the middle than at the sides.
        colour, second, sleeve_colour, trim: of the cloth, its pattern, the sleeves, the edges.
        pitch: period of the pattern.
        motif: index of the print.
        placket: whether buttons run down the middle.
        pocket: whether there is a chest pocket.
    """

    cut: Cut
    neckline: Neckline
    neck_width: float
    neck_depth: float
    shoulder: float
    sleeve: float
    sleeve_ease: tuple[float, float]
    sleeve_angle: float
    ease: tuple[float, float, float]
    waist: float
    length: float
    hem_drop: float
    pattern: Pattern
    pitch: float
    colour: RGB
    second: RGB
    sleeve_colour: RGB
    trim: RGB
    motif: int
    placket: bool
    pocket: bool

    @property
    def is_patterned(self) -> bool:
        """Whether a pattern covers the whole cloth."""
        return self.pattern not in ("plain", "print")


def draw_garment(seed: tuple[int, ...]) -> Garment:
    """The garment that belongs to `seed`."""
    rng = np.random.default_rng(seed)
    cuts: tuple[Cut, ...] = ("t-shirt", "tank top", "blouse", "tunic", "sweater", "crop top")
    cut = cuts[rng.choice(6, p=(0.34, 0.15, 0.16, 0.12, 0.16, 0.07))]
    necklines: tuple[Neckline, ...] = ("round", "v", "square")
    neckline = necklines[rng.choice(3, p=(0.55, 0.3, 0.15))]
    patterns: tuple[Pattern, ...] = ("plain", "stripes", "checks", "dots", "print")
    pattern = patterns[rng.choice(5, p=(0.3, 0.2, 0.12, 0.13, 0.25))]
    low, high = {"round": (2, 15), "v": (18, 36), "square": (9, 22)}[neckline]
    colour, second = _draw_colours(rng)
    sleeve = _draw_sleeve(rng, cut)
    loose = float({"tunic": 3.5, "blouse": 2.5, "sweater": 2}.get(cut, 0) + rng.uniform(0.4, 3))
    waist, length, flare = {
        "t-shirt": (rng.uniform(0.45, 0.95), rng.uniform(110, 126), rng.uniform(0.5, 4)),
        "tank top": (rng.uniform(0.55, 1.0), rng.uniform(110, 126), rng.uniform(0.5, 4)),
        "blouse": (rng.uniform(0.3, 0.7), rng.uniform(112, 126), rng.uniform(2, 6)),
        "tunic": (rng.uniform(0.3, 0.7), rng.uniform(132, 150), rng.uniform(5, 12)),
        "sweater": (rng.uniform(0.3, 0.8), rng.uniform(108, 122), rng.uniform(0.5, 2.5)),
        "crop top": (rng.uniform(0.6, 1.0), rng.uniform(84, 92), rng.uniform(0.5, 5)),
    }[cut]
    bell = rng.uniform(5, 9) if 0.6 < sleeve < 0.9 and rng.random() < 0.5 else rng.uniform(1.2, 3)
    raglan = pattern in ("plain", "print") and sleeve > 0 and rng.random() < 0.15
    contrast = rng.random() < 0.25
    return Garment(
        cut=cut,
        neckline=neckline,
        neck_width=float(rng.uniform(15, 24)) - (3 if sleeve == 0 else 0),
        neck_depth=float(rng.uniform(low, high)),
        shoulder=float(rng.uniform(27, 34)) if sleeve == 0 else 41 + loose / 3,
        sleeve=sleeve,
        sleeve_ease=(1.4 + loose * 0.35, float(bell) + (loose * 0.35 if sleeve < 0.6 else 0)),
        sleeve_angle=float(rng.uniform(22, 36) if sleeve < 0.5 else rng.uniform(9, 18)),
        ease=(0.8 + loose * 0.4, loose, float(flare)),
        waist=float(waist),
        length=float(length),
        hem_drop=float(rng.uniform(-4, 6) if cut in ("blouse", "tunic") else rng.uniform(0, 2.5)),
        pattern=pattern,
        pitch=float(rng.uniform(6, 16)),
        colour=colour,
        second=second,
        sleeve_colour=second if raglan else colour,
        trim=second if contrast or raglan else scaled(colour, 0.86),
        motif=int(rng.integers(0, 1 << 16)),
        placket=cut == "blouse" and pattern != "print" and rng.random() < 0.6,
        pocket=cut == "t-shirt" and pattern != "print" and rng.random() < 0.2,
    )


def _draw_sleeve(rng: np.random.Generator, cut: Cut) -> float:
    if cut == "tank top" or (cut in ("blouse", "tunic", "crop top") and rng.random() < 0.25):
        return 0.0
    if cut == "sweater" or rng.random() < 0.2:
        return float(rng.uniform(0.9, 0.98) if rng.random() < 0.75 else rng.uniform(0.68, 0.78))
    return float(rng.uniform(0.28, 0.42))


def _draw_colours(rng: np.random.Generator) -> tuple[RGB, RGB]:
    """A cloth colour and one that stands out on it."""
    first = _COLOURS[rng.integers(len(_COLOURS))]
    order = rng.permutation(len(_COLOURS))
    grey = np.array([0.3, 0.59, 0.11])
    for index in order:
        if abs(float(grey @ np.subtract(_COLOURS[index], first))) > 70:
            return first, _COLOURS[index]
    return first, (255, 255, 255)


class FlatCut:
    """Outlines and landmarks of a garment that lies flat; all points in cut coordinates."""

    def __init__(self, garment: Garment) -> None:
        self.garment = garment
        armpit_ease, waist_ease, hem_ease = garment.ease
        self.tip = np.array([garment.shoulder, shoulder_seam(garment.shoulder)])
        self.armpit = np.array([FLAT * (33.5 + armpit_ease) - 1, 26.0 + armpit_ease])
        chest = self.armpit[0]
        taper = 5.0 * garment.waist - waist_ease * 0.5
        hips = max(chest + 0.8 * hem_ease - 1.5 * garment.waist, chest - 4)
        # half widths of the flat garment at the landmarks of the side seam
        self.side = np.array(
            [
                self.armpit,
                (chest - 0.2 * taper, 48),
                (chest - taper, 80),
                (0.5 * (chest - taper + hips), 0.5 * (80 + garment.length)),
                (hips, garment.length - max(garment.hem_drop, 0)),
            ]
        )
        if garment.length < 100:
            self.side = np.delete(self.side, [2, 3], axis=0)

    @property
    def neck_side(self) -> Points:
        """Where neckline and shoulder seam meet, on the right half."""
        width = self.garment.neck_width
        return np.array([width, shoulder_seam(width)])

    @cached_property
    def neckline(self) -> Points:
        """The right half of the neckline, from the middle to the shoulder seam."""
        (x, y), depth = self.neck_side, self.garment.neck_depth
        if self.garment.neckline == "v":
            return np.array([(0, depth), (0.5 * x, 0.42 * depth + 0.58 * y), (x, y)])
        if self.garment.neckline == "square":
            corner = [(0, depth), (0.8 * x, depth), (0.86 * x, depth - 2.5), (x, y)]
            return np.array(corner)
        t = np.linspace(0, np.pi / 2, 9)
        return np.column_stack([x * np.sin(t), y + (depth - y) * np.cos(t) ** 0.85])

    @cached_property
    def hem(self) -> Points:
        """The right half of the hem, from the side seam to the middle."""
        x, y = self.side[-1]
        t = np.linspace(1, 0, 7)
        drop = self.garment.length + min(self.garment.hem_drop, 0) - y
        return np.column_stack([x * t, y + drop * (1 - t**2)])

    def half_torso(self) -> Points:
        """Outline of the right half of the front, from the middle of the neckline to the hem."""
        bow = -1.5 if self.garment.sleeve else -5.0
        middle = (self.tip + self.armpit) / 2 + (bow, 3)
        armhole = open_curve([self.tip, middle, self.armpit], 5)
        side = open_curve(self.side, 5)
        return np.vstack([self.neckline, armhole, side[1:], self.hem[1:]])

    @cached_property
    def sleeve_axis(self) -> tuple[Points, Points, Points]:
        """Middle of the right half's armhole, direction of the sleeve, and its outer normal."""
        angle = np.deg2rad(self.garment.sleeve_angle)
        along = np.array([np.sin(angle), np.cos(angle)])
        return (self.tip + self.armpit) / 2, along, np.array([along[1], -along[0]])

    def sleeve_sections(self, shares: Points) -> tuple[Points, Points]:
        """Outer and inner points (n, 2) of the right half's sleeve at `shares` (n,) of an arm."""
        middle, along, normal = self.sleeve_axis
        garment = self.garment
        cuff_radius = np.interp(garment.sleeve, (0, 0.54, 1), (11, 8.6, 5.2))
        start = 0.46 * float(np.hypot(*(self.tip - self.armpit)))
        end = FLAT * (cuff_radius + garment.sleeve_ease[1])
        share = shares[:, None]
        radius = start + (end - start) * share / garment.sleeve
        axis = middle + share * ARM_LENGTH * along
        # near the armhole turned into its line
        turned = np.maximum(0.0, 1 - share / 0.35) ** 2
        return (
            axis + radius * normal + turned * (self.tip - middle - start * normal),
            axis - radius * normal + turned * (self.armpit - middle + start * normal),
        )


def shoulder_seam(x: float) -> float:
    """Height of the shoulder seam at `x`, in torso coordinates."""
    return -21.5 + 0.3 * x


def sleeve_edges(
    tip: Points,
    armpit: Points,
    sections: Callable[[Points], tuple[Points, Points]],
    end: float,
) -> tuple[Points, Points]:
    """Outer and inner edge of a sleeve from the armhole to the share `end` of the arm.

    The edges have as many points on the flat garment as on a body, so they are landmarks too.
    """
    outside = [0.06, 0.13, 0.2, 0.5 * (0.2 + end), end]
    inside = [0.27, 0.5 * (0.27 + end), end] if end > 0.35 else [end]
    outer, inner = sections(np.array(outside + inside))
    return np.vstack([tip, outer[:5]]), np.vstack([armpit, inner[5:]])

"""The shapes of Figure 1: feature maps, pictures, arrows, words.

Everything is a plain attribute (no style sheet, no font file), so the drawing looks the same in a
browser and in a paper.
"""

# ruff: noqa: RUF001  (the sign of multiplication)

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vton_aux.data.sample import UInt8
from vton_aux.evaluation.architecture import Shape
from vton_aux.evaluation.svg import Attribute, data_url, element, label

STEP = 43  # between two feature maps
THUMB = 62  # width of a picture
SANS = "Helvetica Neue, Helvetica, Arial, sans-serif"
SERIF = "Georgia, Times New Roman, serif"
INK, MUTED, LINE, RULE = "#1d2733", "#5b6775", "#8a95a3", "#d5dbe1"
COLOURS = {
    "plain": ("#eef1f4", "#d9dfe5", "#7b8794"),
    "encoder": ("#dbe8f6", "#b9d1ea", "#3f73a8"),
    "match": ("#f8ecd2", "#ecd6a4", "#a8792a"),
    "decoder": ("#dcf0e4", "#b8dfc8", "#3c8a60"),
    "auxiliary": ("#fbe4e6", "#f3c4c9", "#c2414f"),
}  # front, side and outline
RED = COLOURS["auxiliary"][2]

Point = tuple[float, float]


def document(drawing: "Drawing", size: tuple[float, float], title: str, description: str) -> str:
    """The whole file; title and description are for those who do not see it."""
    width, height = size
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        element("defs", _arrowhead("line", LINE), _arrowhead("aux", RED)),
        element("rect", width=width, height=height, fill="#ffffff"),
        *drawing.parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        font_family=SANS,
        role="img",
    )


class Drawing:
    """The parts drawn so far. Places are centres; `aux` dashes what belongs to an auxiliary head.

    Args:
        size: (H, W) of the images, to which the feature maps are drawn in proportion.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.height, self.width = size
        self.thumb_height = THUMB * self.height / self.width
        self.parts: list[str] = []

    def heading(self, title: str, words: str, y: float, width: float) -> None:
        """A title, words beside it and a rule below."""
        beside = element("tspan", words, dx=14, fill=MUTED, font_size=12)
        said = element("tspan", title, font_weight="600")
        self._add("text", said, beside, x=18, y=y + 14, font_size=17, fill=INK)
        self._add("line", x1=18, x2=width - 18, y1=y + 24, y2=y + 24, stroke=RULE)

    def words(
        self, x: float, y: float, text: str, anchor: str = "middle", size: float = 12,
        math: bool = False, colour: str = INK,
    ) -> None:  # fmt: skip
        """One line on the base line `y`; `I_{p}` has a subscript, `math` is larger and italic."""
        size += 2 * math
        font: dict[str, Attribute] = {"font_family": SERIF, "font_style": "italic"} if math else {}
        self._add("text", label(text, size), x=x, y=y, font_size=size, text_anchor=anchor,
                  fill=colour, **font)  # fmt: skip

    def path(self, *points: Point, aux: bool = False, arrow: bool = False) -> None:
        """A line through the points with rounded corners."""
        steps = [f"M{_at(points[0])}"]
        for before, corner, after in zip(points, points[1:], points[2:], strict=False):
            start, end = _towards(corner, before, 7), _towards(corner, after, 7)
            steps.append(f"L{_at(start)} Q{_at(corner)} {_at(end)}")
        steps.append(f"L{_at(points[-1])}")
        self._add(
            "path", d=" ".join(steps), fill="none", stroke=RED if aux else LINE, stroke_width=1.4,
            stroke_dasharray="5 3.5" if aux else None,
            marker_end=f"url(#{'aux' if aux else 'line'})" if arrow else None,
        )  # fmt: skip

    def skip(self, of: Shape, start: Point, end: Point, outer: float) -> None:
        """From an encoder's map to a decoder's level, above or below, along the height `outer`."""
        side = 1 if end[1] > start[1] else -1
        edge = start[1] + side * (self.rows(of) / 2 + (17 if side > 0 else 22))
        around = (start[0], edge), (start[0], outer), (end[0], outer), end
        self.path(*around, aux=side > 0, arrow=True)

    def map(self, kind: str, shape: Shape, x: float, y: float, aux: bool = False) -> None:
        """A feature map as a slab, its channels below it, its rows and columns above."""
        front, shade, edge = COLOURS[kind]
        high, wide = self.rows(shape), _columns(shape)
        left, upper, depth = x - wide / 2, y - high / 2, min(7.0, 2 + high / 14)
        right, lower = left + wide, upper + high
        outline: dict[str, Attribute] = {
            "stroke": edge, "stroke_width": 1.1, "stroke_linejoin": "round",
            "stroke_dasharray": "3 2" if aux else None,
        }  # fmt: skip
        back = (right + depth, upper - depth)
        roof = ((left, upper), (left + depth, upper - depth), back, (right, upper))
        wall = ((right, upper), back, (right + depth, lower - depth), (right, lower))
        for face in (roof, wall):
            self._add("polygon", points=" ".join(map(_at, face)), fill=shade, **outline)
        self._add("rect", x=left, y=upper, width=wide, height=high, fill=front, **outline)
        self.words(x, lower + 12, str(shape.channels), size=10)
        above = f"{shape.height}×{shape.width}"
        self.words(x + depth / 2, upper - depth - 4, above, size=8.5, colour=MUTED)

    def maps(
        self, kind: str, shapes: Sequence[Shape], x: float, y: float, aux: bool = False
    ) -> float:
        """Maps in a row; returns the right edge of the last one."""
        for number, shape in enumerate(shapes):
            self.map(kind, shape, x + number * STEP, y, aux)
        return x + (len(shapes) - 1) * STEP + _columns(shapes[-1]) / 2 + 4

    def picture(self, picture: UInt8, x: float, y: float) -> None:
        """A picture in a thin frame."""
        box: dict[str, Attribute] = {
            "x": x - THUMB / 2, "y": y - self.thumb_height / 2, "width": THUMB,
            "height": self.thumb_height,
        }  # fmt: skip
        url = data_url(picture, height=160)
        self._add("image", href=url, preserveAspectRatio="none", **box)
        self._add("rect", fill="none", stroke=COLOURS["plain"][2], stroke_width=0.8, **box)

    def thumb(
        self, picture: UInt8, x: float, y: float, name: str, channels: int = 0, under: str = ""
    ) -> None:
        """A picture with its name, and its number of channels above it."""
        self.picture(picture, x, y)
        upper, lower = y - self.thumb_height / 2, y + self.thumb_height / 2
        self.words(x, lower + 16, name, math="{" in name or len(name) == 1)
        if under:
            self.words(x, lower + 31, under, size=10, colour=MUTED)
        if channels:
            self.words(x + THUMB / 2, upper - 4, str(channels), anchor="end", size=10)

    def control_points(
        self, offsets: npt.NDArray[np.float32], points: int, x: float, y: float
    ) -> None:
        """The moved control points, points * points of them, as a net."""
        grid, colour = np.linspace(-1, 1, points), COLOURS["match"][2]
        moved = np.stack(np.meshgrid(grid, grid), -1) + offsets.reshape(points, points, 2)
        at = np.clip(moved, -1.25, 1.25) * np.array([22, 29]) + np.array([x, y])
        for row in (*at, *at.transpose(1, 0, 2)):
            line = " ".join(map(_at, row.tolist()))
            self._add("polyline", points=line, fill="none", stroke=colour, stroke_width=0.9)
        for a, b in at.reshape(-1, 2).tolist():
            self.dot(a, b, 1.7, colour)

    def box(self, x: float, y: float, name: str, below: str) -> None:
        """A named step without weights."""
        self._front("match", x, y, 54, 38, 7)
        self.words(x, y + 4.5, name, size=13)
        self.words(x, y + 52, below)

    def pill(self, x: float, y: float, name: str, aux: bool) -> None:
        """A loss."""
        self._front("auxiliary" if aux else "plain", x, y, 68, 32, 16)
        self.words(x, y + 4, name, math=True)

    def circle(self, x: float, y: float, sign: str, radius: float = 12) -> None:
        """An operation."""
        front, _, edge = COLOURS["plain"]
        self._add("circle", cx=x, cy=y, r=radius, fill=front, stroke=edge)
        self.words(x, y + radius * 0.4, sign, size=radius * 1.25)

    def dot(self, x: float, y: float, radius: float = 3, colour: str = RED) -> None:
        """Where a line branches off."""
        self._add("circle", cx=x, cy=y, r=radius, fill=colour)

    def key(self, kind: str, x: float, y: float, words: str) -> None:
        """What a colour means."""
        self._front(kind, x, y, 13, 13, 2)
        self.words(x + 14, y + 4, words, anchor="start")

    def rows(self, shape: Shape) -> float:
        """The height of a map in the drawing."""
        return 104 * math.sqrt(shape.height / self.height)

    def _front(self, kind: str, x: float, y: float, width: float, height: float, r: float) -> None:
        front, _, edge = COLOURS[kind]
        self._add(
            "rect", x=x - width / 2, y=y - height / 2, width=width, height=height, rx=r,
            fill=front, stroke=edge, stroke_width=1.1,
            stroke_dasharray="4 2.5" if kind == "auxiliary" else None,
        )  # fmt: skip

    def _add(self, tag: str, *children: str, **attributes: Attribute) -> None:
        self.parts.append(element(tag, *children, **attributes))


def _arrowhead(name: str, colour: str) -> str:
    return element(
        "marker", element("path", d="M0,0.6 L7,4 L0,7.4 z", fill=colour), id=name, markerWidth=8,
        markerHeight=8, refX=6.4, refY=4, orient="auto", markerUnits="userSpaceOnUse",
    )  # fmt: skip


def _columns(shape: Shape) -> float:
    return 2 + 2.1 * math.log2(shape.channels + 1)


def _at(point: Sequence[float]) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _towards(start: Point, end: Point, far: float) -> Point:
    length = math.dist(start, end)
    share = min(0.5, far / length) if length else 0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share

"""Figure 1 as an SVG: (A) the geometric matching module, (B) the try-on module.

Everything is a plain attribute (no style sheet, no font file), so the drawing looks the same in a
browser and in a paper; the class names let a report recolour it.
"""

# ruff: noqa: RUF001  (the signs of multiplication and minus)

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vton_aux.evaluation.architecture import Architecture, Head, Shape
from vton_aux.evaluation.svg import SANS, SERIF, data_url, element, label

WIDTH = 1280
STEP = 43  # between two feature maps
THUMB = 62  # width of a picture
OUT, LOSS, TRUTH = WIDTH - 236, WIDTH - 146, WIDTH - 54  # the columns that both modules share

INK, MUTED, LINE = "#1d2733", "#5b6775", "#8a95a3"
# class -> fill, side, outline of a feature map
COLOURS = {
    "input": ("#eef1f4", "#d9dfe5", "#7b8794"),
    "encoder": ("#dbe8f6", "#b9d1ea", "#3f73a8"),
    "match": ("#f8ecd2", "#ecd6a4", "#a8792a"),
    "decoder": ("#dcf0e4", "#b8dfc8", "#3c8a60"),
    "auxiliary": ("#fbe4e6", "#f3c4c9", "#c2414f"),
}
RED = COLOURS["auxiliary"][2]


def figure_1(of: Architecture) -> str:
    """The drawing, a whole SVG file."""
    draw = _Drawing(of.size)
    first = 58
    second = first + (488 if of.gmm.head else 384)
    end = second + (440 if of.tom.head else 376)
    _gmm(draw, of, first)
    _tom(draw, of, second)
    _key(draw, end, aux=bool(of.gmm.head or of.tom.head))
    height = end + 24
    description = (
        "I_p and the shop cloth pass two encoders, whose correlation gives the thin-plate spline; "
        f"a U-Net renders the person and the composition mask. {_aux_words(of)}"
    )
    return element(
        "svg",
        element("title", "The architecture: geometric matching module and try-on module"),
        element("desc", description),
        _arrowheads(),
        element("rect", width=WIDTH, height=height, fill="#ffffff", class_="paper"),
        *draw.parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height}",
        font_family=SANS,
        role="img",
        class_="architecture",
    )


def _aux_words(of: Architecture) -> str:
    stages = [name for name, part in (("GMM", of.gmm), ("TOM", of.tom)) if part.head]
    if not stages:
        return "Neither stage has an auxiliary head."
    return f"An auxiliary head on the encoder of {' and of '.join(stages)} predicts M_exp."


def _gmm(draw: "_Drawing", of: Architecture, top: float) -> None:
    parts = of.gmm
    draw.heading("A", "Geometric matching module (GMM)", parts.parameters, parts.head, top - 34)
    cloth_y, person_y = top + 92, top + 254
    middle, start = (cloth_y + person_y) / 2, 196
    draw.thumb(of.pictures["cloth"], 92, cloth_y, "c", channels=3)
    draw.representation(of, 92, person_y)
    rows = (
        ("encoder of the cloth", parts.cloth, cloth_y, 124),
        ("encoder of the person", parts.person, person_y, 148),
    )
    for name, maps, y, edge in rows:
        draw.arrow((edge, y), (start - 12, y))
        end = draw.maps("encoder", maps[1:], start, y)
        draw.words(start + (len(maps) - 3) * STEP, y - 48, name)
    joint = end + 44
    for y, side in ((cloth_y, -36), (person_y, 36)):
        draw.path((end + 6, y), (joint, y), (joint, middle + side), arrow=True)
    draw.map("match", parts.correlation, joint, middle)
    draw.words(joint + 18, middle + 36, "correlation", anchor="start")
    draw.arrow((joint + 22, middle), (joint + 60, middle))
    last = draw.maps("match", parts.regressor, joint + 76, middle)
    draw.words(joint + 76 + 1.5 * STEP, middle + 52, "regressor")
    spline = OUT - 106
    theta = spline - 94
    draw.arrow((last + 8, middle), (theta - 36, middle))
    draw.control_points(of.offsets, parts.points, theta, middle)
    draw.words(theta, middle + 54, f"θ  {parts.points}×{parts.points}×2", math=True)
    draw.arrow((theta + 36, middle), (spline - 31, middle))
    draw.box(spline, middle, "TPS", "warp")
    over = top + 14
    draw.path((92, cloth_y - draw.thumb_height / 2 - 4), (92, over), (spline, over),
              (spline, middle - 23), arrow=True)  # fmt: skip
    draw.words(spline + 8, over + 22, "c", anchor="start", math=True)
    draw.arrow((spline + 31, middle), (OUT - THUMB / 2 - 4, middle))
    draw.thumb(of.pictures["warp"], OUT, middle, "I_{warp}")
    name = "L_{1}" if parts.losses == ["L1"] else "L_{gmm}"
    draw.compared(middle, name, parts.losses, of.pictures["worn"], "I_{gt-warp}")
    if parts.head is None:
        return
    y, tap = top + 378, joint - 22
    draw.path((tap, cloth_y), (tap, y - 8), aux=True)
    for tapped in (cloth_y, person_y):
        draw.dot(tap, tapped)
    draw.circle(tap, y, "C", 8)
    draw.arrow((tap + 8, y), (joint + 26, y), aux=True)
    last = draw.maps("auxiliary", parts.head.maps, joint + 42, y, aux=True)
    _decoder_name(draw, joint + 32, y)
    draw.words(last + 10, y - 9, "M_{exp}", anchor="start", math=True, colour=RED)
    draw.line((last + 8, y), (LOSS - 38, y), aux=True)
    _cross_entropy(draw, of, parts.head, y)


def _tom(draw: "_Drawing", of: Architecture, top: float) -> None:
    parts = of.tom
    draw.heading("B", "Try-on module (TOM)", parts.parameters, parts.head, top - 34)
    y = top + 202
    up, down = y - 84, y + 118
    person_y, warp_y = y - 66, y + 66
    draw.representation(of, 92, person_y)
    draw.thumb(of.pictures["warp"], 92, warp_y, "I_{warp}", channels=3, under="of the frozen GMM")
    joint, start = 186, 236
    draw.path((148, person_y), (joint, person_y), (joint, y - 8))
    draw.path((124, warp_y), (joint, warp_y), (joint, y + 8))
    draw.circle(joint, y, "C", 8)
    draw.words(joint + 13, y - 7, f"{parts.encoder[0].channels}", anchor="start", size=10)
    draw.arrow((joint + 8, y), (start - 12, y))
    encoder = parts.encoder[1:]
    end = draw.maps("encoder", encoder, start, y)
    deepest = start + (len(encoder) - 1) * STEP
    draw.words(deepest, y - 36, "encoder")
    rise = end + 30
    first = rise + 34
    draw.path((end + 6, y), (rise, y), (rise, up), (first - 14, up), arrow=True)
    last = draw.maps("decoder", parts.decoder, first, up)
    draw.words(first - 12, up + 46, "decoder", anchor="start")
    for level in range(len(encoder) - 1):
        # joins what decoder level `meets` has made, before the next one
        meets = len(encoder) - 2 - level
        draw.skip(encoder[level], (start + level * STEP, y), (first + (meets + 0.5) * STEP, up - 6),
                  up - 80 + 8 * level)  # fmt: skip
    fuse = OUT - 92
    outputs = fuse - 82
    split, high, low = last + 26, up - 62, up + 62
    for target, name, picture, symbol, channels in (
        (high, "tanh", "rendered", "I_{rp}", 3),
        (low, "sigmoid", "mask", "M_{cm}", 1),
    ):
        left, right = outputs - THUMB / 2 - 4, outputs + THUMB / 2 + 3
        draw.path((last + 10, up), (split, up), (split, target), (left, target), arrow=True)
        draw.words((split + left) / 2 - 2, target - 6, name, size=10, colour=MUTED)
        draw.thumb(of.pictures[picture], outputs, target, symbol, channels)
        side = 14 if target > up else -14
        draw.path((right, target), (fuse, target), (fuse, up + side), arrow=True)
    over, side = top, 24
    draw.path((92 - THUMB / 2 - 3, warp_y), (side, warp_y), (side, over), (fuse + 30, over),
              (fuse + 30, up - 34), (fuse + 11, up - 11), arrow=True)  # fmt: skip
    draw.words(fuse + 38, over + 20, "I_{warp}", anchor="start", math=True)
    draw.circle(fuse, up, "⊗")
    draw.arrow((fuse + 14, up), (OUT - THUMB / 2 - 4, up))
    draw.thumb(of.pictures["try-on"], OUT, up, "I_{try-on}")
    draw.compared(up, "L_{tom}", parts.losses, of.pictures["photo"], "I")
    draw.words(
        OUT + 40, up + 96, "I_{try-on} = M_{cm} · I_{warp} + (1 − M_{cm}) · I_{rp}", math=True
    )
    if parts.head is None:
        return
    draw.path((end + 6, y), (rise, y), (rise, down), (first - 14, down), aux=True, arrow=True)
    last = draw.maps("auxiliary", parts.head.maps, first, down, aux=True)
    _decoder_name(draw, first - 12, down)
    for level in range(len(encoder) - 1):
        meets = len(encoder) - 1 - level
        if parts.head.skips[meets - 1]:
            below = draw.rows(parts.head.maps[meets]) / 2 + 17
            draw.skip(encoder[level], (start + level * STEP, y),
                      (first + meets * STEP, down + below), down + 84 - 8 * level)  # fmt: skip
    middle = (last + LOSS) / 2
    draw.arrow((last + 8, down), (middle - THUMB / 2 - 4, down), aux=True)
    draw.thumb(of.pictures["M_exp"], middle, down, "M_{exp}")
    draw.line((middle + THUMB / 2 + 3, down), (LOSS - 38, down), aux=True)
    _cross_entropy(draw, of, parts.head, down)


def _decoder_name(draw: "_Drawing", x: float, y: float) -> None:
    for line, word in enumerate(("segmentation", "decoder")):
        draw.words(x, y - 60 + 14 * line, word, anchor="start", colour=RED)


def _cross_entropy(draw: "_Drawing", of: Architecture, head: Head, y: float) -> None:
    weight = "" if head.weight == 1 else f"{head.weight:g} · "
    terms = [f"{weight}weighted", "cross-entropy"]
    draw.compared(y, "L_{CE}", terms, of.pictures["parse"], "parse of I", aux=True)


def _key(draw: "_Drawing", y: float, aux: bool) -> None:
    x = 40.0
    for kind, words in (
        ("encoder", "encoder"),
        ("match", "matching"),
        ("decoder", "primary decoder"),
        ("auxiliary", "auxiliary head, needed in training only"),
    ):
        if aux or kind != "auxiliary":
            draw.map_key(kind, x, y, words)
            x += 48 + 6.4 * len(words)
    draw.words(WIDTH - 40, y + 4, "under a feature map its channels, above it rows × columns",
               anchor="end", colour=MUTED)  # fmt: skip


def _arrowheads() -> str:
    heads = [
        element(
            "marker",
            element("path", d="M0,0.6 L7,4 L0,7.4 z", fill=colour, class_=kind),
            id=f"arrow-{kind}",
            markerWidth=8,
            markerHeight=8,
            refX=6.4,
            refY=4,
            orient="auto",
            markerUnits="userSpaceOnUse",
        )
        for kind, colour in (("line-head", LINE), ("aux-head", RED))
    ]
    return element("defs", *heads)


Point = tuple[float, float]
Attributes = dict[str, str | float | None]


class _Drawing:
    """The parts drawn so far; all coordinates are centres unless said."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.height, self.width = size
        self.thumb_height = THUMB * self.height / self.width
        self.parts: list[str] = []

    def heading(
        self, letter: str, title: str, parameters: int, head: Head | None, y: float
    ) -> None:
        words = f"{parameters / 1e6:.2f} M parameters"
        if head is not None:
            words += f", auxiliary head {head.parameters / 1e6:.2f} M"
        self.parts.append(
            element(
                "text", element("tspan", f"({letter})  {title}", font_weight="600"),
                element("tspan", words, dx=14, fill=MUTED, font_size=12, class_="muted"),
                x=18, y=y + 14, font_size=17, fill=INK, class_="ink",
            )
        )  # fmt: skip
        self.parts.append(
            element("line", x1=18, x2=WIDTH - 18, y1=y + 24, y2=y + 24, stroke="#d5dbe1",
                    class_="rule")
        )  # fmt: skip

    def words(
        self, x: float, y: float, text: str, anchor: str = "middle", size: float = 12,
        math: bool = False, colour: str = INK,
    ) -> None:  # fmt: skip
        kind = {INK: "ink", MUTED: "muted", RED: "aux-ink"}[colour]
        self.parts.append(
            element(
                "text", label(text, size + 2 * math), x=x, y=y, font_size=size + 2 * math,
                text_anchor=anchor, fill=colour, class_=kind,
                font_family=SERIF if math else None, font_style="italic" if math else None,
            )
        )  # fmt: skip

    def path(self, *points: Point, aux: bool = False, arrow: bool = False) -> None:
        """A line through the points with rounded corners."""
        steps = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
        for before, at, after in zip(points, points[1:], points[2:], strict=False):
            a, b = _towards(at, before, 7), _towards(at, after, 7)
            steps.append(f"L{a[0]:.1f},{a[1]:.1f} Q{at[0]:.1f},{at[1]:.1f} {b[0]:.1f},{b[1]:.1f}")
        steps.append(f"L{points[-1][0]:.1f},{points[-1][1]:.1f}")
        kind = "aux" if aux else "line"
        self.parts.append(
            element(
                "path", d=" ".join(steps), fill="none", stroke=RED if aux else LINE,
                stroke_width=1.4, stroke_dasharray="5 3.5" if aux else None,
                marker_end=f"url(#arrow-{kind}-head)" if arrow else None, class_=f"{kind}-stroke",
            )
        )  # fmt: skip

    def arrow(self, start: Point, end: Point, aux: bool = False) -> None:
        self.path(start, end, aux=aux, arrow=True)

    def line(self, start: Point, end: Point, aux: bool = False) -> None:
        self.path(start, end, aux=aux)

    def skip(self, of: Shape, start: Point, end: Point, outer: float) -> None:
        """From an encoder's map to a decoder's level, above or below, along the height `outer`."""
        side = 1 if end[1] > start[1] else -1
        edge = start[1] + side * (self.rows(of) / 2 + (17 if side > 0 else 22))
        self.path((start[0], edge), (start[0], outer), (end[0], outer), end,
                  aux=side > 0, arrow=True)  # fmt: skip

    def map(self, kind: str, shape: Shape, x: float, y: float, aux: bool = False) -> None:
        """A feature map as a slab: its height tells the rows, its width the channels."""
        fill, shade, edge = COLOURS[kind]
        high, wide = self.rows(shape), self._columns(shape)
        left, upper, depth = x - wide / 2, y - high / 2, min(7.0, 2 + high / 14)
        outline: Attributes = {
            "stroke": edge, "stroke_width": 1.1, "stroke_linejoin": "round",
            "stroke_dasharray": "3 2" if aux else None,
        }  # fmt: skip
        right = left + wide
        roof = [(left, upper), (left + depth, upper - depth), (right + depth, upper - depth),
                (right, upper)]  # fmt: skip
        wall = [(right, upper), (right + depth, upper - depth),
                (right + depth, upper + high - depth), (right, upper + high)]  # fmt: skip
        for face in (roof, wall):
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in face)
            self.parts.append(
                element("polygon", points=points, fill=shade, class_=f"side {kind}", **outline)
            )
        self.parts.append(
            element("rect", x=left, y=upper, width=wide, height=high, fill=fill,
                    class_=f"front {kind}", **outline)
        )  # fmt: skip
        self.words(x, y + high / 2 + 12, str(shape.channels), size=10)
        self.words(x + depth / 2, y - high / 2 - depth - 4, f"{shape.height}×{shape.width}",
                   size=8.5, colour=MUTED)  # fmt: skip

    def maps(
        self, kind: str, shapes: Sequence[Shape], x: float, y: float, aux: bool = False
    ) -> float:
        """Maps in a row; returns the right edge of the last one."""
        for number, shape in enumerate(shapes):
            self.map(kind, shape, x + number * STEP, y, aux)
        return x + (len(shapes) - 1) * STEP + self._columns(shapes[-1]) / 2 + 4

    def thumb(
        self, picture: npt.NDArray[np.uint8], x: float, y: float, name: str, channels: int = 0,
        under: str = "",
    ) -> None:  # fmt: skip
        self.picture(picture, x, y)
        below = y + self.thumb_height / 2 + 16
        self.words(x, below, name, math="{" in name or len(name) == 1)
        if under:
            self.words(x, below + 15, under, size=10, colour=MUTED)
        if channels:
            self.words(x + THUMB / 2, y - self.thumb_height / 2 - 4, str(channels), anchor="end",
                       size=10)  # fmt: skip

    def picture(self, picture: npt.NDArray[np.uint8], x: float, y: float) -> None:
        box: Attributes = {
            "x": x - THUMB / 2, "y": y - self.thumb_height / 2, "width": float(THUMB),
            "height": self.thumb_height,
        }  # fmt: skip
        url = data_url(picture, height=160)
        self.parts += [
            element("image", href=url, preserveAspectRatio="none", **box),
            element("rect", fill="none", stroke="#7b8794", stroke_width=0.8, **box),
        ]

    def representation(self, of: Architecture, x: float, y: float) -> None:
        """I_p as its three parts, fanned out."""
        for name, shift in (("pose", 24), ("head", 0), ("shape", -24)):
            self.picture(of.pictures[name], x + shift, y - shift / 6)
        below = y + self.thumb_height / 2 + 18
        self.words(x, below, "I_{p}", math=True)
        self.words(x, below + 14, "shape 1, head 3, pose 18", size=10, colour=MUTED)

    def control_points(
        self, offsets: npt.NDArray[np.float32], points: int, x: float, y: float
    ) -> None:
        """The moved control points of the sample that is drawn, as a net."""
        grid = np.linspace(-1, 1, points)
        at = np.stack(np.meshgrid(grid, grid), -1) + offsets.reshape(points, points, 2)
        at = np.clip(at, -1.25, 1.25) * np.array([22, 29]) + np.array([x, y])
        for row in (*at, *at.transpose(1, 0, 2)):
            line = " ".join(f"{a:.1f},{b:.1f}" for a, b in row)
            self.parts.append(
                element("polyline", points=line, fill="none", stroke=COLOURS["match"][2],
                        stroke_width=0.9, class_="net")
            )  # fmt: skip
        for a, b in at.reshape(-1, 2).tolist():
            self.parts.append(
                element("circle", cx=a, cy=b, r=1.7, fill=COLOURS["match"][2], class_="net-point")
            )

    def box(self, x: float, y: float, name: str, below: str) -> None:
        fill, _, edge = COLOURS["match"]
        self.parts.append(
            element("rect", x=x - 27, y=y - 19, width=54, height=38, rx=7, fill=fill, stroke=edge,
                    stroke_width=1.1, class_="front match")
        )  # fmt: skip
        self.words(x, y + 4.5, name, size=13)
        self.words(x, y + 52, below)

    def compared(
        self, y: float, name: str, terms: Sequence[str], truth: npt.NDArray[np.uint8],
        truth_name: str, aux: bool = False,
    ) -> None:  # fmt: skip
        """A loss with its terms, and the picture that it compares with."""
        if not aux:
            self.line((OUT + THUMB / 2 + 3, y), (LOSS - 36, y))
        self.line((LOSS + 36, y), (TRUTH - THUMB / 2 - 4, y), aux)
        kind = "auxiliary" if aux else "input"
        fill, _, edge = COLOURS[kind]
        self.parts.append(
            element("rect", x=LOSS - 34, y=y - 16, width=68, height=32, rx=16, fill=fill,
                    stroke=edge, stroke_width=1.1, class_=f"front {kind}",
                    stroke_dasharray="4 2.5" if aux else None)
        )  # fmt: skip
        self.words(LOSS, y + 4, name, math=True)
        if terms != ["L1"]:
            for number, term in enumerate(terms):
                words = term if aux or not number else f"+ {term}"
                self.words(LOSS, y + 31 + 13 * number, words, size=10, colour=MUTED)
        self.thumb(truth, TRUTH, y, truth_name)

    def dot(self, x: float, y: float) -> None:
        self.parts.append(element("circle", cx=x, cy=y, r=3, fill=RED, class_="aux-head"))

    def circle(self, x: float, y: float, sign: str, radius: float = 12) -> None:
        fill, _, edge = COLOURS["input"]
        self.parts.append(
            element("circle", cx=x, cy=y, r=radius, fill=fill, stroke=edge, class_="front input")
        )
        self.words(x, y + radius * 0.4, sign, size=radius * 1.25)

    def map_key(self, kind: str, x: float, y: float, words: str) -> None:
        fill, _, edge = COLOURS[kind]
        self.parts.append(
            element("rect", x=x, y=y - 7, width=13, height=13, fill=fill, stroke=edge, rx=2,
                    class_=f"front {kind}",
                    stroke_dasharray="3 2" if kind == "auxiliary" else None)
        )  # fmt: skip
        self.words(x + 20, y + 4, words, anchor="start")

    def rows(self, shape: Shape) -> float:
        return 104 * math.sqrt(shape.height / self.height)

    def _columns(self, shape: Shape) -> float:
        return 2 + 2.1 * math.log2(shape.channels + 1)


def _towards(start: Point, end: Point, far: float) -> Point:
    length = math.dist(start, end)
    share = min(0.5, far / length) if length else 0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share

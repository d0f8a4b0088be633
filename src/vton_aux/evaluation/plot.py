"""Interval plots as inline SVG strips, placed by percentages so that they fit any width.

A strip is a row of a plot; the strips of a score share a scale. Right is better, whatever the
score's own direction.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from vton_aux.evaluation.comparison import Comparison
from vton_aux.evaluation.known_scores import SCORES
from vton_aux.evaluation.statistics import Interval
from vton_aux.evaluation.svg import element

ROOM = 0.05  # of the width, free at both ends
HEIGHT, MIDDLE = 38, 16  # pixels


@dataclass(frozen=True)
class Mark:
    """A comparison as gains: its differences, turned so that positive is better.

    Attributes:
        sign: 1, or -1 where a lower score is better.
        gain: the mean.
        images, seeds: its intervals; NaN where there is none.
        paper: the paper's own gain, or None.
        verdict: "better" or "worse" where a corrected test tells it from 0, else "open".
        settled: that it is the test over the seeds, which tells of the method.
    """

    sign: int
    gain: float
    images: Interval
    seeds: Interval
    paper: float | None
    verdict: str
    settled: bool

    @property
    def kind(self) -> str:
        """Both in words, as the style sheet has them."""
        return f"{self.verdict} settled" if self.settled else self.verdict


@dataclass(frozen=True)
class Scale:
    """The gains that a plot shows, from left to right."""

    low: float
    high: float

    def at(self, gain: float) -> float:
        """The place of a gain in percent of the width."""
        share = (gain - self.low) / (self.high - self.low)
        return 100 * (ROOM + (1 - 2 * ROOM) * share)

    @property
    def ticks(self) -> list[float]:
        """A few round gains, 0 among them."""
        rough = (self.high - self.low) / 3
        power = 10 ** math.floor(math.log10(rough))
        step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def mark_of(comparison: Comparison, paper: float | None = None) -> Mark:
    """The mark of a comparison beside `paper`, the paper's difference."""
    c = comparison
    sign = 1 if SCORES[c.score].higher_is_better else -1
    told = "better" if c.better_than_baseline else "worse"
    return Mark(
        sign,
        sign * c.difference,
        Interval(*sorted((sign * c.low, sign * c.high))),
        Interval(*sorted((sign * c.seed_low, sign * c.seed_high))),
        None if paper is None else sign * paper,
        told if c.shown or c.settled else "open",
        c.settled,
    )


def scale_of(marks: Iterable[Mark]) -> Scale:
    """The scale of these marks and of 0. The intervals over the seeds may leave it: over two seeds
    they are a dozen times as wide as the seeds lie apart."""
    gains = [0.0]
    for mark in marks:
        gains += [mark.gain, *mark.images, mark.paper or 0.0]
    known = [gain for gain in gains if math.isfinite(gain)]
    low, high = min(known), max(known)
    if low == high:
        return Scale(-1.0, 1.0)
    least = (high - low) * 0.15  # a side without a mark is there all the same
    return Scale(min(low, -least), max(high, least))


def strip(mark: Mark, scale: Scale, words: str) -> str:
    """One row; `words` tells it to those who do not see it."""
    parts = [_line(scale.at(0), 0, scale.at(0), HEIGHT, "zero")]
    if math.isfinite(mark.seeds.low):
        parts += _seeds(mark.seeds, scale)
    if math.isfinite(mark.images.low):
        parts.append(_line(scale.at(mark.images.low), MIDDLE, scale.at(mark.images.high), MIDDLE,
                           "images"))  # fmt: skip
    if mark.paper is not None:
        diamond = element("path", d="M0,-5 L5,0 L0,5 L-5,0 z", class_="claim")
        parts.append(_placed(scale.at(mark.paper), MIDDLE, diamond))
    parts.append(_placed(scale.at(mark.gain), MIDDLE, element("circle", r=4.5, class_="dot")))
    return _svg(parts, HEIGHT, f"strip {mark.kind}", words)


def axis(scale: Scale, sign: int) -> str:
    """The differences along the strips; `sign` turns gains back into them."""
    parts = [_line(0, 1, 100, 1, "rule")]
    for gain in scale.ticks:
        parts.append(_line(scale.at(gain), 1, scale.at(gain), 5, "rule"))
        number = f"{sign * gain:+.3g}".replace("-", "\N{MINUS SIGN}") if gain else "0"
        parts.append(
            element("text", number, x=f"{scale.at(gain):.2f}%", y=17, text_anchor="middle")
        )
    return _svg(parts, 20, "axis")


def _seeds(seeds: Interval, scale: Scale) -> list[str]:
    """Below the interval over the images; an end outside of the scale is an arrow at its edge."""
    y = MIDDLE + 9
    ends = [min(max(scale.at(gain), 0.0), 100.0) for gain in seeds]
    parts = [_line(ends[0], y, ends[1], y, "seeds")]
    for end, edge, tip in (
        (ends[0], 0.0, "M6,-3 L0,0 L6,3"),
        (ends[1], 100.0, "M-6,-3 L0,0 L-6,3"),
    ):
        cap = tip if end == edge else "M0,-3 L0,3"
        parts.append(_placed(end, y, element("path", d=cap, class_="seeds", fill="none")))
    return parts


def _placed(percent: float, y: float, shape: str) -> str:
    """A shape in pixels at a place in percent."""
    return element("svg", shape, x=f"{percent:.2f}%", y=y, overflow="visible")


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return element("line", x1=f"{x1:.2f}%", y1=y1, x2=f"{x2:.2f}%", y2=y2, class_=kind)


def _svg(parts: list[str], height: int, kind: str, words: str | None = None) -> str:
    return element(
        "svg", *parts, class_=kind, width="100%", height=height,
        role="img" if words else None, aria_label=words, aria_hidden=None if words else "true",
    )  # fmt: skip

import math
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from vton_aux.evaluation.comparison import Comparison
from vton_aux.evaluation.conclusion import conclusion
from vton_aux.evaluation.plot import axis, mark_of, scale_of, strip

SSIM = Comparison("ssim", 0.02, low=0.01, high=0.03, p_corrected=0.01, images=50)


def x_of(svg, kind):
    """Where the shape of that class stands, in percent."""
    found = re.search(rf'<svg x="([\d.]+)%"[^>]*><\w+[^>]*class="{kind}"', svg)
    return float(found[1])


def test_better_is_right_whatever_the_score():
    lower = replace(SSIM, score="bleeding", difference=-0.02, low=-0.03, high=-0.01)
    marks = [mark_of(SSIM, 0.014), mark_of(lower, -0.014)]
    assert [mark.verdict for mark in marks] == ["better", "better"]
    first, second = (strip(mark, scale_of([mark]), "words") for mark in marks)
    assert first == second
    assert x_of(first, "dot") > x_of(first, "claim")
    assert mark_of(replace(lower, difference=0.02)).verdict == "worse"


def test_what_the_test_does_not_tell_is_open():
    assert mark_of(replace(SSIM, p_corrected=0.06)).verdict == "open"
    assert mark_of(Comparison("fid", -1.0)).verdict == "open"
    assert mark_of(Comparison("fid", -1.0, seeds=3, seed_p_corrected=0.01)).verdict == "better"


@pytest.mark.parametrize(
    ("p", "seed_p", "kind"),
    [(0.9, 0.9, "open"), (0.01, 0.9, "better"), (0.01, math.nan, "better"),
     (0.01, 0.01, "better settled"), (0.9, 0.01, "better settled")],
)  # fmt: skip
def test_the_mark_says_what_the_sentence_says(p, seed_p, kind):
    c = replace(
        SSIM, p_corrected=p, seed_p=seed_p, seed_p_corrected=seed_p, seeds=3, seed_low=-1.0,
        seed_high=1.0,
    )  # fmt: skip
    assert mark_of(c).kind == kind
    told = conclusion(c, "CP-VTON", "Both")
    assert ("is better than" in told) == ("better" in kind)
    assert ("the method's doing" in told) == ("settled" in kind)


def test_a_scale_holds_zero_every_mark_and_the_papers_but_no_wide_interval_over_seeds():
    mark = mark_of(replace(SSIM, seed_low=-4.0, seed_high=4.0, seeds=2), 0.05)
    scale = scale_of([mark])
    assert scale.low < 0
    assert scale.high == 0.05
    assert 0 < scale.at(0) < scale.at(0.05) < 100
    drawn = strip(mark, scale, "words")
    places = [float(x) for x in re.findall(r'x\d?="([-\d.]+)%"', drawn)]
    assert min(places) == 0
    assert max(places) == 100


def test_no_difference_at_all_has_a_scale_too():
    mark = mark_of(Comparison("ssim", 0.0, low=0.0, high=0.0, images=5))
    assert scale_of([mark]).at(0) == pytest.approx(50)


@pytest.mark.parametrize("size", [1e-4, 0.03, 7.0, 1234.5])
def test_ticks_are_few_and_round_and_hold_zero(size):
    ticks = scale_of([mark_of(replace(SSIM, difference=size, low=size / 2, high=size * 2))]).ticks
    assert 0 in ticks
    assert 2 <= len(ticks) <= 5
    step = min(abs(tick) for tick in ticks if tick)
    assert round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) in (1, 2, 5)


def test_the_axis_tells_the_differences_themselves():
    scale = scale_of([mark_of(replace(SSIM, score="fid", difference=-2.0, low=-3.0, high=-1.0))])
    labels = [text.text for text in ElementTree.fromstring(axis(scale, -1)).iter("text")]
    assert "\N{MINUS SIGN}2" in labels


def test_a_strip_speaks():
    drawn = ElementTree.fromstring(strip(mark_of(SSIM), scale_of([mark_of(SSIM)]), 'a "b" <c>'))
    assert drawn.get("aria-label") == 'a "b" <c>'
    assert drawn.get("role") == "img"

"""Which samples to show, by rule and never by hand, and their pictures side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from vton_aux.data.sample import UInt8
from vton_aux.evaluation.album import Album, Sample
from vton_aux.evaluation.known_scores import SCORES, signed
from vton_aux.evaluation.runs import Evaluation
from vton_aux.pictures import sheet

Numbers: TypeAlias = "pd.Series[float]"  # one a sample, by person, cloth and pairing
SHAPE = "shape_difficulty"  # of the shop cloth against the worn one
PERSON, CLOTH, TRUTH = "person", "shop cloth", "truth"


@dataclass(frozen=True)
class Sheet:
    """Samples in rows, pictures in columns.

    Attributes:
        notes: column -> a number under each of its pictures.
        numbers: by which the rule chose the samples.
        by_difficulty: whether the numbers are how unlike the worn cloth the shop cloth is.
        said: the numbers in print, where they are scores or gains.
    """

    samples: list[Sample]
    numbers: list[float]
    columns: dict[str, list[UInt8]]
    notes: dict[str, list[str]] = field(default_factory=dict)
    by_difficulty: bool = False
    said: list[str] = field(default_factory=list)


def candidates(table: pd.DataFrame) -> pd.DataFrame:
    """The rows to choose from: clean ones where there are any, and no copies of an earlier one."""
    if "clean" in table and table["clean"].any():
        return table[table["clean"]]
    return table[~table["copy"]] if "copy" in table else table


def ranked(values: Numbers, higher_is_better: bool = True) -> Numbers:
    """From the best to the worst; equal ones by name, undefined ones left out."""
    by_name = values.dropna().sort_index()
    return by_name.sort_values(ascending=not higher_is_better, kind="stable")


def gains(baseline: Numbers, system: Numbers, score: str) -> Numbers:
    """How much better the system is on each image that both have; negative where it is worse."""
    difference = (system - baseline).dropna()
    return difference if SCORES[score].higher_is_better else -difference


def spread(values: Numbers, count: int) -> Numbers:
    """`count` samples at evenly spread ranks, from the lowest value to the highest."""
    in_order = ranked(values, higher_is_better=False)
    count = min(count, len(in_order))
    return in_order.iloc[np.linspace(0, len(in_order) - 1, count).round().astype(int)]


def best_and_worst(scores: Numbers, score: str, count: int) -> tuple[Numbers, Numbers]:
    """The best from the top, the worst from the bottom; no sample stands in both."""
    order = ranked(scores, SCORES[score].higher_is_better)
    count = min(count, len(order) // 2)
    return order.head(count), order.iloc[::-1].head(count)


def gain_and_loss(gained: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """The largest gains and the largest losses; empty where nothing is better, or worse."""
    order = ranked(gained)
    return order[order > 0].head(count), order[order < 0].iloc[::-1].head(count)


def figures(evaluations: Mapping[str, Evaluation], count: int) -> tuple[Sheet | None, Sheet]:
    """Figure 2, where a system kept its warps, and Figure 3, of the same samples.

    The samples are spread evenly from the cloth that is most like the worn one to the least.

    Args:
        evaluations: of the same samples, by the name of the column.
    """
    first = next(iter(evaluations.values()))
    table = candidates(first.table)
    values = pd.Series(np.arange(len(table), dtype=float), index=table.index)
    graded = SHAPE in table and bool(table[SHAPE].notna().any())
    if graded:
        values = table[SHAPE].astype(float)
    chosen = spread(values, count)
    samples, numbers = _samples(chosen), [float(number) for number in chosen]
    albums = {title: Album(evaluation) for title, evaluation in evaluations.items()}
    warped = {title: album for title, album in albums.items() if album.has_warps}
    start = _inputs(next(iter(albums.values())), samples)
    pasted = {title: [album.pasted(s) for s in samples] for title, album in warped.items()}
    made = {title: [album.tryon(s) for s in samples] for title, album in albums.items()}
    second = None
    if warped:
        notes = {title: _notes(evaluations[title], samples, "warp_iou") for title in warped}
        second = Sheet(samples, numbers, {**start, **pasted}, notes, graded)
    notes = {
        title: _notes(evaluation, samples, "ssim") for title, evaluation in evaluations.items()
    }
    truth = _truth(next(iter(albums.values())), samples)
    return second, Sheet(samples, numbers, {**start, **made, **truth}, notes, graded)


def galleries(evaluations: Mapping[str, Evaluation], score: str, count: int) -> dict[str, Sheet]:
    """`best` and `worst` of the last system; `gain` and `loss` of it against the first one.

    Args:
        evaluations: of the same samples, by the name of the column: one, or two to compare.
        score: the column of the table that ranks them.
    """
    tables = [candidates(evaluation.table) for evaluation in evaluations.values()]
    scores = [table[score].replace([np.inf, -np.inf], np.nan) for table in tables]
    rules = dict(zip(("best", "worst"), best_and_worst(scores[-1], score, count), strict=True))
    if len(scores) > 1:
        gained = gain_and_loss(gains(scores[0], scores[-1], score), count)
        rules |= dict(zip(("gain", "loss"), gained, strict=True))
    albums = {title: Album(evaluation) for title, evaluation in evaluations.items()}
    sheets = {}
    for rule, chosen in rules.items():
        samples = _samples(chosen)
        if samples:
            made = {title: [album.tryon(s) for s in samples] for title, album in albums.items()}
            notes = {title: _notes(e, samples, score) for title, e in evaluations.items()}
            start = _inputs(next(iter(albums.values())), samples)
            numbers = [float(number) for number in chosen]
            said = [_said(number, score, rule) for number in numbers]
            sheets[rule] = Sheet(samples, numbers, {**start, **made}, notes, said=said)
    return sheets


def picture_of(of: Sheet) -> Image.Image:
    """The sheet as one picture, with a last column of the numbers that belong to its rows."""
    notes = {title: lines for title, lines in of.notes.items() if any(lines)}
    if not notes:
        return sheet(of.columns)
    size = next(iter(of.columns.values()))[0].shape
    texts = [
        "\n".join(f"{title}\n  {lines[row]}" for title, lines in notes.items())
        for row in range(len(of.samples))
    ]
    return sheet({**of.columns, "": [_text(text, (size[0], size[1])) for text in texts]})


def _said(number: float, score: str, rule: str) -> str:
    known = SCORES[score]
    if rule in ("best", "worst"):
        return f"{known.name} {number:.{known.decimals}f}"
    difference = number if known.higher_is_better else -number
    printed = signed(difference, known).replace("-", "\N{MINUS SIGN}")
    return f"{known.name} {printed}"


def _notes(evaluation: Evaluation, samples: Sequence[Sample], score: str) -> list[str]:
    """The score of each sample in print; nothing where it has none."""
    if score not in evaluation.table:
        return [""] * len(samples)
    known = SCORES[score]
    values = evaluation.table[score].loc[list(samples)].astype(float)
    return ["" if np.isnan(v) else f"{known.name} {v:.{known.decimals}f}" for v in values]


def _samples(chosen: Numbers) -> list[Sample]:
    return [Sample(*map(str, index)) for index in chosen.index]


def _inputs(album: Album, samples: Sequence[Sample]) -> dict[str, list[UInt8]]:
    return {
        PERSON: [album.person(sample) for sample in samples],
        CLOTH: [album.cloth(sample) for sample in samples],
    }


def _truth(album: Album, samples: Sequence[Sample]) -> dict[str, list[UInt8]]:
    """A column of true pictures of unpaired samples; a paired one's stands in the first column."""
    truths = [album.truth(sample) for sample in samples if sample.pairing == "unpaired"]
    known = [truth for truth in truths if truth is not None]
    return {TRUTH: known} if samples and len(known) == len(samples) else {}


def _text(text: str, size: tuple[int, int]) -> UInt8:
    """Text as a picture of this (height, width)."""
    canvas = Image.new("RGB", size[::-1], "white")
    place = (4, size[0] / 2)
    font = ImageFont.load_default(12)
    ImageDraw.Draw(canvas).multiline_text(place, text, "black", font, anchor="lm", spacing=5)
    return np.asarray(canvas)

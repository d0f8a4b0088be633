"""Table 1 in print: the cells that HTML, Markdown and LaTeX have in common."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from vton_aux.evaluation.footnotes import footnote
from vton_aux.evaluation.known_scores import SCORES, Score
from vton_aux.evaluation.systems import ARMS
from vton_aux.evaluation.table1 import PAPER, PAPER_FID, PAPER_ROWS, Cell, Row, Table

NA = "n/a"


class PrintedCell(NamedTuple):
    """A number; its standard deviation over the seeds and its interval's ends, "" where there are
    none; the mark of its footnote; whether it is the best of its row."""

    number: str
    sd: str = ""
    low: str = ""
    high: str = ""
    mark: str = ""
    best: bool = False


class PrintedRow(NamedTuple):
    """A score: the paper's numbers, of the paper's scores alone, and ours."""

    label: str
    paper: list[PrintedCell]
    ours: list[PrintedCell]


class PrintedTable(NamedTuple):
    """The columns' heads, the paper's scores, further ones, and the footnotes from (a) on."""

    paper: list[str]
    ours: list[str]
    rows: list[PrintedRow]
    further: list[PrintedRow]
    notes: list[str]


def printed(table: Table) -> PrintedTable:
    """Table 1 under one protocol."""
    notes: list[str] = []
    titles = [system.title for system in table.systems]
    of = PrintedTable([ARMS[arm] for arm in PAPER], titles, [], [], notes)
    for row in table.rows:
        theirs = [Cell(numbers[row.score]) for numbers in PAPER.values() if row in PAPER_ROWS]
        if row.score == "fid":
            theirs = [cell._replace(note=PAPER_FID) for cell in theirs]
        ours = [table.cells[row, system.name] for system in table.systems]
        cells = [_printed(side, row, notes) for side in (theirs, ours)]
        (of.rows if row in PAPER_ROWS else of.further).append(PrintedRow(row.label, *cells))
    return of


def number_of(value: float, score: Score) -> str:
    """A score in print."""
    return NA if math.isnan(value) else f"{value:.{score.decimals}f}"


def _printed(cells: Sequence[Cell], row: Row, notes: list[str]) -> list[PrintedCell]:
    score = SCORES[row.score]
    numbers = [number_of(cell.value, score) for cell in cells]
    best = _best(numbers, score)
    found = []
    for number, cell in zip(numbers, cells, strict=True):
        sd, low, high = (
            "" if math.isnan(value) else number_of(value, score)
            for value in (cell.seed_sd, cell.low, cell.high)
        )
        mark = footnote(cell.note, notes) if cell.note else ""
        found.append(PrintedCell(number, sd, low, high, mark, number == best))
    return found


def _best(numbers: Sequence[str], score: Score) -> str | None:
    """The best as it stands in print; None where all are equal."""
    known = {number for number in numbers if number != NA}
    if len(known) < 2:
        return None
    return max(known, key=float) if score.higher_is_better else min(known, key=float)

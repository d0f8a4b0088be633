"""Table 1: the paper's numbers, ours beside them, and what may be concluded from ours."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vton_aux.errors import UserError
from vton_aux.evaluation.comparison import (
    Comparison,
    Seed,
    check_same_images,
    compare,
    compare_pooled,
    correct,
    dependent,
    mean_over_seeds,
)
from vton_aux.evaluation.conclusion import conclusion
from vton_aux.evaluation.known_scores import POOLED, SCORES
from vton_aux.evaluation.protocol import PROTOCOLS
from vton_aux.evaluation.runs import PAIRINGS, Evaluation
from vton_aux.evaluation.statistics import bootstrap_means
from vton_aux.evaluation.systems import System, beginning_with, gather

# Table 1 of Ayush et al., Powering Virtual Try-On via Auxiliary Human Segmentation Learning
PAPER = {
    "baseline": {"fid": 20.31, "ssim": 0.698, "ms_ssim": 0.744, "psnr": 14.54},
    "tom_only": {"fid": 19.87, "ssim": 0.701, "ms_ssim": 0.750, "psnr": 14.64},
    "both": {"fid": 18.93, "ssim": 0.712, "ms_ssim": 0.767, "psnr": 15.19},
}
PAPER_FID = (
    "the paper keeps the test set paired for its quantitative evaluation, but does not say so of "
    "FID, which others take on unpaired try-ons"
)
MISSING = {
    "fid": "evaluated without features=, so without FID and KID",
    "kid": "evaluated without features=, so without FID and KID",
    "ms_ssim": "MS-SSIM wants both sides above 160 pixels",
    "lpips": "evaluated without LPIPS",
    "warp_iou": "no warped cloth among the pictures",
    "segmentation_iou": "no M_exp: no auxiliary head in TOM, or pictures alone",
}


class Row(NamedTuple):
    """A score on the paired or on the unpaired try-ons."""

    score: str
    pairing: str

    @property
    def label(self) -> str:
        """The row's name in print; scores are paired where it does not say."""
        name = SCORES[self.score].name
        implied = self.pairing == "paired" and self.score not in ("fid", "kid")
        return name if implied else f"{name}, {self.pairing}"


class Cell(NamedTuple):
    """Ours: the mean over images and seeds with its spread, or why there is none."""

    value: float = math.nan
    seed_sd: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seeds: int = 0
    images: int = 0
    note: str = ""


Compared = tuple[Row, System, Comparison]


@dataclass(frozen=True)
class Table:
    """Table 1 under one protocol.

    Attributes:
        cells: by row and name of the system.
        comparisons: with the first system; corrected over those of the paper's scores, which were
            its claim before any data were seen, and over the further ones, which explain it. Empty
            where that is no baseline.
    """

    protocol: str
    systems: list[System]
    rows: list[Row]
    cells: dict[tuple[Row, str], Cell]
    comparisons: list[Compared]

    @property
    def images(self) -> int:
        """How many count under the protocol."""
        return max(len(e.rows(self.protocol)) for s in self.systems for e in s.all)

    @property
    def features(self) -> str | None:
        """Of FID and KID, which all evaluations that have them share (`check_comparable`)."""
        named = (e.summary.get("features") for s in self.systems for e in s.all)
        return next(filter(None, named), None)

    @property
    def corrected_over(self) -> list[tuple[int, int]]:
        """Tests over the images and over the seeds: of the paper's scores, of further ones."""
        found = {row in PAPER_ROWS: (c.tests, c.seed_tests) for row, _, c in self.comparisons}
        return [found.get(claimed, (0, 0)) for claimed in (True, False)]


PAPER_ROWS = [
    Row("fid", "paired"),
    Row("fid", "unpaired"),
    *(Row(score, "paired") for score in ("ssim", "ms_ssim", "psnr")),
]


def make_tables(
    evaluations: Sequence[Evaluation], protocol: str = "both", against: str = "baseline"
) -> list[Table]:
    """Table 1 of the evaluations, one a protocol.

    Args:
        protocol: "official", "clean" or "validation"; "both" is all of them that the evaluations
            have images of.
        against: the system with which the others are compared; without a baseline nothing is.

    Raises:
        UserError: the evaluations cannot stand in one table, or have no such protocol or system.
    """
    systems = beginning_with(against, gather(evaluations))
    held = [
        p
        for p in PROTOCOLS
        if all(e.summary["protocols"].get(p, {}).get("images") for e in evaluations)
    ]
    chosen = [p for p in held if protocol in ("both", p)]
    if not chosen:
        has = ", ".join(held) or "none"
        raise UserError(f"--protocol {protocol}: not in these evaluations, which have {has}")
    return [_make(systems, p, systems[0].name == against) for p in chosen]


def _make(systems: list[System], protocol: str, compared: bool) -> Table:
    for pairing in PAIRINGS:
        evaluations = [e for s in systems for e in s.evaluations.get(pairing, {}).values()]
        for other in evaluations[1:]:
            check_same_images(
                evaluations[0].rows(protocol).index,
                other.rows(protocol).index,
                (str(evaluations[0].path), str(other.path)),
            )
    cells = {
        (row, system.name): cell
        for system in systems
        for pairing in PAIRINGS
        if pairing in system.evaluations
        for row, cell in _cells(system, pairing, protocol)
    }
    present = {row for row, _ in cells}
    fids = [row for row in PAPER_ROWS if row.score == "fid" and row in present] or PAPER_ROWS[:1]
    rows = fids + [row for row in PAPER_ROWS if row.score != "fid"]
    every = [Row(score, pairing) for pairing in PAIRINGS for score in SCORES]
    rows += [row for row in every if row in present and row not in rows]
    for row in rows:
        for system in systems:
            cells.setdefault((row, system.name), Cell(note=_why_missing(row, system)))
    comparisons = _comparisons(systems, rows, protocol) if compared else []
    return Table(protocol, systems, rows, cells, comparisons)


def _cells(system: System, pairing: str, protocol: str) -> Iterable[tuple[Row, Cell]]:
    tables = system.scores(pairing, protocol)
    means = mean_over_seeds(tables.values())
    photos = system.photos(pairing, protocol)
    of = None if photos is None else photos.loc[means.index]
    for score, interval in zip(means, bootstrap_means(means, photos=of), strict=True):
        known = means[score].dropna()
        by_seed = [table[score].mean() for table in tables.values() if score in table]
        yield (
            Row(str(score), pairing),
            Cell(float(known.mean()), _sd(by_seed), *interval, len(by_seed), len(known)),
        )
    for score in POOLED:
        values = [*system.pooled(pairing, protocol, score).values()]
        if values:
            yield (
                Row(score, pairing),
                Cell(float(np.mean(values)), _sd(values), seeds=len(values), images=len(means)),
            )


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def _why_missing(row: Row, system: System) -> str:
    if row.pairing not in system.evaluations:
        return f"no {row.pairing} evaluation of {system.title} among the folders"
    return MISSING.get(row.score, "undefined on these images, or not evaluated")


def _comparisons(systems: Sequence[System], rows: Sequence[Row], protocol: str) -> list[Compared]:
    baseline, *others = systems
    found: list[Compared] = []
    for system in others:
        for pairing in PAIRINGS:
            if not (pairing in baseline.evaluations and pairing in system.evaluations):
                continue
            compared = compare(
                baseline.scores(pairing, protocol),
                system.scores(pairing, protocol),
                (baseline.title, system.title),
                baseline.photos(pairing, protocol),
            )
            for score in POOLED:
                first, second = (s.pooled(pairing, protocol, score) for s in (baseline, system))
                if first and second:
                    compared.append(compare_pooled(score, first, second))
            if _share_a_gmm(baseline, system, pairing):
                compared = [dependent(c) for c in compared]
            found += [(Row(c.score, pairing), system, c) for c in compared]
    found.sort(key=lambda entry: rows.index(entry[0]))
    return corrected(found)


def _share_a_gmm(first: System, second: System, pairing: str) -> bool:
    """Whether one GMM serves several seeds of one of the two and is not the other's: then its luck
    is in all their differences."""
    mine, theirs = first.gmms(pairing), second.gmms(pairing)
    known = [s for s in mine if s is not None and mine[s] and theirs.get(s)]
    pairs = {(mine[s], theirs[s]) for s in known}
    distinct = [{*keys} for keys in zip(*pairs, strict=True)]
    return any(one != other for one, other in pairs) and any(len(d) < len(known) for d in distinct)


def corrected(found: Sequence[Compared]) -> list[Compared]:
    """Those of the paper's scores first; each of the two families is corrected by itself."""
    claimed = [entry for entry in found if entry[0] in PAPER_ROWS]
    further = [entry for entry in found if entry[0] not in PAPER_ROWS]
    return [
        (row, system, c)
        for family in (claimed, further)
        for (row, system, _), c in zip(family, correct([c for *_, c in family]), strict=True)
    ]


def cautions(table: Table) -> list[str]:
    """What a column or a difference is not: of photos never seen, of the same seeds."""
    elsewhere = [
        f"{system.title} was trained on other photos than stand beside the test set, so it may "
        "have seen some that count as clean."
        for system in table.systems
        if any(e.summary["system"].get("trained_elsewhere") for e in system.all)
    ]
    baseline, *others = table.systems
    sharing = [
        f"{system.title} against {baseline.title}: several seeds share a GMM, so no test over the "
        "seeds; train one GMM a seed."
        for system in others
        if any(c.dependent for _, of, c in table.comparisons if of is system)
    ]
    return (elsewhere if table.protocol == "clean" else []) + sharing + _seed_notes(table)


def _seed_notes(table: Table) -> list[str]:
    """Where a difference is not that of its columns, as the two have not the same seeds."""
    baseline = table.systems[0]
    rows: dict[str, list[str]] = {}
    for row, system, _ in table.comparisons:
        first, second = (_seeds(s, row, table.protocol) for s in (baseline, system))
        if first != second:
            common = [str(seed) for seed in second if seed is not None and seed in first]
            over = f"over seed {', '.join(common)} alone; the columns have all seeds"
            if not common:
                over = "over all seeds of either, none being in both"
            said = f"{system.title} against {baseline.title}: {over}"
            rows.setdefault(said, []).append(row.label)
    return [f"{said} ({'; '.join(labels)})" for said, labels in rows.items()]


def _seeds(system: System, row: Row, protocol: str) -> list[Seed]:
    if row.score in POOLED:
        return sorted(system.pooled(row.pairing, protocol, row.score), key=str)
    return sorted(system.evaluations.get(row.pairing, {}), key=str)


def conclude(table: Table, row: Row, system: System, comparison: Comparison, name: str = "") -> str:
    """`conclusion` of one of the table's comparisons; `name` stands for the system's title."""
    baseline = table.systems[0]
    apart = system.differs_in(baseline)
    return conclusion(comparison, baseline.title, name or system.title, row.label, apart)

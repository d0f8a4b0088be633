"""Table 1: the paper's numbers, ours beside them, and what may be concluded from ours."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vton_aux.errors import UserError
from vton_aux.evaluation.protocol import PROTOCOLS
from vton_aux.evaluation.runs import ARMS, PAIRINGS, Evaluation, System, gather
from vton_aux.evaluation.statistics import (
    POOLED,
    RESAMPLES,
    SCORES,
    Comparison,
    bootstrap_means,
    check_same_images,
    compare,
    compare_pooled,
    conclusion,
    correct,
    mean_over_seeds,
    signed,
)

# Table 1 of Ayush et al., Powering Virtual Try-On via Auxiliary Human Segmentation Learning
PAPER = {
    "baseline": {"fid": 20.31, "ssim": 0.698, "ms_ssim": 0.744, "psnr": 14.54},
    "tom_only": {"fid": 19.87, "ssim": 0.701, "ms_ssim": 0.750, "psnr": 14.64},
    "both": {"fid": 18.93, "ssim": 0.712, "ms_ssim": 0.767, "psnr": 15.19},
}
PAPER_IMAGES, PAPER_SIZE = 2032, [256, 192]  # the published test pairs; CP-VTON's size
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
NA, MARKS = "n/a", "abcdefghijklmnopqrstuvwxyz"
TEX = str.maketrans(
    {**{c: f"\\{c}" for c in "&%$#_{}"}, "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"\\": r"\textbackslash{}", "±": r"$\pm$"}
)


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


@dataclass(frozen=True)
class Table:
    """Table 1 under one protocol.

    Attributes:
        cells: by row and name of the system.
        comparisons: with the baseline, corrected over all of them; empty without a baseline.
    """

    protocol: str
    systems: list[System]
    rows: list[Row]
    cells: dict[tuple[Row, str], Cell]
    comparisons: list[tuple[Row, System, Comparison]]


class Grid(NamedTuple):
    """A table in print."""

    title: str
    head: list[str]
    rows: list[list[str]]


PAPER_ROWS = [
    Row("fid", "paired"),
    Row("fid", "unpaired"),
    *(Row(score, "paired") for score in ("ssim", "ms_ssim", "psnr")),
]


def make_tables(evaluations: Sequence[Evaluation], protocol: str = "both") -> list[Table]:
    """Table 1 of the evaluations, one a protocol.

    Args:
        protocol: "official", "clean" or "validation"; "both" is all of them that the evaluations
            have images of.

    Raises:
        UserError: the evaluations cannot stand in one table, or have no such protocol.
    """
    systems = gather(evaluations)
    held = [
        p
        for p in PROTOCOLS
        if all(e.summary["protocols"].get(p, {}).get("images") for e in evaluations)
    ]
    chosen = [p for p in held if protocol in ("both", p)]
    if not chosen:
        has = ", ".join(held) or "none"
        raise UserError(f"--protocol {protocol}: not in these evaluations, which have {has}")
    return [_make(systems, p) for p in chosen]


def _make(systems: list[System], protocol: str) -> Table:
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
    return Table(protocol, systems, rows, cells, _comparisons(systems, rows, protocol))


def _cells(system: System, pairing: str, protocol: str) -> Iterable[tuple[Row, Cell]]:
    tables = system.scores(pairing, protocol)
    means = mean_over_seeds(tables.values())
    for score, interval in zip(means, bootstrap_means(means), strict=True):
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


def _comparisons(
    systems: Sequence[System], rows: Sequence[Row], protocol: str
) -> list[tuple[Row, System, Comparison]]:
    baseline, *others = systems
    if baseline.name != "baseline":
        return []
    found: list[tuple[Row, System, Comparison]] = []
    for system in others:
        for pairing in PAIRINGS:
            if not (pairing in baseline.evaluations and pairing in system.evaluations):
                continue
            compared = compare(
                baseline.scores(pairing, protocol),
                system.scores(pairing, protocol),
                (baseline.title, system.title),
            )
            for score in POOLED:
                first, second = (s.pooled(pairing, protocol, score) for s in (baseline, system))
                if first and second:
                    compared.append(compare_pooled(score, first, second))
            found += [(Row(c.score, pairing), system, c) for c in compared]
    found.sort(key=lambda entry: rows.index(entry[0]))
    corrected = correct([comparison for *_, comparison in found])
    return [(row, system, c) for (row, system, _), c in zip(found, corrected, strict=True)]


def to_markdown(tables: Sequence[Table]) -> str:
    """Numbers, footnotes, comparisons, conclusions and what the numbers rest on."""
    return "\n".join("\n".join(_markdown(table)) for table in tables)


def _markdown(table: Table) -> list[str]:
    grids, notes = _grids(table)
    lines = [f"# Table 1, {table.protocol} protocol", ""]
    for grid in grids:
        rule = ["---"] * len(grid.head)
        lines += [f"**{grid.title}**", ""]
        lines += [f"| {' | '.join(row)} |" for row in (grid.head, rule, *grid.rows)]
        lines += [""]
    if notes:
        lines += [*(f"({mark}) {note}  " for mark, note in zip(MARKS, notes, strict=False)), ""]
    for title, points in (
        ("What may be concluded", _conclusions(table)),
        ("What the numbers rest on", _facts(table)),
    ):
        lines += [f"**{title}**", "", *(f"- {point}" for point in points), ""]
    return lines


def to_latex(tables: Sequence[Table]) -> str:
    """A `table` of booktabs tabulars for each protocol; wants \\usepackage{booktabs}."""
    return "\n".join("\n".join(_latex(table)) for table in tables)


def _latex(table: Table) -> list[str]:
    grids, notes = _grids(table)
    lines = [
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{Table 1, {table.protocol} protocol}}",
    ]
    for grid in grids:
        head, *rows = [
            " & ".join(cell.translate(TEX) for cell in row) + r" \\"
            for row in (grid.head, *grid.rows)
        ]
        lines += [
            rf"\begin{{tabular}}{{l{'c' * (len(grid.head) - 1)}}}",
            *(r"\toprule", head, r"\midrule", *rows, r"\bottomrule"),
            r"\end{tabular}\par\medskip",
        ]
    said = [f"({mark}) {note}." for mark, note in zip(MARKS, notes, strict=False)] + _facts(table)
    lines += [r"\footnotesize\raggedright", *(rf"{line.translate(TEX)}\par" for line in said)]
    return [*lines, r"\end{table}", ""]


def _grids(table: Table) -> tuple[list[Grid], list[str]]:
    """The tables in print, and their footnotes in the order of their marks."""
    notes: list[str] = []
    arms = list(PAPER)
    ours = [system.title for system in table.systems]
    main: list[list[str]] = []
    further: list[list[str]] = []
    for row in table.rows:
        cells = [row.label]
        if row in PAPER_ROWS:
            note = PAPER_FID if row.score == "fid" else ""
            decimals = SCORES[row.score].decimals
            cells += [_noted(f"{PAPER[a][row.score]:.{decimals}f}", note, notes) for a in arms]
        cells += [_print(table.cells[row, s.name], row, notes) for s in table.systems]
        (main if row in PAPER_ROWS else further).append(cells)
    head = [*(f"{ARMS[arm]} (paper)" for arm in arms), *ours]
    grids = [Grid("The paper's scores", ["", *head], main)]
    if further:
        grids.append(Grid("Further scores", ["", *ours], further))
    if table.comparisons:
        grids.append(_comparison_grid(table))
    return grids, notes


def _print(cell: Cell, row: Row, notes: list[str]) -> str:
    if math.isnan(cell.value):
        return _noted(NA, cell.note, notes)
    decimals = SCORES[row.score].decimals
    text = f"{cell.value:.{decimals}f}"
    if not math.isnan(cell.seed_sd):
        text += f" ± {cell.seed_sd:.{decimals}f}"
    if not math.isnan(cell.low):
        text += f" [{cell.low:.{decimals}f}, {cell.high:.{decimals}f}]"
    return text


def _noted(text: str, note: str, notes: list[str]) -> str:
    if not note:
        return text
    if note not in notes:
        notes.append(note)
    return f"{text} ({MARKS[notes.index(note)]})"


def _comparison_grid(table: Table) -> Grid:
    head = ["", "", "difference", "95 % interval", "p (Holm)", "d_z", "better on", "over seeds"]
    rows = []
    for row, system, c in table.comparisons:
        score = SCORES[row.score]
        cells = [NA] * 4
        if c.images:
            interval = f"[{signed(c.low, score)}, {signed(c.high, score)}]"
            share = f"{c.better:.0%} of {c.images:,}".replace("%", " %")
            effect = NA if math.isnan(c.effect_size) else f"{c.effect_size:+.2f}"
            cells = [interval, f"{c.p_corrected:.2g}", effect, share]
        over = {0: "no common seed", 1: "one seed"}.get(c.seeds, "equal seeds")
        if not math.isnan(c.seed_p):
            over = (
                f"{c.seeds}: sd {signed(c.seed_sd, score)[1:]}, [{signed(c.seed_low, score)}, "
                f"{signed(c.seed_high, score)}], p = {c.seed_p_corrected:.2g}"
            )
        rows.append([row.label, system.title, signed(c.difference, score), *cells, over])
    return Grid(f"Against {table.systems[0].title}", head, rows)


def _conclusions(table: Table) -> list[str]:
    """A sentence for each comparison in the paper's scores."""
    baseline = table.systems[0].title
    if not table.comparisons:
        return ["Nothing is compared: no other system stands beside a baseline."]
    return [
        conclusion(comparison, baseline, system.title, row.label)
        for row, system, comparison in table.comparisons
        if row in PAPER_ROWS
    ]


def _facts(table: Table) -> list[str]:
    """What the numbers rest on, a sentence each."""
    evaluations = {e.pairing: e for system in table.systems for e in system.all}
    summary = next(iter(evaluations.values())).summary
    height, width = summary["size"]
    images = max(len(e.rows(table.protocol)) for e in evaluations.values())
    lines = [f"Protocol {table.protocol}: {PROTOCOLS[table.protocol]}."]
    lines += [_sample_line(e, table.protocol) for e in evaluations.values()]
    lines += [f"Split {summary['split']}, {height}x{width} (height x width)."]
    lines += [_training_line(system) for system in table.systems]
    for key in ("steps", "trained_on"):
        if len({str(s.summary.get(key)) for s in table.systems if s.summary.get(key)}) > 1:
            lines.append(f"Systems differ in {key}, so they differ in more than the method.")
    settings = {k: v for e in evaluations.values() for k, v in e.summary["metric_settings"].items()}
    lines += [f"{name}: {value}." for name, value in settings.items()]
    features = {str(f) for s in table.systems for e in s.all if (f := e.summary.get("features"))}
    lines += [f"Features of FID and KID: {', '.join(features) or 'none'}."]
    lines += [
        f"[ ]: 95 % percentile bootstrap interval over the images ({RESAMPLES:,} resamples), which "
        "count as independent; ±: standard deviation over the seeds. FID, KID and M_exp's mIoU "
        "pool all images and have no interval over them."
    ]
    if table.comparisons:
        lines += [
            "Differences are system minus baseline on the same images; their intervals are not "
            "corrected. p: two-sided sign-flip test over the images and t test over the seeds, "
            f"each corrected by Holm over the {len(table.comparisons)} comparisons of this table. "
            "d_z: Cohen's, mean over standard deviation of the images' differences."
        ]
    apart = [
        said
        for differs, said in (
            (table.protocol != "official", f"{table.protocol} protocol"),
            (images != PAPER_IMAGES, f"{images:,} images"),
            (summary["size"] != PAPER_SIZE, f"{height}x{width}"),
            (bool(features - {"inception"}), "FID of other features than Inception's"),
        )
        if differs
    ]
    paper = "The paper's numbers: the 2,032 published test pairs, without a variance"
    return [
        *lines,
        f"{paper}; not comparable with ours ({', '.join(apart)})." if apart else f"{paper}.",
    ]


def _sample_line(evaluation: Evaluation, protocol: str) -> str:
    rows = evaluation.rows(protocol)
    kinds = {
        "seen_in_training": "seen in training",
        "copy": "copies of an earlier one",
        "own_cloth": "in the person's own cloth",
    }
    if evaluation.pairing == "paired":
        del kinds["own_cloth"]
    told = [f"{int(rows[k].sum()):,} {said}" for k, said in kinds.items() if k in rows]
    images = f"{len(rows):,} {evaluation.pairing} images"
    fingerprint = evaluation.summary["data"]["fingerprint"]
    return f"{images}{': ' * bool(told)}{', '.join(told)}; data fingerprint {fingerprint}."


def _training_line(system: System) -> str:
    facts = system.summary
    seeds = ", ".join("unknown" if seed is None else str(seed) for seed in system.seeds)
    steps = facts.get("steps") or {}
    trained = " + ".join(f"{count:,} {stage.upper()}" for stage, count in steps.items())
    return (
        f"{system.title}: {facts['kind']}, seed {seeds}; steps {trained or 'unknown'}; trained on "
        f"data {facts.get('trained_on') or 'unknown'}."
    )


def to_frame(tables: Sequence[Table]) -> pd.DataFrame:
    """A row a cell, the paper's cells among them (source "paper")."""
    cells: list[dict[str, Any]] = []
    for table in tables:
        for row in table.rows:
            where = {"protocol": table.protocol, "score": row.score, "pairing": row.pairing}
            for arm, numbers in PAPER.items() if row in PAPER_ROWS else ():
                cells.append(
                    {**where, "source": "paper", "system": arm, "value": numbers[row.score]}
                )
            for system in table.systems:
                cell = table.cells[row, system.name]
                cells.append(
                    {
                        **where,
                        "source": "ours",
                        "system": system.name,
                        **cell._asdict(),
                        **_provenance(system, row.pairing),
                    }
                )
    return pd.DataFrame(cells)


def _provenance(system: System, pairing: str) -> dict[str, Any]:
    evaluations = [*system.evaluations.get(pairing, {}).values()]
    if not evaluations:
        return {}
    summary, steps = evaluations[0].summary, system.summary.get("steps") or {}
    return {
        "seed_list": " ".join("unknown" if e.seed is None else str(e.seed) for e in evaluations),
        **{f"{stage}_steps": count for stage, count in steps.items()},
        "height": summary["size"][0],
        "width": summary["size"][1],
        "split": summary["split"],
        "fingerprint": summary["data"]["fingerprint"],
        "trained_on": system.summary.get("trained_on"),
        "features": summary.get("features"),
    }


def comparisons_frame(tables: Sequence[Table]) -> pd.DataFrame:
    """A row a comparison, with its conclusion."""
    return pd.DataFrame(
        {
            "protocol": table.protocol,
            "pairing": row.pairing,
            "system": system.name,
            **asdict(comparison),
            "conclusion": conclusion(comparison, table.systems[0].title, system.title, row.label),
        }
        for table in tables
        for row, system, comparison in table.comparisons
    )

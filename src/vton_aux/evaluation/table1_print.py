"""Table 1 in print: Markdown and LaTeX, with footnotes and what the numbers rest on."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from vton_aux.evaluation.footnotes import mark
from vton_aux.evaluation.known_scores import SCORES, signed
from vton_aux.evaluation.printed import NA, PrintedCell, PrintedRow, printed
from vton_aux.evaluation.protocol import PROTOCOLS
from vton_aux.evaluation.runs import Evaluation
from vton_aux.evaluation.statistics import RESAMPLES
from vton_aux.evaluation.systems import System
from vton_aux.evaluation.table1 import PAPER_ROWS, Table, cautions, conclude

PAPER_IMAGES, PAPER_SIZE = 2032, [256, 192]  # the published test pairs; CP-VTON's size
TEX = str.maketrans(
    {**{c: f"\\{c}" for c in "&%$#_{}"}, "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"\\": r"\textbackslash{}", "±": r"$\pm$"}
)


class Grid(NamedTuple):
    """A table in print."""

    title: str
    head: list[str]
    rows: list[list[str]]


def to_markdown(tables: Sequence[Table]) -> str:
    """Numbers, footnotes, comparisons, conclusions and what the numbers rest on."""
    return "\n".join("\n".join(_markdown(table)) for table in tables)


def _markdown(table: Table) -> list[str]:
    grids, notes = _grids(table)
    lines = [f"# Table 1, {table.protocol} protocol", ""]
    for grid in grids:
        rule = ["---"] * len(grid.head)
        lines += [f"**{grid.title}**", ""]
        for row in (grid.head, rule, *grid.rows):
            lines.append(f"| {' | '.join(cell.replace('|', r'&#124;') for cell in row)} |")
        lines += [""]
    if notes:
        lines += [*(f"({mark(place)}) {note}  " for place, note in enumerate(notes)), ""]
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
    said = [f"({mark(place)}) {note}." for place, note in enumerate(notes)] + _facts(table)
    lines += [r"\footnotesize\raggedright", *(rf"{line.translate(TEX)}\par" for line in said)]
    return [*lines, r"\end{table}", ""]


def _grids(table: Table) -> tuple[list[Grid], list[str]]:
    """The tables in print, and their footnotes in the order of their marks."""
    of = printed(table)
    head = [*(f"{arm} (paper)" for arm in of.paper), *of.ours]
    grids = [Grid("The paper's scores", ["", *head], _cells(of.rows))]
    if of.further:
        grids.append(Grid("Further scores", ["", *of.ours], _cells(of.further)))
    if table.comparisons:
        grids.append(_comparison_grid(table))
    return grids, of.notes


def _cells(rows: Sequence[PrintedRow]) -> list[list[str]]:
    return [[row.label, *map(_cell, (*row.paper, *row.ours))] for row in rows]


def _cell(cell: PrintedCell) -> str:
    sd = f" ± {cell.sd}" if cell.sd else ""
    interval = f" [{cell.low}, {cell.high}]" if cell.low else ""
    mark = f" ({cell.mark})" if cell.mark else ""
    return f"{cell.number}{sd}{interval}{mark}"


def _comparison_grid(table: Table) -> Grid:
    head = ["", "", "difference", "95 % interval", "p (Holm)", "d_z", "better on", "over seeds"]
    rows = []
    for row, system, c in table.comparisons:
        score = SCORES[row.score]
        cells = [NA] * 4
        if c.images:
            known = math.isfinite(c.low)
            interval = f"[{signed(c.low, score)}, {signed(c.high, score)}]" if known else NA
            share = f"{c.better:.0%} of {c.images:,}".replace("%", " %")
            effect = NA if math.isnan(c.effect_size) else f"{c.effect_size:+.2f}"
            p = NA if math.isnan(c.p_corrected) else f"{c.p_corrected:.2g}"
            cells = [interval, p, effect, share]
        over = {0: "no common seed", 1: "one seed"}.get(c.seeds, "dependent seeds")
        if not math.isnan(c.seed_p):
            over = (
                f"{c.seeds}: sd {signed(c.seed_sd, score)[1:]}, [{signed(c.seed_low, score)}, "
                f"{signed(c.seed_high, score)}], p = {c.seed_p_corrected:.2g}"
            )
        rows.append([row.label, system.title, signed(c.difference, score), *cells, over])
    return Grid(f"Against {table.systems[0].title}", head, rows)


def _conclusions(table: Table) -> list[str]:
    """A sentence for each comparison in the paper's scores."""
    if not table.comparisons:
        return ["Nothing is compared: no other system stands beside a baseline."]
    return [
        conclude(table, row, system, comparison)
        for row, system, comparison in table.comparisons
        if row in PAPER_ROWS
    ]


def _facts(table: Table) -> list[str]:
    """What the numbers rest on, a sentence each."""
    evaluations = {e.pairing: e for system in table.systems for e in system.all}
    summary = next(iter(evaluations.values())).summary
    height, width = summary["size"]
    lines = [f"Protocol {table.protocol}: {PROTOCOLS[table.protocol]}."]
    lines += [_sample_line(e, table.protocol) for e in evaluations.values()]
    lines += [f"Split {summary['split']}, {height}x{width} (height x width)."]
    lines += [_training_line(system) for system in table.systems]
    first = table.systems[0]
    for system in table.systems[1:]:
        if apart := system.differs_in(first):
            lines.append(
                f"{system.title} and {first.title} differ in {', '.join(apart)}, so in more than "
                "their heads."
            )
    lines += cautions(table)
    versions = {v for s in table.systems for e in s.all if (v := e.summary["system"].get("code"))}
    if len(versions) > 1:
        lines.append(f"The trainings are of {len(versions)} versions of the code.")
    dressed = [e for s in table.systems for e in s.all if s.summary["kind"] == "checkpoint"]
    scored = [e for s in table.systems for e in s.all]
    for what, versions in (
        ("pictures", {e.summary.get("code") for e in dressed}),
        ("scores", {e.summary["metric_settings"].get("version") for e in scored}),
    ):
        if len(versions) > 1:
            unknown = ", one of them unknown" if None in versions else ""
            lines.append(f"The {what} are of {len(versions)} versions of the code{unknown}.")
    settings = {k: v for e in evaluations.values() for k, v in e.summary["metric_settings"].items()}
    lines += [f"{name}: {value}." for name, value in settings.items()]
    lines += [f"Features of FID and KID: {table.features or 'none'}."]
    known = all(e.photos(table.protocol) is not None for e in evaluations.values())
    drawn = "a photo's copies drawn together" if known else "copies taken for other photos"
    lines += [
        f"[ ]: 95 % percentile bootstrap interval over the images ({RESAMPLES:,} resamples, "
        f"{drawn}); ±: standard deviation over the seeds. FID, KID and M_exp's mIoU pool all "
        "images and have no interval over them."
    ]
    if table.comparisons:
        claimed, further = table.corrected_over
        lines += [
            f"Differences are system minus {first.title} on the same images; their intervals are "
            "not corrected. p: two-sided sign-flip test over the images and t test over the seeds, "
            f"each corrected by Holm: over the paper's scores ({claimed[0]} tests over the images, "
            f"{claimed[1]} over the seeds) and over the further ones ({further[0]} and "
            f"{further[1]}) by themselves. "
            "d_z: Cohen's, mean over standard deviation of the images' differences."
        ]
    apart = [
        said
        for differs, said in (
            (table.protocol != "official", f"{table.protocol} protocol"),
            (table.images != PAPER_IMAGES, f"{table.images:,} images"),
            (summary["size"] != PAPER_SIZE, f"{height}x{width}"),
            (table.features not in (None, "inception"), "FID of other features than Inception's"),
        )
        if differs
    ]
    paper = "The paper's numbers: the 2,032 published test pairs, without a variance"
    return [
        *lines,
        f"{paper}; not comparable with ours ({', '.join(apart)})." if apart else f"{paper}.",
    ]


def _sample_line(evaluation: Evaluation, protocol: str) -> str:
    kinds = {
        "seen_in_training": "seen in training",
        "copy": "copies of an earlier one",
        "own_cloth": "in the person's own cloth",
        "cloth_seen": "in cloths seen in training",
    }
    counts = {said: evaluation.count(flag, protocol) for flag, said in kinds.items()}
    told = [f"{count:,} {said}" for said, count in counts.items() if count is not None]
    images = f"{len(evaluation.rows(protocol)):,} {evaluation.pairing} images"
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

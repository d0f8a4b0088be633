"""What the report says in numbers: Table 1, the intervals, the parts of the test set, the classes.

Every function returns plain values for the template.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from vton_aux.evaluation.comparison import Comparison
from vton_aux.evaluation.known_scores import SCORES, Score, signed
from vton_aux.evaluation.plot import Mark, axis, mark_of, scale_of, strip
from vton_aux.evaluation.printed import number_of, printed
from vton_aux.evaluation.protocol import PROTOCOLS
from vton_aux.evaluation.strata import compare_in_parts
from vton_aux.evaluation.summary import segmentation_scores
from vton_aux.evaluation.systems import System, main_system
from vton_aux.evaluation.table1 import PAPER, PAPER_ROWS, Row, Table, cautions, conclude

STRATA_SCORES = ("ssim", "bleeding")
PROSE = {
    "both": "segmentation in both stages",
    "tom_only": "segmentation in TOM",
    "gmm_only": "segmentation in GMM",
}  # the arms in a sentence: "Both is better" reads badly
MINUS = "\N{MINUS SIGN}"
Plain = dict[str, Any]


class Strip(NamedTuple):
    """A row of a plot: a comparison, and the paper's own difference beside it."""

    name: str
    comparison: Comparison
    claim: float | None = None


def primary(tables: Sequence[Table]) -> Table:
    """The table that the findings rest on: of images not seen in training, where there are any."""
    return next((t for t in tables if t.protocol == "clean"), tables[0])


def compared_system(table: Table) -> System | None:
    """`main_system` of those that are compared with the baseline."""
    names = {system.name for _, system, _ in table.comparisons}
    compared = [system for system in table.systems if system.name in names]
    return main_system(compared) if compared else None


def finding(table: Table) -> Plain:
    """The headline in one plain sentence, and the sentences below it."""
    system = compared_system(table)
    if system is None:
        names = _listed([s.title for s in table.systems])
        return {
            "verdict": "open",
            "headline": f"{names}: scores without a baseline to compare with.",
            "sentences": [],
        }
    baseline, name = table.systems[0].title, PROSE.get(system.name, system.title)
    told = [(row, c) for row, s, c in table.comparisons if s is system and row in PAPER_ROWS]
    settled = [(row, c) for row, c in told if c.settled]
    counted = settled or [(row, c) for row, c in told if c.shown]
    better, worse = (
        _listed([SCORES[row.score].name for row, c in counted if c.better_than_baseline is way])
        for way in (True, False)
    )
    ways = [f"better than {baseline} in {better}"] if better else []
    if worse:
        ways.append(f"worse in {worse}" if better else f"worse than {baseline} in {worse}")
    said = f"{name} scores {', but '.join(ways)}"
    if not ways:
        said = f"no difference between {name} and {baseline} is shown"
    elif not settled:
        said = f"as trained, {said}"
    said = f"{said[0].upper()}{said[1:]} on these {table.images:,} images"
    if ways and not settled:
        few = {0: "no seed in common tells", 1: "one seed cannot tell"}
        seeds = counted[0][1].seeds
        said += f"; {few.get(seeds, f'{seeds} seeds do not tell')} the method from luck"
    return {
        "verdict": ("better" if better else "worse") if settled and len(ways) == 1 else "open",
        "headline": f"{said}.",
        "sentences": [conclude(table, row, system, c, name) for row, c in told],
    }


def cards(table: Table) -> list[Plain]:
    """The paper's scores of the baseline and of the main system."""
    system = compared_system(table)
    if system is None:
        return []
    found = []
    for row, compared, c in table.comparisons:
        if compared is not system or row not in PAPER_ROWS:
            continue
        score = SCORES[row.score]
        claimed = _claim(table, row, system) is not None
        paper = [PAPER[arm][row.score] for arm in (table.systems[0].name, system.name) if claimed]
        found.append(
            {
                "label": row.label,
                "before": number_of(c.baseline_mean, score),
                "after": number_of(c.system_mean, score),
                "difference": _signed(c.difference, score),
                "kind": mark_of(c).kind,
                "paper": " → ".join(number_of(value, score) for value in paper),
            }
        )
    return found


def table_1(table: Table) -> Plain:
    """Table 1 under one protocol: the paper's scores beside ours, further scores, footnotes."""
    return {
        "protocol": table.protocol,
        "words": PROTOCOLS[table.protocol],
        "images": table.images,
        **printed(table)._asdict(),
    }


def intervals(table: Table) -> Plain:
    """Every comparison with the baseline as a strip, the paper's scores apart from the others."""
    plots: list[list[Plain]] = [[], []]
    for row in dict.fromkeys(row for row, *_ in table.comparisons):
        strips = [
            Strip(s.title, c, _claim(table, row, s)) for r, s, c in table.comparisons if r == row
        ]
        plots[row not in PAPER_ROWS].append(_groups({row.label: strips})[0])
    return {
        "protocol": table.protocol,
        "images": table.images,
        "groups": plots[0],
        "further": plots[1],
        "cautions": cautions(table),
        "baseline": table.systems[0].title,
    }


def strata(table: Table) -> list[Plain]:
    """The main system against the baseline in the parts of the test set, a plot a score."""
    system = compared_system(table)
    if system is None:
        return []
    plots = []
    for score in STRATA_SCORES:
        parts: dict[str, list[Strip]] = {}
        for part, c in compare_in_parts(table.systems[0], system, table.protocol, score):
            strips = parts.setdefault(part.stratum, [])
            strips.append(Strip(f"{part.name} ({c.images:,})", c))
        if parts:
            plots.append({"label": SCORES[score].name, "groups": _groups(parts)})
    return plots


def classes(table: Table) -> Plain | None:
    """IoU of each class of M_exp, of the systems that have the head."""
    columns: dict[str, Plain] = {}
    for system in table.systems:
        evaluations = [*system.evaluations.get("paired", {}).values()]
        found = [segmentation_scores(e.rows(table.protocol)) for e in evaluations]
        if found and all(found):
            columns[system.title] = _mean_over_seeds(found)
    if not columns:
        return None
    names = list(dict.fromkeys(name for of in columns.values() for name in of["class_iou"]))
    rows = [
        {"name": name, "values": [of["class_iou"].get(name) for of in columns.values()]}
        for name in names
    ]
    return {
        "systems": list(columns),
        "mean": [of["segmentation_iou"] for of in columns.values()],
        "rows": [row for row in rows if any(value is not None for value in row["values"])],
    }


def _mean_over_seeds(found: Sequence[Plain]) -> Plain:
    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    names = found[0]["class_iou"]
    return {
        "segmentation_iou": mean([of["segmentation_iou"] for of in found]),
        "class_iou": {name: mean([of["class_iou"].get(name) for of in found]) for name in names},
    }


def _groups(strips: Mapping[str, Sequence[Strip]]) -> list[Plain]:
    """Strips under their headings, all on one scale, which stands below the last one."""
    marks = {label: [mark_of(s.comparison, s.claim) for s in of] for label, of in strips.items()}
    every = [mark for of in marks.values() for mark in of]
    scale = scale_of(every)
    groups: list[Plain] = [
        {
            "label": label,
            "rows": [
                {
                    "name": s.name,
                    "svg": Markup(strip(mark, scale, _spoken(label, s, mark))),
                    "kind": mark.kind,
                    **_numbers(s.comparison),
                }
                for s, mark in zip(of, marks[label], strict=True)
            ],
            "axis": None,
        }
        for label, of in strips.items()
    ]
    groups[-1]["axis"] = Markup(axis(scale, every[0].sign))
    return groups


def _numbers(c: Comparison) -> Plain:
    score = SCORES[c.score]
    p = c.p_corrected if c.images else c.seed_p_corrected
    return {
        "difference": _signed(c.difference, score),
        "interval": _between(c.low, c.high, score),
        "p": f"p = {p:.2g}" if math.isfinite(p) else "no test",
        "better": f"better on {100 * c.better:.0f} %" if c.images else "",
        "seeds": f"{c.seeds} seeds" if math.isfinite(c.seed_low) else "",
        "over_seeds": _between(c.seed_low, c.seed_high, score),
    }


def _between(low: float, high: float, score: Score) -> str:
    return f"{_signed(low, score)} to {_signed(high, score)}" if math.isfinite(low) else ""


def _spoken(label: str, of: Strip, mark: Mark) -> str:
    numbers = _numbers(of.comparison)
    within = f", 95 % interval {numbers['interval']}" if numbers["interval"] else ""
    told = "not told from 0" if mark.verdict == "open" else mark.verdict
    told += ", over the seeds too" if mark.settled else ""
    return f"{label}, {of.name}: {numbers['difference']}{within}; {told}"


def _claim(table: Table, row: Row, system: System) -> float | None:
    """The paper's own difference, where it is of the same score."""
    first = table.systems[0].name
    if row not in PAPER_ROWS or not {system.name, first} <= PAPER.keys():
        return None
    if row.score == "fid" and table.features != "inception":
        return None
    return PAPER[system.name][row.score] - PAPER[first][row.score]


def _signed(difference: float, score: Score) -> str:
    return signed(difference, score).replace("-", MINUS)


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"

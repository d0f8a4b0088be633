"""Where the gain lies: a system against the baseline in parts of the test set.

The paper names three difficulties: self-occlusion, complex poses, and cloths of another shape than
the worn one. The parts follow from the data alone, so they are the same for every system.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from vton_aux.evaluation.runs import System
from vton_aux.evaluation.statistics import Comparison, compare, correct

STRATA = {
    "occluded": "self-occlusion",
    "pose_stratum": "pose",
    "shape_stratum": "shape of the cloth against the worn one",
}
FEWEST = 5  # images of a part that is compared


@dataclass(frozen=True)
class Part:
    """A part of the test set.

    Attributes:
        column: of the per-image table.
        value: in that column.
        images: that many.
    """

    column: str
    value: Any
    images: int

    @property
    def name(self) -> str:
        if self.column == "occluded":
            return "an arm before the body" if self.value else "no arm before the body"
        return str(self.value)


def compare_in_parts(
    baseline: System, system: System, protocol: str, score: str
) -> list[tuple[Part, Comparison]]:
    """One score in each part with enough paired images, p corrected over all of them."""
    tables = [s.scores("paired", protocol) for s in (baseline, system)]
    if not all(tables) or any(score not in t for of in tables for t in of.values()):
        return []
    rows = next(iter(baseline.evaluations["paired"].values())).rows(protocol)
    found: list[tuple[Part, Comparison]] = []
    for column in STRATA:
        if column not in rows:
            continue
        for value, part in rows.groupby(column, sort=True, observed=True):
            if len(part) >= FEWEST:
                chosen = [
                    {seed: table.loc[part.index, [score]] for seed, table in of.items()}
                    for of in tables
                ]
                named = Part(column, value, len(part))
                found += [(named, c) for c in compare(chosen[0], chosen[1])]
    corrected = correct([comparison for _, comparison in found])
    return [(part, c) for (part, _), c in zip(found, corrected, strict=True)]


def has_strata(table: pd.DataFrame) -> bool:
    """Whether the table tells the parts."""
    return any(column in table for column in STRATA)

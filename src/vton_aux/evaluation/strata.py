"""Where the gain lies: a system against the baseline in parts of the test set.

The paper names three difficulties: self-occlusion, complex poses, and cloths of another shape than
the worn one. The paired samples, which alone have a truth, wear their own cloth: there the third is
how far its shape departs from the flat cloth's. The parts follow from the data alone, so they are
the same for every system.
"""

from typing import Any, NamedTuple

from vton_aux.evaluation.comparison import Comparison, compare, correct
from vton_aux.evaluation.systems import System

TERCILES = {value: value for value in ("easy", "medium", "hard")}
STRATA: dict[str, tuple[str, dict[Any, str]]] = {
    "occluded": ("self-occlusion", {False: "arms off the torso", True: "arms before the torso"}),
    "pose_stratum": ("pose", TERCILES),
    "shape_stratum": ("worn shape against the flat cloth", TERCILES),
}  # column -> its title, and its values with their names in print
FEWEST = 5  # images of a part that is compared


class Part(NamedTuple):
    """A part of the test set."""

    stratum: str
    name: str


def compare_in_parts(
    baseline: System, system: System, protocol: str, score: str
) -> list[tuple[Part, Comparison]]:
    """One score in each part with enough paired images that have it, p corrected over the parts."""
    tables = [s.scores("paired", protocol) for s in (baseline, system)]
    if not all(tables) or any(score not in t for of in tables for t in of.values()):
        return []
    rows = next(iter(baseline.evaluations["paired"].values())).rows(protocol)
    found: list[tuple[Part, Comparison]] = []
    for column, (title, values) in STRATA.items():
        for value, name in values.items():
            part = rows[rows[column] == value] if column in rows else rows[:0]
            first, second = (
                {seed: table.loc[part.index, [score]] for seed, table in of.items()}
                for of in tables
            )
            photos = part.get("photo")
            compared = compare(first, second, photos=photos) if len(part) else []
            found += [(Part(title, name), c) for c in compared if c.images >= FEWEST]
    corrected = correct([comparison for _, comparison in found])
    return [(part, c) for (part, _), c in zip(found, corrected, strict=True)]

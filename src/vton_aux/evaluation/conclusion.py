"""What a comparison allows one to say, in a sentence."""

import math
from collections.abc import Sequence

from vton_aux.evaluation.comparison import Comparison
from vton_aux.evaluation.known_scores import SCORES, Score, signed


def conclusion(
    comparison: Comparison, baseline: str, system: str, name: str = "", apart: Sequence[str] = ()
) -> str:
    """One sentence on what may be concluded.

    Args:
        comparison: corrected for all that is concluded together, see `correct`.
        baseline, system: their names in print.
        name: the score's name in print, where it is not that of `SCORES`.
        apart: in what else than the method the two differ, see `System.differs_in`.
    """
    c, score = comparison, SCORES[comparison.score]
    name = name or score.name
    equal = c.low == c.high == 0 if c.images else not c.seed_sd > 0
    if c.difference == 0 and equal:
        return f"{name}: no difference between {system} and {baseline}."
    if c.images and math.isnan(c.low):
        return f"{name}: one image cannot test {system} against {baseline}."
    interval = f"({_span(c.low, c.high, score)}" if c.images else ""
    if c.images and not c.shown and not c.settled:
        return (
            f"{name}: no difference between {system} and {baseline} is shown on these images "
            f"{interval}, corrected p = {c.p_corrected:.2g}), nor that there is none."
        )
    size = signed(abs(c.difference), score)[1:]
    way = "better" if c.better_than_baseline else "worse"
    said = f"{name}: {system} is {way} than {baseline} by {size}"
    said += f" {interval}): " if interval else ": "
    if math.isnan(c.seed_p):
        seeds = {0: "without a seed in common, one", 1: "one seed"}.get(c.seeds, "dependent seeds")
        if not c.images:
            return f"{said}a set of images has one such number, and {seeds} cannot test it."
        models = {0: "these systems", 1: "these two trained models"}.get(c.seeds, "these models")
        return (
            f"{said}{models} differ on these images; {seeds} cannot tell the method from the luck "
            "of the draw."
        )
    spread = f"over {c.seeds} seeds ({_span(c.seed_low, c.seed_high, score)})"
    if c.settled:
        cause = "it is the method's doing"
        if apart:
            cause = f"it is no luck of the draw, but the two differ in {' and '.join(apart)} too"
        elsewhere = "" if c.shown or not c.images else "; other images may not show it"
        return f"{said}this holds {spread}, so on these images {cause}{elsewhere}."
    if c.seed_low > 0 or c.seed_high < 0:
        return (
            f"{said}the seeds agree {spread}, but not after correction for {c.seed_tests} tests: "
            "a hint, for more seeds to confirm."
        )
    return f"{said}{spread} the method cannot be told from the luck of the draw."


def _span(low: float, high: float, score: Score) -> str:
    return f"95 % interval {signed(low, score)} to {signed(high, score)}"

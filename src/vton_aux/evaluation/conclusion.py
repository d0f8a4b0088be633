"""What a comparison allows one to say, in a sentence."""

import math

from vton_aux.evaluation.comparison import Comparison
from vton_aux.evaluation.known_scores import SCORES, Score, signed
from vton_aux.evaluation.statistics import CONFIDENCE


def conclusion(comparison: Comparison, baseline: str, system: str, name: str = "") -> str:
    """One sentence on what may be concluded.

    Args:
        comparison: corrected for all that is concluded together, see `correct`.
        baseline, system: their names in print.
        name: the score's name in print, where it is not that of `SCORES`.
    """
    c, score = comparison, SCORES[comparison.score]
    name = name or score.name
    alpha = 1 - CONFIDENCE
    tested = math.isfinite(c.p)
    if c.difference == 0 and (not tested or c.low == c.high == 0):
        return f"{name}: no difference between {system} and {baseline}."
    interval = _span(c.low, c.high, score)
    if tested and not c.p_corrected < alpha:
        return (
            f"{name}: no difference between {system} and {baseline} is shown on these images "
            f"({interval}, corrected p = {c.p_corrected:.2g}), nor that there is none."
        )
    better = (c.difference > 0) == score.higher_is_better
    size = signed(abs(c.difference), score)[1:]
    said = f"{name}: {system} is {'better' if better else 'worse'} than {baseline} by {size}"
    said += f" ({interval}): " if tested else ": "
    if math.isnan(c.seed_p):
        seeds = {0: "without a seed in common, one", 1: "one seed"}.get(c.seeds, "equal seeds")
        if not tested:
            return f"{said}a set of images has one such number, and {seeds} cannot test it."
        return (
            f"{said}these two trained models differ on these images; {seeds} cannot tell the "
            "method from the luck of the draw."
        )
    spread = f"over {c.seeds} seeds ({_span(c.seed_low, c.seed_high, score)})"
    if c.seed_p_corrected < alpha:
        return f"{said}this holds {spread}, so on these images it is the method's doing."
    if c.seed_low > 0 or c.seed_high < 0:
        return (
            f"{said}the seeds agree {spread}, but not after correction for {c.tests} comparisons: "
            "a hint, for more seeds to confirm."
        )
    return f"{said}{spread} the method cannot be told from the luck of the draw."


def _span(low: float, high: float, score: Score) -> str:
    return f"95 % interval {signed(low, score)} to {signed(high, score)}"

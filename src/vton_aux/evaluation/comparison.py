"""A system against the baseline on the same images.

Two questions are kept apart. *Do these trained models differ on these images?* is answered over the
images: bootstrap interval and sign-flip test. *Does the method differ?* is answered over the seeds
of several trainings: t interval and t test.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vton_aux.errors import UserError
from vton_aux.evaluation.known_scores import SCORES
from vton_aux.evaluation.statistics import (
    CONFIDENCE,
    bootstrap_means,
    holm,
    over_seeds,
    sign_flip_p,
)

T = TypeVar("T")
Seed = int | None  # None: not known, as of another system's pictures


@dataclass(frozen=True)
class Comparison:
    """One score of a system against the baseline on the same images; NaN where undefined.

    Attributes:
        difference: system minus baseline, the mean over the images (and seeds).
        baseline_mean, system_mean: of the two over the same images and seeds.
        low, high: bootstrap interval of the difference over the images.
        p: two-sided sign-flip test over the images.
        effect_size: Cohen's d_z, mean over standard deviation of the images' differences.
        better: share of the images on which the system is strictly better.
        seeds: trainings of both with the same seed; 0 where no seed is in common.
        seed_sd: standard deviation of the seeds' mean differences.
        seed_low, seed_high: t interval of the difference over the seeds.
        seed_p: two-sided t test over the seeds.
        dependent: whether the seeds' trainings are no independent ones; without a test then.
        tests, seed_tests: for how many tests over the images, and over the seeds, `correct` did so.
    """

    score: str
    difference: float
    baseline_mean: float = math.nan
    system_mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_corrected: float = math.nan
    effect_size: float = math.nan
    better: float = math.nan
    images: int = 0
    seeds: int = 0
    seed_sd: float = math.nan
    seed_low: float = math.nan
    seed_high: float = math.nan
    seed_p: float = math.nan
    seed_p_corrected: float = math.nan
    dependent: bool = False
    tests: int = 1
    seed_tests: int = 1

    @property
    def better_than_baseline(self) -> bool:
        """Whether the difference is a gain."""
        return (self.difference > 0) == SCORES[self.score].higher_is_better

    @property
    def shown(self) -> bool:
        """Whether the images tell these trained models from one another."""
        return self.p_corrected < 1 - CONFIDENCE

    @property
    def settled(self) -> bool:
        """Whether the seeds tell the methods from one another."""
        return self.seed_p_corrected < 1 - CONFIDENCE


def check_same_images(
    first: "pd.Index[Any]", second: "pd.Index[Any]", names: Sequence[str]
) -> None:
    """Raise unless both hold the same images.

    Raises:
        UserError: an image of one is missing in the other; the message names one.
    """
    for has, lacks, missing in (
        (names[0], names[1], first.difference(second)),
        (names[1], names[0], second.difference(first)),
    ):
        if len(missing):
            image = " ".join(map(str, np.atleast_1d(missing[0])))
            raise UserError(
                f"{lacks}: lacks {len(missing)} images that {has} holds, the first is {image}; "
                "only scores on the same images can be compared"
            )


def mean_over_seeds(tables: Collection[pd.DataFrame]) -> pd.DataFrame:
    """Per-image means over the seeds' tables, which hold the same images."""
    stacked = pd.concat(tables)
    return stacked.groupby(level=list(range(stacked.index.nlevels)), sort=False).mean()


def compare(
    baseline: Mapping[Seed, pd.DataFrame],
    system: Mapping[Seed, pd.DataFrame],
    names: tuple[str, str] = ("the baseline", "the system"),
    photos: "pd.Series[Any] | None" = None,
) -> list[Comparison]:
    """Compare every score that all tables have, on the same images.

    Seeds that both have are compared one with another and the rest is left out: one seed gives all
    arms the same first weights and order of samples. Without a common seed all are averaged.

    Args:
        baseline, system: seed -> table with a row an image (the index) and a column a score.
        names: what an error calls them.
        photos: image -> its photo, of which copies are one, see `bootstrap_means`.

    Raises:
        UserError: the images differ.
    """
    tables = [*baseline.values(), *system.values()]
    for count, table in enumerate(tables):
        name = names[0] if count < len(baseline) else names[1]
        check_same_images(tables[0].index, table.index, (names[0], name))
    seeds, firsts, seconds = _matched(baseline, system)
    first, second = mean_over_seeds(firsts), mean_over_seeds(seconds)
    scores = [str(name) for name in first if all(name in t for t in (*firsts, *seconds))]
    differences = (second[scores] - first[scores]).astype(float)
    of = None if photos is None else photos.loc[differences.index]
    intervals = bootstrap_means(differences, photos=of)
    ps = sign_flip_p(differences, photos=of)
    by_seed = [system[s][scores].astype(float) - baseline[s][scores] for s in seeds]
    comparisons = []
    for score, interval, p in zip(scores, intervals, ps, strict=True):
        at = differences.index[differences[score].notna()]
        known = differences.loc[at, score].to_numpy()
        if not len(known):
            continue
        gain = known if SCORES[score].higher_is_better else -known
        compared = Comparison(
            score=score,
            difference=float(known.mean()),
            baseline_mean=float(first.loc[at, score].mean()),
            system_mean=float(second.loc[at, score].mean()),
            low=interval.low,
            high=interval.high,
            p=float(p),
            p_corrected=float(p),
            effect_size=_d_z(known),
            better=float((gain > 0).mean()),
            images=len(known),
        )
        of_seeds = [float(d[score].mean()) for d in by_seed]
        comparisons.append(_with_seeds(compared, of_seeds))
    return comparisons


def compare_pooled(
    score: str, baseline: Mapping[Seed, float], system: Mapping[Seed, float]
) -> Comparison:
    """Compare a score that has one number a set of images, such as FID: over the seeds alone."""
    seeds, firsts, seconds = _matched(baseline, system)
    first, second = float(np.mean(firsts)), float(np.mean(seconds))
    compared = Comparison(score, second - first, baseline_mean=first, system_mean=second)
    return _with_seeds(compared, [system[s] - baseline[s] for s in seeds])


def _matched(
    baseline: Mapping[Seed, T], system: Mapping[Seed, T]
) -> tuple[list[Seed], list[T], list[T]]:
    """The known seeds that both have, and what each has of these; of all where there are none."""
    seeds: list[Seed] = [s for s in baseline if s is not None and s in system]
    return seeds, [baseline[s] for s in seeds or baseline], [system[s] for s in seeds or system]


def _with_seeds(comparison: Comparison, differences: Sequence[float]) -> Comparison:
    """The comparison and what the seeds' differences say."""
    sd, interval, p = over_seeds(differences)
    return replace(
        comparison,
        seeds=len(differences),
        seed_sd=sd,
        seed_low=interval.low,
        seed_high=interval.high,
        seed_p=p,
        seed_p_corrected=p,
    )


def dependent(comparison: Comparison) -> Comparison:
    """The comparison without what its seeds say, which are no independent trainings."""
    nan = math.nan
    return replace(
        comparison, dependent=True, seed_low=nan, seed_high=nan, seed_p=nan, seed_p_corrected=nan
    )


def correct(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with Holm-corrected p over all of them, those over the seeds likewise."""
    ps, seed_ps = [c.p for c in comparisons], [c.seed_p for c in comparisons]
    tests, seed_tests = (int(np.isfinite(values).sum()) for values in (ps, seed_ps))
    return [
        replace(
            c, p_corrected=float(p), seed_p_corrected=float(q), tests=tests, seed_tests=seed_tests
        )
        for c, p, q in zip(comparisons, holm(ps), holm(seed_ps), strict=True)
    ]


def _d_z(differences: NDArray[np.float64]) -> float:
    """Cohen's d_z; 0 where all differences are 0, NaN where they do not vary otherwise."""
    if not differences.any():
        return 0.0
    if len(differences) < 2 or np.allclose(differences, differences[0], rtol=1e-9, atol=0):
        return math.nan
    return float(differences.mean() / differences.std(ddof=1))

"""What the scores of two systems on the same images allow one to say.

Two questions are kept apart. *Do these trained models differ on these images?* is answered over the
images: bootstrap interval and sign-flip test. *Does the method differ?* is answered over the seeds
of several trainings: t interval and t test. All that is random is seeded.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from vton_aux.errors import UserError

CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 0
CHUNK = 1_000  # resamples that are floats at one time

Seed = int | None  # None: not known, as of another system's pictures


class Score(NamedTuple):
    """How a score is called, which way is better, and its decimals in print."""

    name: str
    higher_is_better: bool = True
    decimals: int = 3


SCORES = {
    "fid": Score("FID", higher_is_better=False, decimals=2),
    "ssim": Score("SSIM"),
    "ms_ssim": Score("MS-SSIM"),
    "psnr": Score("PSNR", decimals=2),
    "kid": Score("KID", higher_is_better=False, decimals=4),
    "lpips": Score("LPIPS", higher_is_better=False),
    "ssim_valid": Score("SSIM without the border"),
    "garment_ssim": Score("SSIM, garment"),
    "garment_psnr": Score("PSNR, garment", decimals=2),
    "skin_ssim": Score("SSIM, skin"),
    "skin_psnr": Score("PSNR, skin", decimals=2),
    "background_ssim": Score("SSIM, background"),
    "background_psnr": Score("PSNR, background", decimals=2),
    "band_ssim": Score("SSIM, regions' borders"),
    "band_psnr": Score("PSNR, regions' borders", decimals=2),
    "bleeding": Score("bleeding", higher_is_better=False, decimals=4),
    "background_bleeding": Score("bleeding, background", higher_is_better=False, decimals=4),
    "warp_iou": Score("warp IoU"),
    "segmentation_iou": Score("M_exp mIoU"),
}
POOLED = ("fid", "kid", "segmentation_iou")  # one number a set of images, none an image


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


UNKNOWN = Interval(math.nan, math.nan)


@dataclass(frozen=True)
class Comparison:
    """One score of a system against the baseline on the same images; NaN where undefined.

    Attributes:
        difference: system minus baseline, the mean over the images (and seeds).
        low, high: bootstrap interval of the difference over the images.
        p: two-sided sign-flip test over the images.
        effect_size: Cohen's d_z, mean over standard deviation of the images' differences.
        better: share of the images on which the system is strictly better.
        seeds: trainings of both with the same seed; 0 where no seed is in common.
        seed_sd: standard deviation of the seeds' mean differences.
        seed_low, seed_high: t interval of the difference over the seeds.
        seed_p: two-sided t test over the seeds.
        tests: how many comparisons `correct` corrected for.
    """

    score: str
    difference: float
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
    tests: int = 1


@lru_cache(maxsize=2)
def _draws(images: int, resamples: int, seed: int) -> NDArray[np.uint8]:
    """How often each bootstrap resample (row) holds each image."""
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, images), np.uint8)
    for rows in _chunks(resamples):
        drawn = rng.integers(images, size=(len(rows), images))
        cells = (drawn + images * np.arange(len(rows))[:, None]).ravel()
        counts[rows] = np.bincount(cells, minlength=drawn.size).reshape(drawn.shape)
    return counts


@lru_cache(maxsize=2)
def _signs(images: int, resamples: int, seed: int) -> NDArray[np.int8]:
    rng = np.random.default_rng(seed)
    return 2 * rng.integers(2, size=(resamples, images), dtype=np.int8) - 1


def _chunks(resamples: int) -> list[NDArray[np.int64]]:
    return np.array_split(np.arange(resamples), math.ceil(resamples / CHUNK))


def _times(weights: NDArray[Any], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([weights[rows] @ values for rows in _chunks(len(weights))])


def bootstrap_means(
    values: ArrayLike, resamples: int = RESAMPLES, seed: int = SEED
) -> list[Interval]:
    """Percentile bootstrap interval of the mean of each column (Efron 1979), NaN left out.

    All columns see the same resamples of the images. Unknown below two values.

    Args:
        values: (images, columns).
    """
    table = np.asarray(values, np.float64)
    valid = np.isfinite(table)
    draws = _draws(len(table), resamples, seed)
    total, count = np.hsplit(_times(draws, np.hstack([np.where(valid, table, 0), valid])), 2)
    tail = (1 - CONFIDENCE) / 2
    return [
        Interval(*map(float, np.quantile(t[c > 0] / c[c > 0], [tail, 1 - tail])))
        if known.sum() > 1
        else UNKNOWN
        for t, c, known in zip(total.T, count.T, valid.T, strict=True)
    ]


def sign_flip_p(
    differences: ArrayLike, resamples: int = RESAMPLES, seed: int = SEED
) -> NDArray[np.float64]:
    """Two-sided p of "the differences are symmetric about 0", for each column, NaN left out.

    p = (k + 1) / (n + 1) where k of n random sign flips have a mean at least as far from 0 (Phipson
    and Smyth 2010), so it is never 0.

    Args:
        differences: (images, columns), paired.
    """
    table = np.nan_to_num(np.asarray(differences, np.float64))
    flipped = np.abs(_times(_signs(len(table), resamples, seed), table))
    rounding = 1e-12 * np.abs(table).sum(0)
    extreme = (flipped >= np.abs(table.sum(0)) - rounding).sum(0)
    return np.asarray((extreme + 1) / (resamples + 1))


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down correction (1979); NaN are no tests and stay NaN."""
    raw = np.asarray(p, np.float64)
    order = np.argsort(raw)[: np.isfinite(raw).sum()]  # NaN are sorted last
    corrected = np.full_like(raw, math.nan)
    steps = raw[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def over_seeds(differences: Sequence[float]) -> tuple[float, Interval, float]:
    """Standard deviation, t interval of the mean and two-sided p of the seeds' differences."""
    if len(differences) < 2:
        return math.nan, UNKNOWN, math.nan
    if not np.any(differences):
        return 0.0, Interval(0.0, 0.0), 1.0
    if np.allclose(differences, np.mean(differences), rtol=1e-9, atol=0):
        return 0.0, UNKNOWN, math.nan  # one training under several seeds tells nothing
    test = stats.ttest_1samp(differences, 0)
    interval = Interval(*map(float, test.confidence_interval(CONFIDENCE)))
    return float(np.std(differences, ddof=1)), interval, float(test.pvalue)


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
) -> list[Comparison]:
    """Compare every score that both have, on the same images.

    Seeds that both have are compared one with another and the rest is left out: one seed gives all
    arms the same first weights and order of samples. Without a common seed all are averaged.

    Args:
        baseline, system: seed -> table with a row an image (the index) and a column a score.
        names: what an error calls them.

    Raises:
        UserError: the images differ.
    """
    tables = [*baseline.values(), *system.values()]
    for count, table in enumerate(tables):
        name = names[0] if count < len(baseline) else names[1]
        check_same_images(tables[0].index, table.index, (names[0], name))
    seeds = [seed for seed in baseline if seed in system]
    first = mean_over_seeds([baseline[s] for s in seeds or baseline])
    second = mean_over_seeds([system[s] for s in seeds or system])
    scores = [str(name) for name in first if name in second]
    differences = (second[scores] - first[scores]).astype(float)
    intervals = bootstrap_means(differences)
    ps = sign_flip_p(differences)
    by_seed = [system[s][scores].astype(float) - baseline[s][scores] for s in seeds]
    comparisons = []
    for score, interval, p in zip(scores, intervals, ps, strict=True):
        known = differences[score].dropna().to_numpy()
        if not len(known):
            continue
        sd, seed_interval, seed_p = over_seeds([float(d[score].mean()) for d in by_seed])
        gain = known if SCORES[score].higher_is_better else -known
        comparisons.append(
            Comparison(
                score=score,
                difference=float(known.mean()),
                low=interval.low,
                high=interval.high,
                p=float(p),
                p_corrected=float(p),
                effect_size=_d_z(known),
                better=float((gain > 0).mean()),
                images=len(known),
                seeds=len(seeds),
                seed_sd=sd,
                seed_low=seed_interval.low,
                seed_high=seed_interval.high,
                seed_p=seed_p,
                seed_p_corrected=seed_p,
            )
        )
    return comparisons


def compare_pooled(
    score: str, baseline: Mapping[Seed, float], system: Mapping[Seed, float]
) -> Comparison:
    """Compare a score that has one number a set of images, such as FID: over the seeds alone."""
    seeds = [seed for seed in baseline if seed in system]
    first = [baseline[s] for s in seeds or baseline]
    second = [system[s] for s in seeds or system]
    sd, interval, p = over_seeds([system[s] - baseline[s] for s in seeds])
    return Comparison(
        score=score,
        difference=float(np.mean(second) - np.mean(first)),
        seeds=len(seeds),
        seed_sd=sd,
        seed_low=interval.low,
        seed_high=interval.high,
        seed_p=p,
        seed_p_corrected=p,
    )


def correct(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with Holm-corrected p over all of them, those over the seeds likewise."""
    over_images = holm([c.p for c in comparisons])
    seeds = holm([c.seed_p for c in comparisons])
    return [
        replace(c, p_corrected=float(p), seed_p_corrected=float(q), tests=len(comparisons))
        for c, p, q in zip(comparisons, over_images, seeds, strict=True)
    ]


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


def signed(difference: float, score: Score) -> str:
    """A difference in print: its sign, and a decimal more than the score."""
    return f"{difference:+.{score.decimals + 1}f}"


def _d_z(differences: NDArray[np.float64]) -> float:
    """Cohen's d_z; 0 where all differences are 0, NaN where they do not vary otherwise."""
    if not differences.any():
        return 0.0
    if len(differences) < 2 or np.ptp(differences) == 0:
        return math.nan
    return float(differences.mean() / differences.std(ddof=1))


def _span(low: float, high: float, score: Score) -> str:
    return f"95 % interval {signed(low, score)} to {signed(high, score)}"

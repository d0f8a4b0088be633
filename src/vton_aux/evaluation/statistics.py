"""Intervals and tests of means, over images by resampling and over seeds by the t distribution.

All that is random is seeded.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 0
CHUNK = 1_000  # resamples that are floats at one time


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


UNKNOWN = Interval(math.nan, math.nan)


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
    values: ArrayLike, resamples: int = RESAMPLES, seed: int = SEED, photos: ArrayLike | None = None
) -> list[Interval]:
    """Percentile bootstrap interval of the mean of each column (Efron 1979), NaN left out.

    All columns see the same resamples. Unknown below two photos.

    Args:
        values: (images, columns).
        photos: (images,) the photo of each image, one for all its copies, which are no independent
            draws: a photo is drawn with all its images. By default each image has its own.
    """
    table = np.asarray(values, np.float64)
    valid = np.isfinite(table)
    sums, counts = _by_photo(np.where(valid, table, 0), photos), _by_photo(valid, photos)
    draws = _draws(len(sums), resamples, seed)
    total, count = np.hsplit(_times(draws, np.hstack([sums, counts])), 2)
    tail = (1 - CONFIDENCE) / 2
    return [
        Interval(*map(float, np.quantile(t[c > 0] / c[c > 0], [tail, 1 - tail])))
        if (known > 0).sum() > 1
        else UNKNOWN
        for t, c, known in zip(total.T, count.T, counts.T, strict=True)
    ]


def sign_flip_p(
    differences: ArrayLike,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    photos: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Two-sided p of "the differences are symmetric about 0", for each column, NaN left out.

    p = (k + 1) / (n + 1) where k of n random sign flips have a mean at least as far from 0 (Phipson
    and Smyth 2010), so it is never 0. NaN where all differences are 0, which tests nothing.

    Args:
        differences: (images, columns), paired.
        photos: as in `bootstrap_means`; the images of a photo are flipped together.
    """
    table = _by_photo(np.nan_to_num(np.asarray(differences, np.float64)), photos)
    flipped = np.abs(_times(_signs(len(table), resamples, seed), table))
    size = np.abs(table).sum(0)
    extreme = (flipped >= np.abs(table.sum(0)) - 1e-12 * size).sum(0)
    return np.where(size > 0, (extreme + 1) / (resamples + 1), math.nan)


def _by_photo(values: NDArray[Any], photos: ArrayLike | None) -> NDArray[np.float64]:
    """The sums over the images of each photo, (photos, columns)."""
    table = pd.DataFrame(np.asarray(values, np.float64))
    if photos is not None:
        table = table.groupby(np.asarray(photos), sort=False).sum()
    return table.to_numpy()


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
    if not np.any(differences):  # the same by construction, as the warps of one GMM are
        return 0.0, Interval(0.0, 0.0), math.nan
    if np.allclose(differences, np.mean(differences), rtol=1e-9, atol=0):
        return 0.0, UNKNOWN, math.nan  # one training under several seeds tells nothing
    test = stats.ttest_1samp(differences, 0)
    interval = Interval(*map(float, test.confidence_interval(CONFIDENCE)))
    return float(np.std(differences, ddof=1)), interval, float(test.pvalue)

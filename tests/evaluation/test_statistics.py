import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vton_aux.evaluation.statistics import bootstrap_means, holm, over_seeds, sign_flip_p

NAN = math.nan
rng = np.random.default_rng


def test_the_interval_is_scipys_percentile_bootstrap():
    values = rng(0).gamma(2.0, size=150)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, batch=1000, method="percentile", rng=rng(1)
    ).confidence_interval
    (found,) = bootstrap_means(values[:, None])
    assert found == pytest.approx(expected, abs=0.03 * (expected.high - expected.low))


def test_the_interval_covers_the_mean_as_often_as_it_says():
    samples = rng(2).normal(3.0, 2.0, size=(60, 600))  # 600 experiments of 60 images
    covered = np.mean([low <= 3.0 <= high for low, high in bootstrap_means(samples, 2000)])
    assert 0.915 < covered < 0.965  # 95 %, a little less in small samples


def test_nan_are_left_out_of_the_interval():
    values = rng(3).normal(size=80)
    gaps = np.where(np.arange(80) % 4 == 0, NAN, values)
    (found,) = bootstrap_means(gaps[:, None])
    (expected,) = bootstrap_means(gaps[np.isfinite(gaps)][:, None])
    assert found == pytest.approx(expected, abs=0.05)
    alone = np.where(np.arange(80) == 7, values, NAN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unknown = bootstrap_means(np.column_stack([alone, np.full(80, NAN)]))
    assert np.isnan(unknown).all()


def test_the_randomness_is_seeded():
    table = rng(4).normal(size=(40, 10))
    found = bootstrap_means(table)
    others = [bootstrap_means(table, seed=seed) for seed in range(1, 5)]  # which fill the cache
    assert bootstrap_means(table) == found
    assert found not in others


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-3, 3).map(lambda x: round(x, 2)), min_size=2, max_size=9).filter(any))
def test_the_sign_flip_p_is_that_of_all_sign_flips(differences):
    d = np.array(differences)
    flips = np.array(list(itertools.product([-1, 1], repeat=len(d))))
    exact = (np.abs(flips @ d) >= abs(d.sum()) - 1e-9).mean()
    (found,) = sign_flip_p(d[:, None])
    assert found == pytest.approx(exact, abs=0.025)


def test_the_sign_flip_p_agrees_with_the_t_test_on_normals():
    a, b = rng(5).normal(size=(2, 200))
    (found,) = sign_flip_p((a - b + 0.15)[:, None])
    assert found == pytest.approx(stats.ttest_rel(a + 0.15, b).pvalue, abs=0.015)


def test_p_is_never_0_and_no_difference_at_all_is_no_test():
    assert sign_flip_p(np.ones((50, 1)), 999).tolist() == [1 / 1000]
    assert np.isnan(sign_flip_p(np.zeros((50, 1)))).all()
    assert math.isnan(over_seeds([0.0, 0.0, 0.0])[2])


def test_copies_of_a_photo_tell_no_more_than_the_photo():
    values = rng(7).normal(0.1, size=(60, 2))
    values[5, 0] = NAN
    copied, photos = np.repeat(values, 3, axis=0), np.repeat(np.arange(60), 3)
    order = rng(8).permutation(60)  # of what number a photo has nothing may depend
    for test in (bootstrap_means, sign_flip_p):
        expected = np.array(test(values))
        np.testing.assert_allclose(test(copied, photos=order[photos]), expected, atol=0.01)
        assert not np.allclose(test(copied), expected, atol=0.02)


def test_intervals_over_photos_cover_the_mean_where_those_over_images_do_not():
    random = rng(9)
    photos = np.sort(random.integers(60, size=100))  # 60 photos, some of them several times
    _, place = np.unique(photos, return_inverse=True)
    samples = random.normal(3.0, 2.0, size=(place.max() + 1, 600))[place]
    covered = {
        name: np.mean([low <= 3.0 <= high for low, high in bootstrap_means(samples, 2000, **how)])
        for name, how in {"photos": {"photos": photos}, "images": {}}.items()
    }
    assert covered["photos"] > 0.90 > covered["images"]


def test_under_the_null_small_p_are_as_frequent_as_they_should_be():
    p = sign_flip_p(rng(6).normal(size=(30, 1000)), 999)
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.021)


def test_holms_own_example_and_nan():
    # Holm (1979); the same numbers as R's p.adjust(c(.01, .04, .03, .005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    with_gap = holm([0.01, NAN, 0.02])
    assert with_gap[[0, 2]] == pytest.approx([0.02, 0.02])
    assert math.isnan(with_gap[1])
    assert holm([0.6, 0.9]).tolist() == [1, 1]


def test_over_seeds_is_the_t_test_of_the_paired_differences():
    a, b = np.array([0.71, 0.72, 0.715]), np.array([0.70, 0.70, 0.701])
    sd, interval, p = over_seeds((a - b).tolist())
    test = stats.ttest_rel(a, b)
    assert sd == pytest.approx(np.std(a - b, ddof=1))
    assert (*interval, p) == pytest.approx((*test.confidence_interval(0.95), test.pvalue))
    assert np.isnan([over_seeds([0.01])[0], *over_seeds([0.01])[1]]).all()


def test_a_photo_counts_with_each_of_its_images():
    """A hundred photos: fifty of three images at 1, fifty of one at 0; the images' mean is 0.75."""
    values = np.concatenate([np.ones(150), np.zeros(50)])
    photos = np.concatenate([np.repeat(np.arange(50), 3), np.arange(50, 100)])
    (interval,) = bootstrap_means(values[:, None], photos=photos)
    assert interval.low > 0.6
    assert (interval.low + interval.high) / 2 == pytest.approx(0.75, abs=0.02)

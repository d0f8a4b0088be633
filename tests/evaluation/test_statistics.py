import itertools
import math
import re
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fake_evaluations import scores
from vton_aux.errors import UserError
from vton_aux.evaluation.statistics import (
    SCORES,
    Comparison,
    bootstrap_means,
    compare,
    compare_pooled,
    conclusion,
    correct,
    holm,
    over_seeds,
    sign_flip_p,
)

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


def test_2032_images_are_fast_and_the_randomness_is_seeded():
    table = rng(4).normal(size=(2032, 10))
    before = time.process_time()
    found = bootstrap_means(table)
    assert time.process_time() - before < 2
    assert bootstrap_means(table) == found
    assert bootstrap_means(table[:40], seed=1) != bootstrap_means(table[:40])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-3, 3).map(lambda x: round(x, 2)), min_size=2, max_size=9))
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


def test_p_is_never_0_and_is_1_for_no_difference():
    assert sign_flip_p(np.ones((50, 1)), 999).tolist() == [1 / 1000]
    assert sign_flip_p(np.zeros((50, 1))).tolist() == [1]


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


def test_a_comparison_by_hand():
    images = pd.Index(["a", "b", "c", "d"])
    first = pd.DataFrame({"ssim": [0.5, 0.6, 0.7, NAN], "bleeding": [1.0, 2, 3, 4]}, images)
    second = pd.DataFrame({"ssim": [0.6, 0.8, 0.7, 0.9], "bleeding": [0.5, 1, 2.5, 6]}, images)
    ssim, bleeding = compare({0: first}, {0: second.iloc[::-1]})
    assert (ssim.score, ssim.images, ssim.seeds) == ("ssim", 3, 1)
    assert ssim.difference == pytest.approx(0.1)
    assert ssim.effect_size == pytest.approx(0.1 / 0.1)
    assert ssim.better == pytest.approx(2 / 3)  # a tie is not better
    assert bleeding.difference == 0
    assert bleeding.better == 0.75  # three images bleed less
    assert ssim.low <= 0.1 <= ssim.high


def test_several_seeds_are_averaged_an_image_and_compared_one_with_another():
    first = {s: scores(seed=s, names=("ssim",)) for s in range(3)}
    second = {s: scores(seed=s + 9, gain=0.2 + s, names=("ssim",)) for s in range(3)}
    (found,) = compare(first, second)
    by_seed = [float((second[s] - first[s])["ssim"].mean()) for s in range(3)]
    assert found.seeds == 3
    assert found.difference == pytest.approx(np.mean(by_seed))
    assert found.seed_sd == pytest.approx(np.std(by_seed, ddof=1))
    assert found.seed_p == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue)
    images = (sum(second.values()) - sum(first.values())) / 3
    assert found.effect_size == pytest.approx(float(images["ssim"].mean() / images["ssim"].std()))


def test_of_unequal_seeds_the_common_ones_are_compared():
    first = {s: scores(seed=s, names=("ssim",)) for s in (0, 1, 2)}
    second = {s: scores(seed=s + 9, names=("ssim",)) for s in (1, 2, 3)}
    (found,) = compare(first, second)
    (common,) = compare({s: first[s] for s in (1, 2)}, {s: second[s] for s in (1, 2)})
    assert found == common
    assert found.seeds == 2
    (apart,) = compare({0: first[0], 1: first[1]}, {None: second[3]})
    assert apart.seeds == 0
    assert math.isnan(apart.seed_p)
    both = (first[0] + first[1]) / 2
    assert apart.difference == pytest.approx(float((second[3] - both)["ssim"].mean()))


def test_other_images_are_refused_by_name():
    full = scores(seed=0)
    with pytest.raises(UserError, match=r"Both: lacks 1 images that CP-VTON holds, .* 59;"):
        compare({0: full}, {0: full.iloc[:-1]}, ("CP-VTON", "Both"))
    with pytest.raises(UserError, match="CP-VTON: lacks 1 images"):
        compare({0: full.iloc[1:]}, {0: full}, ("CP-VTON", "Both"))
    with pytest.raises(UserError, match="lacks"):
        compare({0: full, 1: full.iloc[1:]}, {0: full})


def concluded(first, second):
    return [conclusion(c, "CP-VTON", "Both") for c in correct(compare(first, second))]


def test_identical_systems_do_not_differ():
    for seeds in ((0,), (0, 1)):
        runs = {s: scores(seed=s) for s in seeds}
        for c in correct(compare(runs, runs)):
            assert (c.difference, c.p, c.p_corrected, c.effect_size, c.better) == (0, 1, 1, 0, 0)
            assert conclusion(c, "CP-VTON", "Both").endswith(
                ": no difference between Both and CP-VTON."
            )


def test_one_seed_concludes_about_two_models_only():
    said = concluded({0: scores(seed=0)}, {0: scores(seed=9, gain=0.3)})
    assert all("Both is better than CP-VTON by" in s for s in said)  # bleeding among them
    assert all("one seed cannot tell the method from the luck of the draw" in s for s in said)
    worse = concluded({0: scores(seed=9, gain=0.3)}, {0: scores(seed=0)})
    assert all("Both is worse than CP-VTON by" in s for s in worse)


def test_no_difference_is_not_called_proof_of_none():
    said = concluded({0: scores(seed=0)}, {0: scores(seed=9)})
    assert all("no difference" in s and "nor that there is none" in s for s in said)


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ((0.30, 0.31, 0.29), "over 3 seeds .* it is the method's doing"),
        ((0.30, 0.45, 0.27), "the seeds agree over 3 seeds .*, but not after correction for 4"),
        ((0.90, -0.4, 0.10), "the method cannot be told from the luck of the draw"),
    ],
)
def test_several_seeds_decide_about_the_method(gains, words):
    first = {s: scores(seed=s) for s in range(3)}
    second = {s: scores(seed=s + 9, gain=gain) for s, gain in enumerate(gains)}
    for said in concluded(first, second):
        assert re.search(words, said), said


def test_one_number_a_set_is_tested_over_seeds_alone():
    one = compare_pooled("fid", {0: 20.0}, {0: 19.0})
    assert one.difference == -1
    said = conclusion(one, "CP-VTON", "Both")
    assert "Both is better than CP-VTON by 1.000" in said
    assert "one seed cannot test it" in said
    several = compare_pooled("fid", {0: 20.0, 1: 20.2, 2: 20.1}, {0: 19.0, 1: 19.3, 2: 19.0})
    assert several.seed_p == pytest.approx(stats.ttest_1samp([-1, -0.9, -1.1], 0).pvalue)
    assert "on these images it is the method's doing" in conclusion(several, "CP-VTON", "Both")
    equal = compare_pooled("fid", {0: 20.0, 1: 20.2}, {0: 19.0, 1: 19.2})
    assert "equal seeds cannot test it" in conclusion(equal, "CP-VTON", "Both")


def test_the_correction_is_over_all_comparisons_and_over_the_seeds_apart():
    found = correct(
        [
            Comparison("ssim", 0.1, p=0.01, seed_p=0.04),
            Comparison("psnr", 0.1, p=0.02),
            Comparison("fid", 0.1, seed_p=0.03),
        ]
    )
    assert [c.p_corrected for c in found] == pytest.approx([0.02, 0.02, NAN], nan_ok=True)
    assert [c.seed_p_corrected for c in found] == pytest.approx([0.06, NAN, 0.06], nan_ok=True)
    assert {c.tests for c in found} == {3}


def test_which_scores_are_better_when_low():
    assert {k for k, s in SCORES.items() if not s.higher_is_better} == {
        "fid", "kid", "lpips", "bleeding", "background_bleeding",
    }  # fmt: skip

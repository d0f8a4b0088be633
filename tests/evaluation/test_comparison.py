import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fake_evaluations import scores
from vton_aux.errors import UserError
from vton_aux.evaluation.comparison import Comparison, compare, compare_pooled, correct
from vton_aux.evaluation.known_scores import SCORES

NAN = math.nan


def test_a_comparison_by_hand():
    images = pd.Index(["a", "b", "c", "d"])
    first = pd.DataFrame({"ssim": [0.5, 0.6, 0.7, NAN], "bleeding": [1.0, 2, 3, 4]}, images)
    second = pd.DataFrame({"ssim": [0.6, 0.8, 0.7, 0.9], "bleeding": [0.5, 1, 2.5, 6]}, images)
    ssim, bleeding = compare({0: first}, {0: second.iloc[::-1]})
    assert (ssim.score, ssim.images, ssim.seeds) == ("ssim", 3, 1)
    assert ssim.difference == pytest.approx(0.1)
    assert (ssim.baseline_mean, ssim.system_mean) == pytest.approx(
        (0.6, 0.7)
    )  # "d" is not known of both
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


def test_copies_of_a_photo_count_as_one_in_interval_and_test():
    first, second = scores(seed=0, names=("ssim",)), scores(seed=9, gain=0.1, names=("ssim",))
    (once,) = compare({0: first}, {0: second})
    again = [pd.concat([t, t.set_axis([f"{i} again" for i in t.index])]) for t in (first, second)]
    photos = pd.Series([*range(60), *range(60)], again[0].index)
    (twice,) = compare({0: again[0]}, {0: again[1].iloc[::-1]}, photos=photos)
    assert twice.images == 2 * once.images
    assert (twice.low, twice.high, twice.p) == pytest.approx((once.low, once.high, once.p))


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


def test_a_score_that_one_seed_lacks_is_left_out():
    first, second = ({s: scores(seed=s + 9 * k) for s in (0, 1)} for k in (0, 1))
    del second[1]["psnr"]
    assert [c.score for c in compare(first, second)] == ["ssim", "ms_ssim", "bleeding"]


def test_other_images_are_refused_by_name():
    full = scores(seed=0)
    with pytest.raises(UserError, match=r"Both: lacks 1 images that CP-VTON holds, .* 59;"):
        compare({0: full}, {0: full.iloc[:-1]}, ("CP-VTON", "Both"))
    with pytest.raises(UserError, match="CP-VTON: lacks 1 images"):
        compare({0: full.iloc[1:]}, {0: full}, ("CP-VTON", "Both"))
    with pytest.raises(UserError, match="lacks"):
        compare({0: full, 1: full.iloc[1:]}, {0: full})


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
    assert {(c.tests, c.seed_tests) for c in found} == {(2, 2)}


def test_which_scores_are_better_when_low():
    assert {k for k, s in SCORES.items() if not s.higher_is_better} == {
        "fid", "kid", "lpips", "bleeding", "background_bleeding",
    }  # fmt: skip


def test_the_means_of_a_pooled_score_are_those_of_the_common_seeds():
    compared = compare_pooled("fid", {0: 100.0, 1: 20.0}, {1: 19.0, 2: 500.0})
    assert (compared.baseline_mean, compared.system_mean) == (20.0, 19.0)
    assert compared.difference == -1.0
    alone = compare_pooled("fid", {0: 20.0}, {1: 19.0})  # none in common: all of either
    assert (alone.baseline_mean, alone.system_mean, alone.seeds) == (20.0, 19.0, 0)

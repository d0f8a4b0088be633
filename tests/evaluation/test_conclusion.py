import re

import pytest
from scipy import stats

from fake_evaluations import scores
from vton_aux.evaluation.comparison import Comparison, compare, compare_pooled, correct
from vton_aux.evaluation.conclusion import conclusion


def concluded(first, second):
    return [conclusion(c, "CP-VTON", "Both") for c in correct(compare(first, second))]


def test_identical_systems_do_not_differ():
    for seeds in ((0,), (0, 1)):
        runs = {s: scores(seed=s) for s in seeds}
        for c in correct(compare(runs, runs)):
            assert (c.difference, c.effect_size, c.better, c.tests, c.seed_tests) == (0,) * 5
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
    assert "dependent seeds cannot test it" in conclusion(equal, "CP-VTON", "Both")
    cancelled = compare_pooled("fid", {0: 10.0, 1: 12.0}, {0: 11.0, 1: 11.0})
    assert "cannot be told from the luck" in conclusion(cancelled, "CP-VTON", "Both")
    same = compare_pooled("fid", {0: 10.0, 1: 12.0}, {0: 10.0, 1: 12.0})
    assert conclusion(same, "CP-VTON", "Both") == "FID: no difference between Both and CP-VTON."


SEEDS = {"seeds": 5, "seed_low": 0.0019, "seed_high": 0.0021, "seed_p": 1e-7, "seed_tests": 2}


def test_seeds_that_agree_are_heard_where_the_images_do_not_tell():
    c = Comparison(
        "ssim", 0.002, images=40, low=-0.0025, high=0.0063, p=0.4, p_corrected=0.4,
        seed_p_corrected=1e-7, **SEEDS,
    )  # fmt: skip
    told = conclusion(c, "CP-VTON", "Both")
    assert "Both is better than CP-VTON by 0.0020 (95 % interval -0.0025 to +0.0063)" in told
    assert told.endswith("it is the method's doing; other images may not show it.")


def test_what_else_differs_is_no_methods_doing():
    c = Comparison(
        "ssim", 0.002, images=40, low=0.001, high=0.003, p=0.001, p_corrected=0.001,
        seed_p_corrected=1e-7, **SEEDS,
    )  # fmt: skip
    told = conclusion(c, "CP-VTON", "Both", apart=["steps", "training data"])
    assert "method's doing" not in told
    assert told.endswith("but the two differ in steps and training data too.")


def test_one_image_tests_nothing():
    c = Comparison("ssim", 0.002, images=1, p=1.0, p_corrected=1.0)
    assert conclusion(c, "CP-VTON", "Both") == "SSIM: one image cannot test Both against CP-VTON."


def test_models_without_a_common_seed_are_not_two():
    first = {s: scores(seed=s) for s in (0, 1)}
    second = {s: scores(seed=s + 9, gain=0.3) for s in (2, 3)}
    for told in concluded(first, second):
        assert "these systems differ on these images; without a seed in common" in told
    unknown = concluded({None: scores(seed=0)}, {None: scores(seed=9, gain=0.3)})
    assert all("without a seed in common" in told for told in unknown)

import re

import pytest
from scipy import stats

from fake_evaluations import scores
from vton_aux.evaluation.comparison import compare, compare_pooled, correct
from vton_aux.evaluation.conclusion import conclusion


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

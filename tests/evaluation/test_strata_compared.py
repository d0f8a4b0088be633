import math

import numpy as np
import pandas as pd
import pytest

from fake_evaluations import scores, write_evaluation
from vton_aux.evaluation.runs import find_evaluations
from vton_aux.evaluation.strata import compare_in_parts
from vton_aux.evaluation.systems import gather


def systems(folder, **strata):
    """A baseline, and `both`, which gains in every second image alone."""
    for name, gain in (("baseline", 0.0), ("both", 1.0)):
        table = scores(images=60, gain=0.0)
        helped = np.arange(60) % 2 == 0
        table["ssim"] += gain * 0.02 * helped
        write_evaluation(
            folder / name, name, table=pd.concat([table, pd.DataFrame(strata)], axis=1)
        )
    return gather(find_evaluations([folder]))


def test_the_gain_is_told_where_it_lies(tmp_path):
    even = np.arange(60) % 2 == 0
    baseline, both = systems(tmp_path, occluded=even)
    found = dict(compare_in_parts(baseline, both, "official", "ssim"))
    told = {(part.name, c.images): c.difference for part, c in found.items()}
    assert told == {
        ("arms off the torso", 30): pytest.approx(0),
        ("arms before the torso", 30): pytest.approx(0.02),
    }


def test_terciles_go_from_easy_to_hard_and_unknown_ones_are_left_out(tmp_path):
    pose = np.array(["hard", "unknown", "easy", "medium"])[np.arange(60) % 4]
    baseline, both = systems(tmp_path, pose_stratum=pose)
    found = compare_in_parts(baseline, both, "official", "ssim")
    assert [part.name for part, _ in found] == ["easy", "medium", "hard"]
    assert {part.stratum for part, _ in found} == {"pose"}
    assert {c.tests for _, c in found} == {2}  # of no "medium" does the score differ at all
    assert {part.name: math.isnan(c.p_corrected) for part, c in found} == {
        "easy": False, "medium": True, "hard": False,
    }  # fmt: skip


def test_a_part_of_a_few_images_is_not_compared(tmp_path):
    baseline, both = systems(tmp_path, occluded=np.arange(60) >= 57)
    found = compare_in_parts(baseline, both, "official", "ssim")
    assert [c.images for _, c in found] == [57]


def test_only_images_that_have_the_score_count(tmp_path):
    known = np.where(np.arange(60) < 44, 0.5, np.nan)
    for name in ("baseline", "both"):
        table = scores(images=60).assign(bleeding=known, occluded=np.arange(60) >= 40)
        write_evaluation(tmp_path / name, name, table=table)
    baseline, both = gather(find_evaluations([tmp_path]))
    found = compare_in_parts(baseline, both, "official", "bleeding")
    assert [(part.name, c.images) for part, c in found] == [("arms off the torso", 40)]


def test_only_the_images_of_the_protocol_count(tmp_path):
    baseline, both = systems(tmp_path, occluded=np.arange(60) % 2 == 0)
    found = compare_in_parts(baseline, both, "clean", "ssim")
    assert sum(c.images for _, c in found) == 40


def test_nothing_is_compared_that_is_not_there(tmp_path):
    baseline, both = systems(tmp_path)
    assert compare_in_parts(baseline, both, "official", "ssim") == []
    assert compare_in_parts(baseline, both, "official", "lpips") == []


def test_copies_of_a_photo_are_drawn_together_in_a_part_too(tmp_path):
    photo = np.arange(60) // 10  # each has five images in either part
    widths = []
    for known in ({}, {"photo": photo}):
        folder = tmp_path / str(len(known))
        for name, gain in (("baseline", 0.0), ("both", 0.01)):
            table = scores(images=60, gain=0.0).assign(occluded=np.arange(60) % 2 == 0, **known)
            table["ssim"] += gain * (photo % 3)  # the gain differs from photo to photo
            write_evaluation(folder / name, name, table=table)
        found = compare_in_parts(*gather(find_evaluations([folder])), "official", "ssim")
        widths.append([c.high - c.low for _, c in found])
    alone, copies = widths
    assert len(alone) == len(copies) == 2
    assert all(many > 1.5 * one > 0 for one, many in zip(alone, copies, strict=True))

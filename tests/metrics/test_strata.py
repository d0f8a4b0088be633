"""What makes a sample hard, on bodies drawn by hand."""

import math

import numpy as np
import pytest

from vton_aux.metrics.strata import pose_difficulty, self_occlusion, shape_difficulty, terciles

RIGHT, LEFT = (2, 3, 4), (5, 6, 7)  # shoulder, elbow, wrist


def body(right=((60, 80), (60, 120), (60, 160)), left=((130, 80), (130, 120), (130, 160))):
    joints = np.zeros((18, 3), np.float32)
    for chain, places in ((RIGHT, right), (LEFT, left)):
        for joint, place in zip(chain, places, strict=True):
            joints[joint] = (*place, 1)
    joints[8], joints[11] = (60, 180, 1), (130, 180, 1)
    return joints


def torso():
    parse = np.zeros((256, 192), np.uint8)
    parse[80:181, 60:131] = 5
    return parse


def occlusion(parse, joints):
    return self_occlusion(parse, joints, parse == 5)


def test_the_share_of_the_torso_that_arms_cover():
    parse = torso()
    assert occlusion(parse, body()) == 0
    parse[100:121, 50:141] = 14  # 21 of the torso's 101 rows, and beyond it
    assert occlusion(parse, body()) == pytest.approx(21 / 101, abs=0.005)
    parse[100:121, 50:141] = 15  # the other arm
    assert occlusion(parse, body()) == pytest.approx(21 / 101, abs=0.005)
    parse[200:, :] = 15  # below the torso
    assert occlusion(parse, body()) == pytest.approx(21 / 101, abs=0.005)


def test_a_hip_that_was_not_found_lies_on_the_cloths_lower_edge():
    parse = torso()
    parse[100:121, 60:131] = 14
    joints = body()
    joints[[8, 11]] = 0
    assert occlusion(parse, joints) == pytest.approx(21 / 101, abs=0.005)
    joints[2] = 0
    assert math.isnan(occlusion(parse, joints))


@pytest.mark.parametrize(
    ("elbow", "wrist", "angle"),
    [
        ((60, 120), (60, 160), 0), ((20, 80), (1, 80), 90), ((60, 40), (60, 5), 180),
        ((20, 120), (60, 160), 45), ((100, 120), (60, 160), 45),
    ],
)  # fmt: skip
def test_the_angle_of_the_arms_to_straight_down(elbow, wrist, angle):
    joints = body(right=((60, 80), elbow, wrist))
    assert pose_difficulty(joints) == pytest.approx(angle / 2, abs=1e-4)  # the left arm hangs
    joints[[6, 7]] = 0
    assert pose_difficulty(joints) == pytest.approx(angle, abs=1e-4)
    joints[:] = 0
    assert math.isnan(pose_difficulty(joints))


def test_shapes_are_compared_box_to_box():
    cloth, worn = np.zeros((2, 256, 192), bool)
    cloth[20:220, 20:170] = True
    worn[100:180, 60:120] = True  # a rectangle too, of another size and place
    assert shape_difficulty(cloth, worn) == pytest.approx(0)
    worn[140:180, 60:90] = False  # a quarter is gone
    assert shape_difficulty(cloth, worn) == pytest.approx(0.25, abs=0.01)
    worn[:] = False
    assert math.isnan(shape_difficulty(cloth, worn))


def test_the_broken_mask_of_a_white_cloth_tells_no_shape():
    cloth, worn = np.zeros((2, 256, 192), bool)
    cloth[20:220, 20:170], worn[100:180, 60:120] = True, True
    cloth[22:218, 40:165] = False  # little but the outline is left
    assert math.isnan(shape_difficulty(cloth, worn))


def test_terciles():
    strata = terciles(np.array([3.0, 1.0, np.nan, 2.0, 6.0, 5.0, 4.0]))
    assert strata.tolist() == ["medium", "easy", "unknown", "easy", "hard", "hard", "medium"]
    assert terciles(np.array([np.nan])).tolist() == ["unknown"]

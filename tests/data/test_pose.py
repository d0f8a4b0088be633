import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vton_aux.data.pose import FLIPPED, JOINTS, read_pose
from vton_aux.errors import UserError

# as OpenPose's manual (doc/02_output.md) lists them
COCO18 = [
    "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "RHip",
    "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar",
]  # fmt: skip
BODY25 = [
    "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip",
    "RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar",
    "LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel",
]  # fmt: skip
PLACES = {name: (10.0 + 5 * k, 200.0 - 3 * k) for k, name in enumerate(BODY25)}


def flat(names, places=PLACES):
    return [value for name in names for value in (*places[name], 0.7)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pose")


@pytest.fixture(scope="module")
def read(folder):
    def call(content):
        path = folder / "000001_0_keypoints.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_pose(path)

    return call


def person(key, values):
    return {"version": 1.0, "people": [{"face_keypoints": [], key: values}]}


def openpose(name: str) -> str:
    """ "right shoulder" as OpenPose spells it."""
    side, _, part = name.rpartition(" ")
    return side[:1].upper() + part.capitalize()


def test_the_joints_are_named_in_the_order_of_coco18():
    assert [openpose(name) for name in JOINTS] == COCO18


@pytest.mark.parametrize("key", ["pose_keypoints", "pose_keypoints_2d"])
@pytest.mark.parametrize("names", [COCO18, BODY25], ids=["coco18", "body25"])
def test_each_joint_lands_in_its_place(read, key, names):
    joints = read(person(key, flat(names)))
    assert joints.shape == (18, 3)
    assert joints.dtype == np.float32
    for name, (x, y, found) in zip(JOINTS, joints, strict=True):
        assert (x, y) == PLACES[openpose(name)]
        assert found == 1


@pytest.mark.parametrize("gone", BODY25)
def test_a_joint_of_body25_that_was_not_found_is_missing_alone(read, gone):
    joints = read(person("pose_keypoints_2d", flat(BODY25, {**PLACES, gone: (0.0, 0.0)})))
    absent = {openpose(JOINTS[k]) for k in range(18) if joints[k, 2] == 0}
    assert absent == {gone} & set(COCO18)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ((0, 0), 0), ((1, 50), 0), ((50, 1), 0), ((0.4, 50), 0), ((50, 0.9), 0), ((-3, 50), 0),
        ((1.01, 50), 1), ((50, 1.01), 1), ((2, 2), 1),
    ],
)  # fmt: skip
def test_a_joint_at_the_left_or_upper_edge_counts_as_not_found(read, place, found):
    joints = read(person("pose_keypoints", flat(COCO18, {**PLACES, "LWrist": place})))
    wrist = JOINTS.index("left wrist")
    assert joints[wrist, 2] == found
    assert joints[:, 2].sum() == 17 + found


@pytest.mark.parametrize("gone", [(None, 50), (50, None), (float("nan"), 50), (50, float("inf"))])
def test_a_joint_without_a_place_counts_as_not_found(read, gone):
    joints = read(person("pose_keypoints", flat(COCO18, {**PLACES, "LWrist": gone})))
    wrist = JOINTS.index("left wrist")
    assert joints[wrist].tolist() == [0, 0, 0]
    assert joints[:, 2].sum() == 17


def test_confidence_does_not_matter(read):
    values = np.reshape(flat(COCO18), (18, 3))
    values[:, 2] = np.linspace(0.01, 1, 18)
    assert (read(person("pose_keypoints", values.ravel().tolist()))[:, 2] == 1).all()


def test_the_first_of_several_people_is_read(read):
    other = {"pose_keypoints": [50.0] * 54}
    people = [{"pose_keypoints": flat(COCO18)}, other]
    assert tuple(read({"people": people})[0, :2]) == PLACES["Nose"]


def test_the_new_key_is_read_beside_an_empty_old_one(read):
    people = [{"pose_keypoints": [], "pose_keypoints_2d": flat(BODY25)}]
    assert tuple(read({"people": people})[17, :2]) == PLACES["LEar"]
    people = [{"pose_keypoints": flat(COCO18), "pose_keypoints_2d": []}]
    assert tuple(read({"people": people})[17, :2]) == PLACES["LEar"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"people": []}, "no person"),
        ('{"people": [', "not an OpenPose JSON"),
        ("", "not an OpenPose JSON"),
        ("[]", "not an OpenPose JSON"),
        ("null", "not an OpenPose JSON"),
        ({"persons": [{}]}, "people"),
        ({"people": [{"hand_left_keypoints": [1, 2, 3]}]}, "pose_keypoints"),
        ({"people": [[1, 2, 3]]}, "pose_keypoints"),
        (person("pose_keypoints", [2.0] * 53), "pose_keypoints"),
        (person("pose_keypoints", ["a"] * 54), "pose_keypoints"),
        (person("pose_keypoints", None), "pose_keypoints"),
        (person("pose_keypoints", [2.0] * 51), "17 joints"),
        (person("pose_keypoints_2d", [2.0] * 72), "24 joints"),
        (person("pose_keypoints_2d", []), "pose_keypoints"),
        (person("pose_keypoints", [0.2, 0.9, 1.0] * 18), "pixels of the photo are wanted"),
        (person("pose_keypoints", [-0.2, 0.9, 1.0] * 18), "--keypoint_scale 0"),
    ],
)
def test_what_is_no_pose_is_told_in_one_line(read, folder, content, words):
    with pytest.raises(UserError, match=re.escape(words)) as told:
        read(content)
    assert "\n" not in str(told.value)
    assert str(folder / "000001_0_keypoints.json") in str(told.value)


def test_bytes_that_are_no_text_are_told(folder):
    path = folder / "binary.json"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError, match=r"binary\.json: not an OpenPose JSON"):
        read_pose(path)


def test_no_file_is_told(folder):
    with pytest.raises(UserError, match=r"nobody\.json.*missing") as told:
        read_pose(folder / "nobody.json")
    assert "\n" not in str(told.value)


def test_a_folder_is_no_pose(folder):
    with pytest.raises(UserError):
        read_pose(folder)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=54, max_size=54))
def test_any_18_joints_keep_their_coordinates(read, values):
    values[0] = 5000.0  # all within 1 they would be shares of the picture, which are refused
    joints = read(person("pose_keypoints", values))
    for (x, y, _), (got_x, got_y, found) in zip(np.reshape(values, (18, 3)), joints, strict=True):
        assert (got_x, got_y) == (x, y)
        assert found == (0 if x <= 1 or y <= 1 else 1)


def test_a_flip_exchanges_left_and_right():
    mirror = {"left": "right", "right": "left"}
    for name, place in zip(JOINTS, FLIPPED, strict=True):
        assert JOINTS[place] == " ".join(mirror.get(word, word) for word in name.split())

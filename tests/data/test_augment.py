import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vton_aux.data.augment import Augmentation, build_transforms
from vton_aux.data.layout import files_of, read_pairs
from vton_aux.data.sample import Sample, read_sample
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:Got processor for keypoints")

H, W = 128, 96
HALF_TURN = {"transform": "Rotate", "limit": [180, 180], "p": 1.0}
AFFINE = {
    "transform": "Affine", "scale": [0.8, 1.2], "translate_percent": [-0.1, 0.1],
    "rotate": [-15, 15], "p": 1.0,
}  # fmt: skip
JITTER = {"transform": "ColorJitter", "p": 1.0}
BRIGHT = {**JITTER, "brightness": [0.7, 1.3], "contrast": [1, 1], "saturation": [0.6, 1.4]}
CONTRAST = {**JITTER, "brightness": [1, 1], "contrast": [0.7, 1.3], "saturation": [1, 1]}


def geometry(*transforms):
    return Augmentation(**build_transforms({"geometry": transforms}))


def colour(*transforms):
    return Augmentation(**build_transforms({"colour": transforms}))


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A drawn person, with noise for labels so that every label is there."""
    root = tmp_path_factory.mktemp("augment") / "viton"
    write_dataset(root, train=1, test=0, seed=6, size=(H, W), progress=False)
    files = files_of(root, "train", read_pairs(root, "train")[0])
    sample = read_sample(files, (H, W), 20)
    sample["parse"] = np.random.default_rng(0).integers(20, size=(H, W), dtype=np.uint8)
    x, y = np.random.default_rng(1).uniform((5, 5), (W - 6, H - 6), (18, 2)).T
    found = np.arange(18) % 5 != 0
    sample["joints"] = np.column_stack([x, y, found]).astype(np.float32)
    sample["joints"][~found] = 0
    return sample


def same(one: Sample, other: Sample) -> bool:
    return all(np.array_equal(one[key], other[key]) for key in Sample.__annotations__)


def marked(x: int, y: int, half: int = 2) -> Sample:
    """A bright square on black, under its own label, with a joint in its middle."""
    person, parse = np.zeros((H, W, 3), np.uint8), np.zeros((H, W), np.uint8)
    person[y - half : y + half + 1, x - half : x + half + 1] = 250
    parse[y - half : y + half + 1, x - half : x + half + 1] = 5
    joints = np.zeros((18, 3), np.float32)
    joints[0] = x, y, 1
    return Sample(
        person=person, parse=parse, joints=joints,
        cloth=np.full((H, W, 3), 90, np.uint8), cloth_mask=np.ones((H, W), np.uint8),
    )  # fmt: skip


def centre(weights):
    weights = weights.astype(float)
    return (np.indices(weights.shape) * weights).sum(axis=(1, 2))[::-1] / weights.sum()


# geometry


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("geometry", "HorizontalFlip", r"geometry: HorizontalFlip mirrors .* data\.augment\.flip"),
        ("geometry", "D4", "geometry: D4 mirrors"),
        ("colour", "Affine", "colour: Affine moves pixels; it belongs to geometry"),
    ],
)
def test_what_would_mislabel_is_refused(kind, name, told):
    with pytest.raises(UserError, match=told):
        build_transforms({kind: [{"transform": name}]})
    build_transforms({"colour": [{"transform": "PixelDropout"}]})  # of the picture alone


@settings(max_examples=60, deadline=None)
@given(x=st.integers(30, 65), y=st.integers(40, 87), draw=st.integers(0, 2**40), flip=st.booleans())
def test_photo_parse_and_joints_move_together(x, y, draw, flip):
    moved = geometry(AFFINE, *[HALF_TURN] * flip)(marked(x, y), draw)
    joint = moved["joints"][0]
    assert joint[2] == 1
    assert np.abs(centre(moved["person"].mean(axis=2)) - joint[:2]).max() < 0.6
    assert np.abs(centre(moved["parse"]) - joint[:2]).max() < 0.9


def test_affine_does_move():
    affine = geometry(AFFINE)
    ends = np.array([affine(marked(48, 64), k)["joints"][0, :2] for k in range(50)])
    assert (np.ptp(ends, axis=0) > 10).all()


def test_geometry_leaves_the_cloth_alone(sample):
    moved = geometry(HALF_TURN, AFFINE)(sample, 3)
    assert not (moved["person"] == sample["person"]).all()
    assert (moved["cloth"] == sample["cloth"]).all()
    assert (moved["cloth_mask"] == sample["cloth_mask"]).all()


@pytest.mark.parametrize("border_mode", [0, 1])
def test_the_parse_gains_no_labels(border_mode):
    drawn = marked(40, 50, half=15)
    drawn["parse"][drawn["parse"] == 5] = 13
    drawn["parse"][:20] = 2
    affine = geometry({**AFFINE, "border_mode": border_mode})
    for k in range(30):
        moved = affine(drawn, k)
        assert set(np.unique(moved["parse"])) <= {0, 2, 13}
        assert moved["parse"].dtype == np.uint8
        assert moved["person"].dtype == np.uint8


def test_joints_that_leave_the_frame_are_absent():
    drawn = marked(48, 64)
    drawn["joints"][:, :2] = np.linspace((5, 60), (90, 68), 18)
    drawn["joints"][:, 2] = 1
    for dx, dy in ((43, 0), (-43, 0), (0, 100), (0, -100), (30, 20)):
        shift = {"transform": "Affine", "translate_px": {"x": [dx, dx], "y": [dy, dy]}, "p": 1.0}
        moved = geometry(shift)(drawn, 0)["joints"]
        places = drawn["joints"][:, :2] + (dx, dy)
        inside = ((places > 1) & (places < (W, H))).all(axis=1)
        assert moved[:, 2].tolist() == inside.tolist()
        np.testing.assert_allclose(moved[inside, :2], places[inside], atol=1e-3)
    assert 0 < inside.sum() < 18


def test_joints_that_were_not_found_stay_absent():
    drawn = marked(48, 64)  # 17 joints at (0, 0)
    shift = {"transform": "Affine", "translate_px": {"x": [20, 20], "y": [20, 20]}, "p": 1.0}
    for augmentation in (geometry(shift), geometry(HALF_TURN), geometry(HALF_TURN, shift)):
        assert augmentation(drawn, 0)["joints"][:, 2].tolist() == [1, *[0] * 17]


def test_a_joint_in_the_first_pixel_is_still_in_the_frame():
    """At 128x96 a joint at 1.5 px of the file lies at 0.75."""
    drawn = marked(48, 64)
    drawn["joints"][0, :2] = 0.75, 64
    assert Augmentation()(drawn, 0)["joints"][0, 2] == 1


@pytest.mark.parametrize(
    "transform",
    [
        {**AFFINE, "border_mode": 2},  # a reflected border reflects the joints too
        {**AFFINE, "border_mode": 4},
        {"transform": "RandomCrop", "height": 64, "width": 48, "p": 1.0},
    ],
)
def test_geometry_that_changes_the_size_or_the_number_of_joints_is_refused(transform):
    with pytest.raises(UserError, match=r"data\.augment\.geometry") as told:
        geometry(transform)(marked(48, 64), 0)
    assert "\n" not in str(told.value)


# colour


def patched(sample: Sample, rgb) -> Sample:
    """One colour in a corner of person and cloth, which differ elsewhere."""
    person, cloth = sample["person"].copy(), np.full((H, W, 3), 250, np.uint8)
    person[:16, :16] = cloth[:16, :16] = rgb
    mask = np.ones((H, W), np.uint8)
    return Sample(**{**sample, "person": person, "cloth": cloth, "cloth_mask": mask})


def colour_difference(sample, transform):
    augmentation, worst, change = colour(transform), 0, 0
    for k, rgb in enumerate([(200, 40, 40), (30, 60, 90), (90, 160, 70), (128, 128, 128)] * 4):
        coloured = augmentation(patched(sample, rgb), k)
        worn, flat = (coloured[key][:16, :16].astype(int) for key in ("person", "cloth"))
        worst = max(worst, np.abs(worn - flat).max())
        change = max(change, np.abs(worn - rgb).max())
    assert change > 20
    return worst


@pytest.mark.parametrize(
    "transform",
    [
        {**BRIGHT, "hue": [0, 0]},
        {**BRIGHT, "hue": [-0.1, 0.1]},
        {"transform": "HueSaturationValue", "p": 1.0},
        {"transform": "RandomGamma", "gamma_limit": [60, 160], "p": 1.0},
    ],
)
def test_person_and_cloth_change_colour_alike(sample, transform):
    assert colour_difference(sample, transform) <= 1


def test_person_and_cloth_change_contrast_alike(sample):
    assert colour_difference(sample, {**CONTRAST, "hue": [0, 0]}) <= 1


def test_colour_leaves_labels_joints_and_mask(sample):
    coloured = colour(JITTER)(sample, 1)
    assert not (coloured["person"] == sample["person"]).all()
    for key in ("parse", "cloth_mask"):
        assert (coloured[key] == sample[key]).all()
    found = sample["joints"][:, 2] > 0
    assert (coloured["joints"][found] == sample["joints"][found]).all()


def test_colour_leaves_the_shop_background(sample):
    outside = sample["cloth_mask"] == 0
    assert 0 < outside.mean() < 1
    for k in range(8):
        coloured = colour(BRIGHT)(sample, k)["cloth"]
        assert (coloured[outside] == sample["cloth"][outside]).all()
        assert not (coloured[~outside] == sample["cloth"][~outside]).all()


def test_colours_that_are_no_longer_bytes_are_refused(sample):
    with pytest.raises(UserError, match=r"data\.augment\.colour") as told:
        colour({"transform": "Normalize", "p": 1.0})(sample, 0)
    assert "\n" not in str(told.value)


# draws


@pytest.fixture(scope="module")
def strong():
    return Augmentation(
        **build_transforms({"geometry": [{**HALF_TURN, "p": 0.5}, AFFINE], "colour": [JITTER]})
    )


def test_the_same_draw_makes_the_same_change(sample, strong):
    first = {k: strong(sample, k) for k in range(8)}
    for k in (5, 0, 7, 0):
        assert same(strong(sample, k), first[k])
    twin = Augmentation(
        **build_transforms({"geometry": [{**HALF_TURN, "p": 0.5}, AFFINE], "colour": [JITTER]})
    )
    np.random.seed(1)
    assert all(same(twin(sample, k), first[k]) for k in (3, 1))


def test_other_draws_make_other_changes(sample, strong):
    draws = [0, 1, 2, 3, 2**31, 1_000_000_007, 5 * 1_000_000_007]
    joints = {strong(sample, k)["joints"].tobytes() for k in draws}
    colours = {strong(sample, k)["cloth"].tobytes() for k in draws}
    assert len(joints) == len(colours) == len(draws)


def test_transforms_of_one_draw_are_drawn_independently(sample):
    flip = {**HALF_TURN, "p": 0.5}
    twice = [geometry(flip, flip)(sample, k)["person"] for k in range(100)]
    unchanged = sum((person == sample["person"]).all() for person in twice)
    assert 25 < unchanged < 75  # all of them, if both flipped together


@settings(max_examples=30, deadline=None)
@given(draw=st.integers(0, 2**50))
def test_no_augmentation_leaves_everything(sample, draw):
    for augmentation in (
        Augmentation(),
        Augmentation(**build_transforms({"geometry": [], "colour": []})),
        Augmentation(**build_transforms({"geometry": [{**HALF_TURN, "p": 0.0}]})),
    ):
        assert same(augmentation(sample, draw), sample)


def test_the_sample_itself_is_not_changed(sample, strong):
    before = Sample(**{key: value.copy() for key, value in sample.items()})
    for k in range(5):
        strong(sample, k)
    assert same(sample, before)


# from plain values


def test_nothing_is_built_from_nothing():
    assert build_transforms(None) == {}
    assert build_transforms({}) == {}
    assert build_transforms({"geometry": [], "colour": []}) == {"geometry": [], "colour": []}


def test_the_values_given_are_not_used_up():
    given = {"geometry": [dict(HALF_TURN)]}
    for _ in range(2):
        assert len(build_transforms(given)["geometry"]) == 1
    assert given == {"geometry": [HALF_TURN]}


@pytest.mark.parametrize("kind", ["geometry", "colour"])
@pytest.mark.parametrize(
    ("specification", "words"),
    [
        ({"transform": "Afine"}, "Afine"),
        ({"transform": ""}, "no transform"),
        ({"p": 0.5}, "no transform"),
        ({"transform": "Affine", "angle": 5}, "angle"),
        ({"transform": "Rotate", "probability": 1}, "probability"),
        ({"transform": "Affine", "rotate": "far"}, "Affine"),
        ({"transform": "ColorJitter", "brightness": [-1, 2]}, "ColorJitter"),
        ({"transform": "OneOf"}, "OneOf"),
        ({"transform": "core"}, "core"),
    ],
)
def test_what_is_no_transform_is_told_in_one_line(kind, specification, words):
    with pytest.raises(UserError) as told:
        build_transforms({kind: [specification]})
    assert f"data.augment.{kind}" in str(told.value)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_nobody_is_asked_over_the_net():
    script = """if True:
        import sys
        asked = []
        def watch(event, arguments):
            if event == "socket.getaddrinfo":
                asked.append(arguments)
                raise OSError("no net in this test")
        sys.addaudithook(watch)
        import vton_aux.data.augment
        print(asked)
    """
    environment = {k: v for k, v in os.environ.items() if k != "NO_ALBUMENTATIONS_UPDATE"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

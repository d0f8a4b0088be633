"""The flip of persons in a batch, against albumentations' flip and the names of what is swapped.

albumentations mirrors joints as centres of pixels, at width - 1; here their squares are mirrored.
"""

import albumentations as A
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_maps import pose_maps
from vton_aux.data.augment import Augmentation
from vton_aux.data.dataset import tensors_of
from vton_aux.data.flip import drawn_flips, flip_persons
from vton_aux.data.labels import LIP
from vton_aux.data.pose import JOINTS, in_frame
from vton_aux.data.sample import Sample, stacked

B, H, W = 4, 48, 32


def mirrored_name(name):
    words = {"left": "right", "right": "left"}
    return " ".join(words.get(word, word) for word in name.split())


MIRRORED_JOINT = [JOINTS.index(mirrored_name(name)) for name in JOINTS]
MIRRORED_LABEL = np.array([(*LIP, "neck").index(mirrored_name(name)) for name in (*LIP, "neck")])


class PersonFlip(A.HorizontalFlip):
    """albumentations' flip, after which left and right labels and joints change places."""

    def apply_to_mask(self, mask, *args, **params):
        return MIRRORED_LABEL[super().apply_to_mask(mask, *args, **params)].astype(np.uint8)

    def apply_to_keypoints(self, keypoints, **params):
        return super().apply_to_keypoints(keypoints, **params)[MIRRORED_JOINT]


def drawn(seed):
    """Noise with every label; joints on and off the picture, some of them not found."""
    random = np.random.default_rng(seed)
    x, y = random.uniform((-3, -3), (W + 3, H + 3), (18, 2)).T
    joints = np.column_stack([x, y, np.arange(18) % 5 != 0]).astype(np.float32)
    joints[joints[:, 2] == 0] = 0
    return Sample(
        person=random.integers(256, size=(H, W, 3), dtype=np.uint8),
        parse=random.integers(21, size=(H, W), dtype=np.uint8),
        joints=joints,
        cloth=random.integers(256, size=(H, W, 3), dtype=np.uint8),
        cloth_mask=random.integers(2, size=(H, W), dtype=np.uint8),
    )


@pytest.fixture
def samples():
    return [drawn(seed) for seed in range(B)]


@pytest.fixture
def batch(samples):
    return {**tensors_of(stacked(samples)), "person_name": ["a", "b", "c", "d"]}


def flipped(batch, *which):
    return flip_persons(batch, torch.tensor(which or (True,) * B))


@pytest.mark.filterwarnings("ignore:Got processor for keypoints")
@pytest.mark.parametrize("which", [(True,) * 4, (False,) * 4, (True, False, False, True)])
def test_a_flip_is_that_of_albumentations_with_names_swapped(samples, batch, which):
    augmentations = Augmentation(), Augmentation([PersonFlip(p=1.0)])
    oracle = [augmentations[w](s, 0) for s, w in zip(samples, which, strict=True)]
    expected, found = tensors_of(stacked(oracle)), flipped(batch, *which)
    for key, values in expected.items():
        assert found[key].dtype == values.dtype
        if key != "joints":  # mirrored otherwise, see above
            assert torch.equal(found[key], values), key
    order = np.where(np.array(which)[:, None], MIRRORED_JOINT, np.arange(18))
    before = np.take_along_axis(batch["joints"].numpy(), order[..., None], 1)
    expected = np.where(np.array(which)[:, None], W - before[..., 0], before[..., 0])
    assert found["joints"][..., 0].numpy() == pytest.approx(expected, abs=1e-3)
    assert (found["joints"][..., 1].numpy() == before[..., 1]).all()
    assert (found["joints"][..., 2].numpy() == before[..., 2] * in_frame(before, H, W)).all()
    assert found["person_name"] == batch["person_name"]


def test_the_batch_itself_is_not_changed(batch, samples):
    flipped(batch)
    for key, values in tensors_of(stacked(samples)).items():
        assert torch.equal(batch[key], values)


def test_the_cloth_stays_and_the_picture_keeps_its_place_in_memory(batch):
    after = flipped(batch)
    assert after["cloth"] is batch["cloth"]
    assert after["cloth_mask"] is batch["cloth_mask"]
    assert after["person"].is_contiguous(memory_format=torch.channels_last)


def test_left_and_right_labels_change_places_and_no_others(batch):
    before, after = (
        np.bincount(parse.numpy().ravel(), minlength=21)
        for parse in (batch["parse"], flipped(batch)["parse"])
    )
    for a, b in ((14, 15), (16, 17), (18, 19)):
        assert (after[a], after[b]) == (before[b], before[a])
        assert before[a] != before[b]
    others = [*range(14), 20]
    assert (after[others] == before[others]).all()


@pytest.mark.parametrize("radius", [3.0, 2.5])
@pytest.mark.parametrize("whole", [True, False])
def test_pose_maps_of_flipped_joints_are_the_mirrored_maps(batch, radius, whole):
    batch["joints"][..., 2] *= in_frame(batch["joints"], H, W)
    if whole:
        batch["joints"][..., :2].round_().clamp_(0, W - 1)
    maps, mirrored = (pose_maps(b["joints"], (H, W), radius) for b in (batch, flipped(batch)))
    assert torch.equal(mirrored, maps[:, MIRRORED_JOINT].flip(-1))
    assert (maps > 0).any()


def test_two_flips_are_none(batch):
    batch["joints"][..., :2].clamp_(1, W - 2)
    twice = flipped(flipped(batch))
    for key in ("person", "parse", "cloth", "cloth_mask"):
        assert torch.equal(twice[key], batch[key])
    torch.testing.assert_close(twice["joints"], batch["joints"])


# which are flipped


@pytest.mark.parametrize("first", [0, 10**9 + 7, 2**62])
@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_so_many_are_flipped_as_the_probability_says(first, probability):
    flips = drawn_flips(range(first, first + 20_000), probability).double()
    assert flips.mean() == pytest.approx(probability, abs=0.012)  # 3.4 standard deviations
    # neighbours, and the same samples of the next epoch, are drawn independently
    for step in (1, 2, 4, 14_221 % 20_000 // 2):
        both = (flips[step:] * flips[:-step]).mean()
        assert both == pytest.approx(probability**2, abs=0.02)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2**64), min_size=1, max_size=8), st.floats(0, 1))
def test_a_flip_is_a_function_of_its_draw_alone(numbers, probability):
    together = drawn_flips(numbers, probability)
    assert together.dtype == torch.bool
    assert together.tolist() == [drawn_flips([n], probability).item() for n in numbers]


def test_none_or_all_are_flipped_at_the_ends():
    assert not drawn_flips(range(1000), 0.0).any()
    assert drawn_flips(range(1000), 1.0).all()

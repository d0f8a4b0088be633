import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader

from vton_aux.data import layout
from vton_aux.data.augment import Augmentation, build_transforms
from vton_aux.data.dataset import Draw, StepSampler, VITONDataset, as_read
from vton_aux.data.labels import LABEL_SETS
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError

SHIFT = {"transform": "Affine", "translate_percent": [-0.2, 0.2], "p": 1.0}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset") / "viton"
    write_dataset(folder, train=5, test=4, seed=2, size=(128, 96), progress=False)
    return folder


@pytest.fixture(scope="module")
def dataset(root):
    def build(split="train", pairing="paired", augmentation=None, labels="lip", size=(128, 96)):
        pairs = (
            layout.read_pairs(root, "train")
            if split == "train"
            else layout.test_pairs(root, pairing)
        )
        labels = LABEL_SETS[labels]
        return VITONDataset(root, split, pairs, pairing, size, labels, augmentation)

    return build


@pytest.mark.parametrize("size", [(128, 96), (256, 192), (64, 128)])
def test_an_item_holds_bytes_and_joints(dataset, size):
    height, width = size
    data = dataset(size=size)
    assert len(data) == 5
    for k in range(5):
        item = data[k]
        assert {
            key: (v.dtype, tuple(v.shape)) for key, v in item.items() if torch.is_tensor(v)
        } == {
            "person": (torch.uint8, (3, height, width)),
            "cloth": (torch.uint8, (3, height, width)),
            "parse": (torch.uint8, (height, width)),
            "cloth_mask": (torch.uint8, (1, height, width)),
            "joints": (torch.float32, (18, 3)),
        }
        assert item["cloth_mask"].unique().tolist() == [0, 1]
        assert set(item["joints"][:, 2].tolist()) == {0, 1}


def test_an_item_is_what_the_files_hold(dataset, root):
    item = dataset("test", "unpaired")[2]
    person, cloth = layout.read_pairs(root, "test")[2]
    assert (item["person_name"], item["cloth_name"]) == (person, cloth)
    assert person[:6] != cloth[:6]
    folder, stem = root / "test", person[:6]
    for key, path in (("person", folder / "image" / person), ("cloth", folder / "cloth" / cloth)):
        with Image.open(path) as image:
            expected = np.array(image).transpose(2, 0, 1).astype(int)
        assert np.abs(item[key].numpy() - expected).max() <= 2
    with Image.open(folder / "image-parse" / f"{stem}_0.png") as parse:
        assert (item["parse"].numpy() == np.array(parse)).all()
    with Image.open(folder / "cloth-mask" / cloth) as mask:
        assert ((np.array(mask) >= 128) == item["cloth_mask"][0].numpy()).mean() > 0.999
    pose = json.loads((folder / "pose" / f"{stem}_0_keypoints.json").read_text())
    written = np.reshape(pose["people"][0]["pose_keypoints"], (18, 3))[:, :2]
    np.testing.assert_allclose(item["joints"][:, :2], written, atol=1e-3)


@pytest.mark.parametrize("pairing", ["paired", "unpaired"])
def test_pairing_is_in_every_item_and_batch(dataset, pairing):
    data = dataset("test", pairing)
    assert [data[k]["pairing"] for k in range(4)] == [pairing] * 4
    for batch in DataLoader(data, batch_size=3, collate_fn=as_read):
        assert batch["pairing"] == [pairing] * len(batch["person"])
        own = [
            p[:6] == c[:6] for p, c in zip(batch["person_name"], batch["cloth_name"], strict=True)
        ]
        assert own == [pairing == "paired"] * len(own)


def test_a_batch_holds_its_items(dataset):
    data = dataset()
    batch = next(iter(DataLoader(data, batch_size=5, collate_fn=as_read)))
    for k in range(5):
        for key, value in data[k].items():
            assert np.array_equal(batch[key][k], value)


def test_without_augmentation_the_number_of_the_draw_does_not_matter(dataset):
    data = dataset()
    assert torch.equal(data[Draw(3, 0)]["person"], data[Draw(3, 999)]["person"])
    assert torch.equal(data[Draw(3, 7)]["person"], data[3]["person"])


def test_the_number_of_the_draw_seeds_the_augmentation(dataset):
    data = dataset(augmentation=Augmentation(**build_transforms({"geometry": [SHIFT]})))
    joints = {number: data[Draw(1, number)]["joints"] for number in range(6)}
    data[Draw(2, 5)]
    for number, seen in joints.items():
        assert torch.equal(data[Draw(1, number)]["joints"], seen)
    assert len({tuple(j.ravel().tolist()) for j in joints.values()}) == 6


def test_a_label_outside_the_set_is_told_with_its_file(root, dataset, tmp_path):
    neck = VITONDataset(
        tmp_path,
        "train",
        [layout.Pair("n_0.jpg", "n_1.jpg")],
        "paired",
        (128, 96),
        LABEL_SETS["lip"],
    )
    source = layout.files_of(root, "train", layout.read_pairs(root, "train")[0])
    target = layout.files_of(tmp_path, "train", neck.pairs[0])
    for kind, path in vars(target).items():
        path.parent.mkdir(parents=True)
        path.write_bytes(getattr(source, kind).read_bytes())
    parse = np.array(Image.open(source.parse))
    parse[60:62] = 20
    Image.fromarray(parse).save(target.parse)
    with pytest.raises(UserError, match=r"n_0\.png: label 20"):
        neck[0]
    for name in ("lip_neck", "coarse"):
        neck.labels = dataset(labels=name).labels
        assert (neck[0]["parse"][60:62] == 20).all()


# the order of the training samples

numbers = st.integers(1, 12)


@settings(max_examples=50, deadline=None)
@given(samples=numbers, draws=st.integers(0, 60), seed=st.integers(0, 10**6))
def test_every_epoch_shows_each_sample_once(samples, draws, seed):
    order = [draw.sample for draw in StepSampler(samples, draws, seed)]
    assert len(order) == draws
    for first in range(0, draws, samples):
        epoch = order[first : first + samples]
        assert len(set(epoch)) == len(epoch)
        assert set(epoch) <= set(range(samples))


def test_every_epoch_has_another_order():
    order = [draw.sample for draw in StepSampler(50, 500, seed=0)]
    assert len({tuple(order[k : k + 50]) for k in range(0, 500, 50)}) == 10
    assert order[:50] != list(range(50))


@settings(max_examples=50, deadline=None)
@given(samples=numbers, draws=st.integers(1, 60), seed=st.integers(0, 10**6))
def test_no_two_draws_of_a_run_share_a_number(samples, draws, seed):
    stream = list(StepSampler(samples, draws, seed))
    assert len({draw.number for draw in stream}) == draws


def test_the_stream_is_a_function_of_the_seed():
    torch.manual_seed(1)
    first = list(StepSampler(30, 100, seed=4))
    torch.manual_seed(2)
    torch.rand(5)
    sampler = StepSampler(30, 100, seed=4)
    assert list(sampler) == first
    assert list(sampler) == first  # also the second time
    other = list(StepSampler(30, 100, seed=5))
    assert [d.sample for d in other] != [d.sample for d in first]
    assert not {d.number for d in other} & {d.number for d in first}


def test_the_order_leaves_the_global_generator_alone():
    """So a network is drawn and dropped out alike in arms that read more or less data."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(StepSampler(30, 100, seed=4))
    assert torch.equal(torch.rand(3), expected)


def test_a_longer_run_begins_like_a_shorter_one():
    assert list(StepSampler(7, 50, seed=3))[:20] == list(StepSampler(7, 20, seed=3))


@settings(max_examples=50, deadline=None)
@given(st.data(), numbers, st.integers(1, 60), st.integers(1, 4))
def test_a_resumed_run_goes_on_where_it_stopped(data, samples, draws, world):
    start = data.draw(st.integers(0, draws))
    rank = data.draw(st.integers(0, world - 1))
    whole = list(StepSampler(samples, draws, 9, rank=rank, world=world))
    rest = list(StepSampler(samples, draws, 9, start=start, rank=rank, world=world))
    assert rest == whole[start:]


@settings(max_examples=50, deadline=None)
@given(numbers, st.integers(0, 40), st.integers(1, 4))
def test_the_ranks_together_are_the_stream_of_one_process(samples, draws, world):
    ranks = [list(StepSampler(samples, draws, 3, rank=r, world=world)) for r in range(world)]
    together = [draw for step in zip(*ranks, strict=True) for draw in step]
    assert together == list(StepSampler(samples, draws * world, 3))


def test_the_passes_of_one_seed_are_none_of_anothers():
    def passes(seed):
        order = [draw.sample for draw in StepSampler(20, 60, seed)]
        return [tuple(order[i : i + 20]) for i in (0, 20, 40)]

    orders = [order for seed in (0, 1, 2) for order in passes(seed)]
    assert len(set(orders)) == 9

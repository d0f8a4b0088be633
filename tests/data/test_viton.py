"""The real VITON, in the folder that the environment variable VITON_ROOT names."""

import hashlib
import os
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from vton_aux.data import layout
from vton_aux.data.cache import pack_split
from vton_aux.data.check import SplitReport, describe
from vton_aux.data.dataset import VITONDataset, as_read
from vton_aux.data.labels import LABEL_SETS
from vton_aux.data.pose import JOINTS
from vton_aux.data.sample import read_mask, read_photo, read_sample
from vton_aux.data.split import split_validation
from vton_aux.representation import PersonRepresentation

pytestmark = pytest.mark.viton
WORN = (5, 6, 7)


@pytest.fixture(scope="module")
def root():
    folder = os.environ.get("VITON_ROOT")
    if not folder:
        pytest.skip("VITON_ROOT names no folder")
    return Path(folder)


@pytest.fixture(scope="module")
def train(root):
    return layout.read_pairs(root, "train")


@pytest.fixture(scope="module")
def unpaired(root):
    return layout.read_pairs(root, "test")


@pytest.fixture(scope="module")
def contents(root):
    """A hash of each photo and cloth by split, folder and name."""
    return {
        (split, folder): {
            path.name: hashlib.sha1(path.read_bytes()).hexdigest()
            for path in (root / split / folder).iterdir()
        }
        for split in ("train", "test")
        for folder in ("image", "cloth")
    }


def batch_of(root, split, pairs, size, pairing="paired"):
    data = VITONDataset(root, split, pairs, pairing, size, LABEL_SETS["lip"])
    return next(iter(DataLoader(data, batch_size=len(pairs), collate_fn=as_read)))


@pytest.mark.slow
def test_packed_samples_are_those_of_the_files(root, train, unpaired, tmp_path):
    """A part of the data under its own names, copies of photos among it."""
    wanted = {"train": [*train[:40], *copies_of(root, train, 10)], "test": unpaired[:30]}
    part = tmp_path / "part"
    for split, pairs in wanted.items():
        part.mkdir(exist_ok=True)
        (part / split).symlink_to(root / split)
        (part / f"{split}_pairs.txt").write_text("".join(f"{p} {c}\n" for p, c in pairs))
        packed = pack_split(part, split, (256, 192), 20, tmp_path / "cache")
        for pair in pairs:
            expected = read_sample(layout.files_of(root, split, pair), (256, 192), 20)
            found = packed.sample(pair)
            assert all(np.array_equal(found[name], expected[name]) for name in expected)
        if split == "train":
            assert len(packed.arrays["person"]) == len(packed.arrays["cloth"]) == 40


def copies_of(root, train, count):
    """Pairs whose photo has the bytes of one of the first 40 under another name."""
    photo = {p: layout.files_of(root, "train", p).image for p in train}
    first = {photo[p].read_bytes() for p in train[:40]}
    assert len(first) == 40
    sizes = {len(content) for content in first}
    later = (p for p in train[40:] if photo[p].stat().st_size in sizes)
    return list(islice((p for p in later if photo[p].read_bytes() in first), count))


def test_the_pair_lists_are_whole_and_every_file_is_there(root, train, unpaired):
    assert len(set(train)) == len(train) == 14_221
    assert len(set(unpaired)) == len(unpaired) == 2_032
    layout.check_files(root, "train", train)
    layout.check_files(root, "test", unpaired)
    layout.check_files(root, "test", layout.test_pairs(root, "paired"))


def test_everyone_of_train_wears_their_own_cloth(train):
    assert all(cloth == f"{person[:6]}_1.jpg" for person, cloth in train)


def test_four_people_of_the_unpaired_test_set_wear_their_own_cloth(unpaired, contents):
    own = [pair for pair in unpaired if pair.cloth == f"{pair.person[:6]}_1.jpg"]
    assert len(own) == 4
    cloths = contents["test", "cloth"]
    copies = [p for p in unpaired if cloths[p.cloth] == cloths[f"{p.person[:6]}_1.jpg"]]
    assert copies == own


def test_the_paired_test_set_has_everyone_once_in_their_own_cloth(root, unpaired):
    paired = layout.test_pairs(root, "paired")
    assert len(paired) == 2_032
    assert [p.person for p in paired] == [p.person for p in unpaired]
    assert all(cloth == f"{person[:6]}_1.jpg" for person, cloth in paired)


def test_copies_are_counted_as_measured(root, train, unpaired, contents):
    reports = {}
    for split, pairs in (("train", train), ("test", unpaired)):
        photos = contents[split, "image"]
        digests = {pair.person: photos[pair.person] for pair in pairs}
        reports[split] = SplitReport(pairs=len(pairs), digests=digests)
    assert len(reports["train"].distinct) == 6_824
    assert len(reports["test"].distinct) == 1_781
    text = "\n".join(describe(root, reports))
    assert "14,221, of them 6,824 distinct" in text
    assert "2,032, of them 1,781 distinct" in text
    assert "also in train: 1,575 files (1,365 distinct)" in text
    assert "never seen in training: 416" in text


@pytest.fixture(scope="module")
def sides(root, train):
    return split_validation(root, train, 0.05, seed=0)


def test_no_photo_and_no_cloth_is_on_both_sides(sides, contents):
    for folder, part in (("image", "person"), ("cloth", "cloth")):
        hashes = contents["train", folder]
        learnt, held_out = ({hashes[getattr(pair, part)] for pair in side} for side in sides)
        assert learnt
        assert held_out
        assert not learnt & held_out


def test_the_split_holds_out_five_percent_of_the_distinct_photos(sides, train, contents):
    photos = contents["train", "image"]
    learnt, held_out = ([photos[pair.person] for pair in side] for side in sides)
    assert len(set(held_out)) == len(held_out)
    assert len(held_out) / 6_824 == pytest.approx(0.05, abs=0.003)
    assert len({*learnt, *held_out}) == 6_824
    # training keeps the copies of its photos
    copies = Counter(photos[pair.person] for pair in train)
    assert Counter(learnt) == {p: n for p, n in copies.items() if p not in set(held_out)}


@pytest.mark.parametrize("size", [(256, 192), (128, 96)])
def test_a_batch_becomes_what_the_networks_read(root, train, size):
    batch = batch_of(root, "train", train[::1778][:8], size)
    inputs = PersonRepresentation()(batch)
    for person in (inputs.gmm_person, inputs.tom_person):
        assert person.shape == (8, 22, *size)
        assert person.dtype == torch.float32
        assert person.min() == -1
        assert person.max() == 1
    for image in (inputs.image, inputs.cloth, inputs.worn_cloth):
        assert image.shape == (8, 3, *size)
        assert image.abs().max() <= 1
    # a person fills a good part of the photo and the cloth a good part of the person
    body = (batch["parse"] > 0).float().mean(dim=(1, 2))
    assert ((body > 0.1) & (body < 0.9)).all()
    worn = inputs.worn_mask.mean(dim=(1, 2, 3))
    assert ((worn > 0.05) & (worn < 0.6)).all()
    assert (worn < body).all()
    flat = inputs.cloth_mask.mean(dim=(1, 2, 3))
    assert ((flat > 0.1) & (flat < 0.9)).all()


def test_half_the_size_shows_the_same_people(root, train):
    full, half = (
        batch_of(root, "train", train[5::1778][:8], size) for size in ((256, 192), (128, 96))
    )
    means = full["person"].float().unflatten(2, (128, 2)).unflatten(4, (96, 2)).mean(dim=(3, 5))
    assert (means - half["person"].float()).abs().max() <= 1
    assert torch.equal(full["joints"][..., 2], half["joints"][..., 2])
    torch.testing.assert_close(full["joints"][..., :2] / 2, half["joints"][..., :2])
    for k in range(8):
        assert set(half["parse"][k].unique().tolist()) <= set(full["parse"][k].unique().tolist())


def test_joints_and_labels_belong_to_the_same_person(root, train):
    """Noses lie on faces and shoulders beside the neck, the right one on the left of the photo."""
    batch = batch_of(root, "train", train[7::355][:40], (256, 192))
    on_face, in_order = [], []
    nose, right, left = (JOINTS.index(f) for f in ("nose", "right shoulder", "left shoulder"))
    for joints, parse in zip(batch["joints"], batch["parse"], strict=True):
        if joints[nose, 2]:
            x, y = joints[nose, :2].round().int().tolist()
            on_face.append(int(parse[y, x]) == 13)
        if joints[right, 2] and joints[left, 2]:
            in_order.append(bool(joints[right, 0] < joints[left, 0]))
    assert len(on_face) >= 25
    assert np.mean(on_face) > 0.9
    assert np.mean(in_order) > 0.85


def test_photos_and_masks_are_decoded_as_pil_does(root, train, unpaired):
    for split, pair in (("train", train[11]), ("train", train[9_000]), ("test", unpaired[100])):
        files = layout.files_of(root, split, pair)
        for path, read, mode in (
            (files.image, read_photo, "RGB"),
            (files.cloth, read_photo, "RGB"),
            (files.cloth_mask, read_mask, "L"),
        ):
            with Image.open(path) as image:
                expected = np.array(image.convert(mode)).astype(int)
            assert np.abs(read(path) - expected).max() <= 2


def test_the_worn_cloth_has_the_colours_of_the_shop_cloth(root, train):
    """Own cloths are nearer in colour than those of others, or pairing is wrong somewhere."""
    batch = batch_of(root, "train", train[3::355][:40], (128, 96))
    inputs = PersonRepresentation()(batch)
    worn, flat = (
        (image * mask).sum(dim=(2, 3)) / mask.sum(dim=(2, 3))
        for image, mask in (
            (inputs.image, inputs.worn_mask),
            (inputs.cloth, inputs.cloth_mask),
        )
    )
    distances = torch.cdist(worn, flat)
    own = distances.diagonal()
    assert own.median() < 0.5 * distances.median()


def test_labels_are_those_of_lip_and_the_upper_body_is_dressed(root, unpaired):
    batch = batch_of(root, "test", unpaired[::68][:30], (256, 192), "unpaired")
    assert batch["parse"].max() < 20
    dressed = torch.isin(batch["parse"], torch.tensor(WORN, dtype=torch.uint8))
    assert (dressed.flatten(1).float().mean(dim=1) > 0.03).all()
    assert batch["pairing"] == ["unpaired"] * 30

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from vton_aux.data.layout import FOLDERS, check_files, files_of, read_pairs
from vton_aux.data.pose import read_pose
from vton_aux.data.sample import plain_background_mask, read_photo, read_sample
from vton_aux.data.synthetic import write_dataset
from vton_aux.data.synthetic.garment import draw_garment
from vton_aux.data.synthetic.person import draw_person
from vton_aux.data.synthetic.render import photograph
from vton_aux.data.synthetic.shop import lay_flat
from vton_aux.errors import UserError

UPPER, FACE, LEFT_ARM, RIGHT_ARM = 5, 13, 14, 15
TRAIN, TEST = 6, 14


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "data"
    write_dataset(folder, train=TRAIN, test=TEST, seed=3, progress=False)
    return folder


@pytest.fixture(scope="module")
def samples(root):
    pairs = [("train", p) for p in read_pairs(root, "train")]
    own = [p._replace(cloth=p.person.replace("_0", "_1")) for p in read_pairs(root, "test")]
    return [read_sample(files_of(root, s, p), (256, 192), 20)
            for s, p in [*pairs, *(("test", p) for p in own)]]  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_layout(root):
    assert sorted(p.name for p in root.iterdir()) == [
        "test", "test_pairs.txt", "train", "train_pairs.txt",
    ]  # fmt: skip
    assert {p.name for p in (root / "train").iterdir()} == set(FOLDERS)
    assert {p.name for p in (root / "test").iterdir()} == {*FOLDERS, "image-unpaired"}
    for split, ids in (("train", range(TRAIN)), ("test", range(TRAIN, TRAIN + TEST))):
        persons = {f"{k:06d}_0.jpg" for k in ids}
        assert {p.name for p in (root / split / "image").iterdir()} == persons
        assert {p.person for p in read_pairs(root, split)} == persons
        check_files(root, split, read_pairs(root, split))
    assert [p.name for p in root.parent.iterdir()] == [root.name]


def test_train_pairs_are_own_cloths(root):
    assert all(p.cloth == p.person.replace("_0", "_1") for p in read_pairs(root, "train"))


def test_test_pairs_are_a_derangement(root):
    pairs = read_pairs(root, "test")
    assert len({p.cloth for p in pairs}) == TEST
    assert all(p.cloth[:6] != p.person[:6] for p in pairs)
    assert {p.name for p in (root / "test/image-unpaired").iterdir()} == {p.person for p in pairs}


def test_same_seed_same_bytes_whatever_the_counts(tmp_path):
    for name, train, seed in (("a", 2, 7), ("b", 2, 7), ("longer", 5, 7), ("other", 2, 8)):
        write_dataset(tmp_path / name, train=train, test=2, seed=seed, progress=False)
    a, b, longer, other = (contents(tmp_path / n) for n in ("a", "b", "longer", "other"))
    assert a == b
    first = [n for n in a if n.startswith("train/")]
    assert first
    assert all(longer[n] == a[n] for n in first)
    # ids 2 and 3 are test samples of one and training samples of the other
    moved = [n for n in a if n.startswith("test/") and "unpaired" not in n]
    assert all(longer[n.replace("test/", "train/")] == a[n] for n in moved)
    assert all(other[n] != a[n] for n in first if "image/" in n or "cloth/" in n)


def test_parse_files_are_palette_indices(root):
    for path in (root / "train/image-parse").iterdir():
        with Image.open(path) as parse:
            assert parse.mode == "P"
            assert parse.size == (192, 256)
            labels = np.array(parse)
        assert labels.max() < 20
        assert {0, 2, UPPER, FACE} <= set(np.unique(labels))


def test_pose_files_are_coco18(root):
    for path in (root / "train/pose").iterdir():
        people = json.loads(path.read_text())["people"]
        points = np.reshape(people[0]["pose_keypoints"], (18, 3))
        hidden = points[:, 2] == 0
        assert (points[hidden] == 0).all()
        assert ((points[~hidden] > 0) & (points[~hidden] < (192, 256, 1))).all()
        assert hidden[[10, 13]].all()  # the ankles are below the picture
        assert not hidden[[0, 1, 2, 5]].any()


def test_joints_lie_on_their_labels(samples):
    def labels_at(sample, joint):
        x, y, found = sample["joints"][joint]
        return sample["parse"][round(float(y)), round(float(x))] if found else None

    for sample in samples:
        assert labels_at(sample, 0) in (FACE, LEFT_ARM, RIGHT_ARM)  # a raised hand may cover it
        for joint, arm in ((3, RIGHT_ARM), (4, RIGHT_ARM), (6, LEFT_ARM), (7, LEFT_ARM)):
            other = LEFT_ARM + RIGHT_ARM - arm  # folded arms cover each other
            assert labels_at(sample, joint) in (None, arm, other, UPPER)
        right, left = sample["joints"][2], sample["joints"][5]
        assert right[0] < left[0]


def test_neck_and_chest_are_background(samples):
    for sample in samples:
        neck, nose = sample["joints"][1], sample["joints"][0]
        y = round(float(neck[1] - 0.38 * (neck[1] - nose[1])))
        x = round(float(neck[0]))
        around = sample["parse"][y - 2 : y + 3, x - 3 : x + 4]
        assert (around == 0).mean() > 0.8


def test_cloth_mask_is_what_is_not_background(samples):
    for sample in samples:
        mask = sample["cloth_mask"]
        assert 0.1 < mask.mean() < 0.85
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()
        found = plain_background_mask(sample["cloth"], tolerance=4) > 0
        wrong = found != (mask > 0)
        assert wrong.mean() < 0.03


def test_plain_garments_keep_their_colour():
    checked = 0
    for k in range(40):
        garment = draw_garment((5, k, 1))
        if garment.pattern != "plain" or garment.sleeve_colour != garment.colour:
            continue
        shop = lay_flat(garment, 256, 192)
        photo = photograph(draw_person((5, k, 0)), shop, 256, 192)
        worn = photo.image[ndimage.binary_erosion(photo.parse == UPPER, iterations=2)].mean(0)
        flat = shop.picture[ndimage.binary_erosion(shop.mask > 0, iterations=2)].mean(0)
        assert np.abs(worn - flat).max() < 26
        # shading is grey: it scales the channels alike
        ratio = (worn + 12) / (flat + 12)
        assert np.ptp(ratio) < 0.15
        checked += 1
    assert checked >= 5


def test_unpaired_truth_changes_only_the_garment(root):
    for pair in read_pairs(root, "test"):
        person, cloth = (int(name[:6]) for name in pair)
        pictures = [
            read_photo(root / "test" / f / pair.person) for f in ("image", "image-unpaired")
        ]
        own, other = (
            photograph(draw_person((3, person, 0)), lay_flat(draw_garment((3, k, 1)), 256, 192),
                       256, 192)
            for k in (person, cloth)
        )  # fmt: skip
        garments = ((own.parse == UPPER) | (other.parse == UPPER)).astype(np.uint8)
        far = cv2.dilate(garments, np.ones((17, 17), np.uint8)) == 0
        difference = np.abs(pictures[0].astype(int) - pictures[1].astype(int)).max(2)
        assert far.mean() > 0.2
        assert np.quantile(difference[far], 0.99) <= 4
        assert difference[far].max() < 40  # JPEG
        assert np.abs(pictures[1].astype(int) - other.image.astype(int)).mean() < 3
        assert (difference[garments > 0] > 8).mean() > 0.1


def test_print_keeps_its_place_on_the_worn_front():
    """At the same share of the width and of the height of the garment."""
    seen = 0
    for k in range(60):
        garment = draw_garment((2, k, 1))
        person = draw_person((2, k, 0))
        covered = person.hair_style in ("long", "wavy") or "folded" in person.pose.right.pose
        if garment.pattern != "print" or covered:
            continue
        shop = lay_flat(garment, 256, 192)
        photo = photograph(person, shop, 256, 192)
        flat = _ink(shop.picture, shop.mask > 0, garment.colour)
        worn = _ink(photo.image, photo.parse == UPPER, garment.colour)
        assert np.abs(flat - worn).max() < 0.2
        seen += 1
    assert seen >= 3


def _ink(image, region, colour):
    """Centre of what differs from `colour`, relative to the box of the region."""
    region = ndimage.binary_erosion(region, iterations=6)
    rows, columns = np.where(region)
    ink = region & (np.abs(image.astype(int) - colour).max(2) > 90)
    y, x = np.where(ink)
    return np.array(
        [
            (np.median(x) - columns.min()) / np.ptp(columns),
            (np.median(y) - rows.min()) / np.ptp(rows),
        ]
    )


@pytest.mark.parametrize("size", [(64, 48), (128, 128), (100, 31), (512, 384)])
def test_other_sizes(tmp_path, size):
    write_dataset(tmp_path / "data", train=1, test=2, size=size, progress=False)
    for path in (tmp_path / "data").rglob("*.jpg"):
        assert read_photo(path).shape[:2] == size
    with Image.open(tmp_path / "data/train/image-parse/000000_0.png") as parse:
        assert parse.size == size[::-1]
    joints = read_pose(tmp_path / "data/train/pose/000000_0_keypoints.json")
    assert (joints[:, :2] < size[::-1]).all()


def test_size_scales_the_same_picture():
    shop = [lay_flat(draw_garment((0, 4, 1)), h, w) for h, w in ((128, 96), (256, 192))]
    small, large = (photograph(draw_person((0, 4, 0)), s, *s.picture.shape[:2]).image for s in shop)
    shrunk = cv2.resize(large, (96, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - shrunk).mean() < 6


def test_no_test_set(tmp_path):
    write_dataset(tmp_path / "data", train=1, test=0, progress=False)
    assert (tmp_path / "data/test_pairs.txt").read_text() == ""


def test_full_folder_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(UserError, match="not an empty folder"):
        write_dataset(tmp_path, train=1, test=0, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "wrong", [{"train": 0}, {"test": 1}, {"test": -2}, {"size": (0, 192)}, {"seed": -1}]
)
def test_senseless_numbers_are_refused(tmp_path, wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        write_dataset(tmp_path / "data", **{"train": 1, "test": 0, "progress": False, **wrong})
    assert not list(tmp_path.iterdir())


def test_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("vton_aux.data.synthetic.write.photograph", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "data", train=1, test=0, progress=False)
    assert not list(tmp_path.iterdir())

"""`tryon` and `data check` with a tiny try-on model on synthetic data."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from command_line import vton_aux
from vton_aux.data.layout import read_pairs
from vton_aux.device import computes_bf16


@pytest.fixture
def files(root):
    pair = read_pairs(root, "test")[0]
    test, stem = root / "test", pair.person[:-4]
    return {
        "person": test / "image" / pair.person,
        "parse": test / "image-parse" / f"{stem}.png",
        "pose": test / "pose" / f"{stem}_keypoints.json",
        "cloth": test / "cloth" / pair.cloth,
        "cloth_mask": test / "cloth-mask" / pair.cloth,
    }


@pytest.fixture
def tryon(capfd, tmp_path, checkpoints):
    def run(files, checkpoint="tom.ckpt"):
        given = [f"{key}={value}" for key, value in files.items()]
        return vton_aux(
            capfd, "tryon", f"checkpoint={checkpoints / checkpoint}", *given,
            f"output={tmp_path / 'sheet.png'}", "device=cpu",
        )  # fmt: skip

    return run


def test_one_person_is_dressed_as_in_the_test_set(tryon, files, tmp_path, checkpoints, root, capfd):
    outcome = tryon(files)
    assert outcome.status == 0, outcome.err
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 6 + 8 * (192 + 6)  # seven pictures and the segmentation
    outcome = vton_aux(
        capfd, "evaluate", f"checkpoint={checkpoints / 'tom.ckpt'}", "data=viton",
        f"data.root={root}", "device=cpu", "pairing=unpaired", "limit=1", "data.cache=null",
        f"output={tmp_path / 'out'}",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    expected = np.array(Image.open(tmp_path / "out" / "images" / f"{files['person'].stem}.png"))
    alone = np.array(Image.open(tmp_path / "sheet_alone.png"))
    assert np.abs(alone.astype(int) - expected).max() <= 1


def test_without_a_cloth_mask_it_is_found(tryon, files, tmp_path):
    tryon(files)
    with_mask = np.array(Image.open(tmp_path / "sheet_alone.png")).astype(int)
    del files["cloth_mask"]
    assert tryon(files).status == 0
    found = np.array(Image.open(tmp_path / "sheet_alone.png")).astype(int)
    assert np.abs(found - with_mask).mean() < 1  # the mask is no input of the networks


@pytest.mark.parametrize("key", ["person", "cloth"])
def test_a_photo_of_another_ratio_is_dressed_and_told(tryon, files, tmp_path, key):
    files = {**files, "cloth_mask": "null"}
    for name in {"person": ("person", "parse"), "cloth": ("cloth",)}[key]:
        path = tmp_path / files[name].name
        with Image.open(files[name]) as image:
            image.resize((256, 256), Image.Resampling.NEAREST).save(path)
        files[name] = path
    with pytest.warns(UserWarning, match=r"jpg: 256x256 is stretched to 256x192") as told:
        assert tryon(files).status == 0
    assert str(told[0].message).startswith(str(files[key]))


def test_in_bfloat16_the_try_on_is_nearly_the_same(tryon, files, tmp_path):
    tryon(files)
    full = np.array(Image.open(tmp_path / "sheet_alone.png")).astype(int)
    outcome = tryon({**files, "precision": "bf16-mixed"})
    assert outcome.status == 0, outcome.err
    assert ("no bf16 instructions" in outcome.err) != computes_bf16(torch.device("cpu"))
    mixed = np.array(Image.open(tmp_path / "sheet_alone.png")).astype(int)
    assert 0 < np.abs(mixed - full).mean() < 2


@pytest.mark.parametrize("key", ["person", "parse", "pose", "cloth", "cloth_mask"])
def test_a_missing_file_is_named_and_nothing_is_written(tryon, files, key, tmp_path):
    outcome = tryon({**files, key: "/no/such/file"})
    assert outcome.status == 2
    assert outcome.err.count("error:") == 1
    assert "/no/such/file" in outcome.err
    assert not (tmp_path / "sheet.png").exists()


def test_a_mask_that_does_not_fit_its_cloth_or_is_empty_is_told(tryon, files, tmp_path):
    mask = tmp_path / "mask.png"
    for size, told in (((96, 128), "the mask is 96x128"), ((192, 256), "no cloth in it")):
        Image.new("L", size).save(mask)
        outcome = tryon({**files, "cloth_mask": mask})
        assert outcome.status == 2
        assert f"{mask}: {told}" in outcome.err
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(
    ("output", "told"), [("sheet.jpg", "ends in .png"), ("/dev/null/x.png", "cannot be written")]
)
def test_an_output_that_cannot_be_is_told_first(capfd, checkpoints, files, output, told):
    given = [f"{key}={value}" for key, value in files.items()]
    outcome = vton_aux(
        capfd, "tryon", f"checkpoint={checkpoints / 'no.ckpt'}", *given, f"output={output}"
    )
    assert outcome.status == 2
    assert told in outcome.err


def test_a_missing_key_is_named(tryon, files):
    del files["pose"]
    outcome = tryon(files)
    assert outcome.status == 2
    assert "pose" in outcome.err


def test_data_check_tells_what_a_good_folder_holds(capfd, root):
    outcome = vton_aux(capfd, "data", "check", str(root))
    assert outcome.status == 0
    assert "train: 6 pairs (6 with the person's own cloth, 0 with another)" in outcome.out
    assert "test: 4 pairs (0 with the person's own cloth, 4 with another)" in outcome.out
    assert "256x192: 6" in outcome.out
    assert "no problems" in outcome.out


def test_data_check_finds_each_fault(capfd, root, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(root, bad)
    train = bad / "train"
    people = sorted(p.stem for p in (train / "image").iterdir())
    (train / "cloth" / f"{people[0][:-1]}1.jpg").unlink()
    Image.new("RGB", (192, 256)).save(train / "image-parse" / f"{people[1]}.png")
    photo = train / "image" / f"{people[2]}.jpg"
    photo.write_bytes(photo.read_bytes()[:1000])
    (train / "pose" / f"{people[3]}_keypoints.json").write_text('{"people": []}')
    Image.new("L", (96, 128), 5).save(train / "image-parse" / f"{people[4]}.png")
    test = bad / "test"
    persons = sorted(p.stem for p in (test / "image").iterdir())
    for name, label in zip(persons, (0, 13), strict=False):
        Image.new("L", (192, 256), label).save(test / "image-parse" / f"{name}.png")
    for name, scale in zip(persons[2:], (0, 100), strict=True):
        pose = test / "pose" / f"{name}_keypoints.json"
        people_of = json.loads(pose.read_text())
        points = np.array(people_of["people"][0]["pose_keypoints"]) * scale
        people_of["people"][0]["pose_keypoints"] = points.tolist()
        pose.write_text(json.dumps(people_of))
    for name, level in zip(sorted((test / "cloth-mask").iterdir()), (0, 1), strict=False):
        Image.new("L", (192, 256), level).save(name)
    pairs = (bad / "train_pairs.txt").read_text()
    own = f"{people[5]}.jpg {people[5][:-1]}1.jpg"
    other = f"{people[5]}.jpg {people[4][:-1]}1.jpg"
    assert own in pairs
    (bad / "train_pairs.txt").write_text(pairs.replace(own, other))
    copied = next((bad / "test" / "image").iterdir())
    shutil.copy(train / "image" / f"{people[5]}.jpg", copied)
    outcome = vton_aux(capfd, "data", "check", str(bad))
    assert outcome.status == 1
    assert "problems: 12" in outcome.out
    for words in (
        "_1.jpg: the file is missing", "a RGB image", "cut short", "no person", "128x96",
        "all of it is background", "no upper clothes", "no joint was found", "outside of the photo",
        "no cloth in it", "its brightest pixel is 1",
        f"{other}: not the cloth that the person wears",
    ):  # fmt: skip
        assert words in outcome.out
    assert "test images that are also in train: 1 files (1 distinct)" in outcome.out


def test_data_check_wants_a_viton_folder(capfd, tmp_path):
    outcome = vton_aux(capfd, "data", "check", str(tmp_path))
    assert outcome.status == 2
    assert "train_pairs.txt: the pair list is missing" in outcome.err

"""`evaluate`, `tryon` and `data check` with a tiny try-on model on synthetic data."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from command_line import vton_aux
from vton_aux.data.layout import read_pairs
from vton_aux.data.synthetic import write_dataset
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.tom import TOMStage

SMALL = {"width": 8, "head_width": 8}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "viton"
    write_dataset(folder, train=6, test=4, seed=0, size=(256, 192), progress=False)
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Untrained models of both stages: what they predict does not matter here."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    context = {"size": [256, 192], "aux": True, "provenance": {"arm": "both"}}
    gmm = GMMStage(SMALL, context)
    tom = TOMStage({**SMALL, "vgg": "random"}, context, gmm.hparams)
    for name, stage in (("gmm", gmm), ("tom", tom)):
        trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        trainer.strategy.connect(stage)
        trainer.save_checkpoint(folder / f"{name}.ckpt", weights_only=True)
    return folder


@pytest.fixture
def evaluate(capfd, tmp_path, checkpoints, root):
    def run(*overrides: str, checkpoint="tom.ckpt"):
        outcome = vton_aux(
            capfd, "evaluate", f"checkpoint={checkpoints / checkpoint}", "data=viton",
            f"data.root={root}", "device=cpu", f"hydra.run.dir={tmp_path / 'out'}", *overrides,
        )  # fmt: skip
        return outcome, tmp_path / "out"

    return run


def test_paired_evaluation_scores_what_it_writes(evaluate, root):
    outcome, out = evaluate("pairing=paired", "batch_size=3")
    assert outcome.status == 0, outcome.err
    table = pd.read_csv(out / "scores.csv")
    assert len(table) == 4
    assert set(table["pairing"]) == {"paired"}
    assert all(
        p.replace("_0", "_1") == c for p, c in zip(table["person"], table["cloth"], strict=True)
    )
    for _, row in table.iterrows():
        written = np.array(Image.open(out / "images" / row["person"].replace(".jpg", ".png")))
        truth = np.array(Image.open(root / "test" / "image" / row["person"]))
        expected = peak_signal_noise_ratio(truth, written, data_range=255)
        assert row["psnr"] == pytest.approx(expected, abs=1e-3)
    summary = json.loads((out / "summary.json").read_text())
    for name in ("ssim", "ms_ssim", "psnr"):
        assert summary["scores"][name] == pytest.approx(table[name].mean())
    assert summary["pairing"] == "paired"
    assert summary["trained_on"]["arm"] == "both"
    assert summary["metric_settings"]["ssim"].startswith("torchmetrics")


def test_scores_do_not_depend_on_the_batch_size(evaluate):
    tables = []
    for size in (1, 4):
        _, out = evaluate("pairing=paired", f"batch_size={size}")
        tables.append(pd.read_csv(out / "scores.csv"))
    columns = ["ssim", "ms_ssim", "psnr"]
    np.testing.assert_allclose(tables[0][columns], tables[1][columns], atol=1e-4)


def test_unpaired_evaluation_writes_pictures_and_no_paired_score(evaluate, root):
    outcome, out = evaluate("pairing=unpaired")
    assert outcome.status == 0, outcome.err
    table = pd.read_csv(out / "scores.csv")
    assert list(table.columns) == ["person", "cloth", "pairing"]
    assert set(table["pairing"]) == {"unpaired"}
    listed = [(pair.person, pair.cloth) for pair in read_pairs(root, "test")]
    assert list(zip(table["person"], table["cloth"], strict=True)) == listed
    assert json.loads((out / "summary.json").read_text())["scores"] is None
    assert len(list((out / "images").glob("*.png"))) == 4


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("pairing=both",), "pairing=both"),
        (("split=val", "pairing=unpaired"), "split=val"),
        (("data.size=[128,96]",), "trained at [256, 192]"),
        (("data.root=/no/such",), "/no/such"),
        (("device=abacus",), "device=abacus"),
        (("limit=0",), "at least 1"),
    ],
)
def test_what_cannot_be_evaluated_is_told(evaluate, overrides, words):
    outcome, out = evaluate(*overrides)
    assert outcome.status == 2
    assert outcome.err.count("error:") == 1
    assert words in outcome.err
    assert not (out / "summary.json").exists()


def test_a_gmm_is_no_tryon_model(evaluate):
    outcome, _ = evaluate(checkpoint="gmm.ckpt")
    assert outcome.status == 2
    assert "a GMM alone" in outcome.err


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


def test_one_person_is_dressed_as_in_the_test_set(tryon, evaluate, files, tmp_path):
    outcome = tryon(files)
    assert outcome.status == 0, outcome.err
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 6 + 8 * (192 + 6)  # seven pictures and the segmentation
    evaluate("pairing=unpaired", "limit=1")
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


@pytest.mark.parametrize("key", ["person", "parse", "pose", "cloth", "cloth_mask"])
def test_a_missing_file_is_named_and_nothing_is_written(tryon, files, key, tmp_path):
    outcome = tryon({**files, key: "/no/such/file"})
    assert outcome.status == 2
    assert outcome.err.count("error:") == 1
    assert "/no/such/file" in outcome.err
    assert not (tmp_path / "sheet.png").exists()


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
    Image.new("P", (96, 128)).save(train / "image-parse" / f"{people[4]}.png")
    copied = next((bad / "test" / "image").iterdir())
    shutil.copy(train / "image" / f"{people[5]}.jpg", copied)
    outcome = vton_aux(capfd, "data", "check", str(bad))
    assert outcome.status == 1
    assert "problems: 5" in outcome.out
    for words in ("_1.jpg: the file is missing", "a RGB image", "cut short", "no person", "128x96"):
        assert words in outcome.out
    assert "test images that are also in train: 1 files (1 distinct)" in outcome.out


def test_data_check_wants_a_viton_folder(capfd, tmp_path):
    outcome = vton_aux(capfd, "data", "check", str(tmp_path))
    assert outcome.status == 2
    assert "train_pairs.txt: the pair list is missing" in outcome.err

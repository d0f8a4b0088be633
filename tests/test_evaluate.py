"""`vton-aux evaluate`, of a model and of any system's pictures: what it finds and refuses."""

import json
import shutil
import warnings
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from command_line import vton_aux
from vton_aux.config import DataConfig, EvaluateConfig
from vton_aux.data.content import fingerprint, training_photos
from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.labels import LIP
from vton_aux.data.layout import read_pairs
from vton_aux.data.synthetic.write import UNPAIRED
from vton_aux.device import computes_bf16
from vton_aux.errors import UserError
from vton_aux.evaluate import _check_cut
from vton_aux.evaluation import score as scoring
from vton_aux.evaluation.album import Album, Sample
from vton_aux.evaluation.known_scores import SCORES
from vton_aux.evaluation.runs import IMAGE, Evaluation
from vton_aux.networks.gmm import GMM
from vton_aux.networks.tom import TOM
from vton_aux.stages.checkpoint import load_tryon
from vton_aux.version import DRESSING, MODEL, SCORING, code_version

TESTS = 4


@pytest.fixture
def evaluate(capfd, tmp_path, checkpoints, root):
    def run(*overrides: str, checkpoint="tom.ckpt", data=root, out="out"):
        system = () if checkpoint is None else (f"checkpoint={checkpoints / checkpoint}",)
        outcome = vton_aux(
            capfd, "evaluate", *system, "data=viton", f"data.root={data}", "device=cpu",
            f"output={tmp_path / out}", f"data.cache={tmp_path / 'cache'}", *overrides,
        )  # fmt: skip
        return outcome, tmp_path / out

    return run


@pytest.fixture
def photos(tmp_path, root):
    """The test photos themselves as pictures of a perfect system."""
    folder = tmp_path / "perfect"
    folder.mkdir()
    for path in (root / "test" / "image").iterdir():
        with Image.open(path) as image:
            image.save(folder / f"{path.stem}.png")
    return folder


def read(out: Path) -> tuple[pd.DataFrame, dict]:
    return pd.read_parquet(out / "scores.parquet"), json.loads((out / "summary.json").read_text())


def test_paired_scores_are_those_of_the_pictures_that_it_writes(evaluate, root):
    outcome, out = evaluate("pairing=paired", "batch_size=3")
    assert outcome.status == 0, outcome.err
    table, summary = read(out)
    assert len(table) == TESTS
    assert set(table["pairing"]) == {"paired"}
    for _, row in table.iterrows():
        assert row["person"].replace("_0", "_1") == row["cloth"]
        made = np.array(Image.open(out / "images" / row["person"].replace(".jpg", ".png")))
        true = np.array(Image.open(root / "test" / "image" / row["person"]))
        assert row["psnr"] == pytest.approx(
            peak_signal_noise_ratio(true, made, data_range=255), abs=1e-3
        )
        ssim = structural_similarity(
            true / 255, made / 255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            data_range=1, channel_axis=-1,
        )  # fmt: skip
        assert row["ssim_valid"] == pytest.approx(ssim, abs=1e-4)
    assert summary["system"]["arm"] == "both"
    assert summary["protocols"]["official"]["images"] == TESTS
    pd.testing.assert_frame_equal(pd.read_csv(out / "scores.csv"), table, check_dtype=False)


def test_the_warps_and_m_exps_scores_are_those_of_the_pictures_that_it_writes(
    evaluate, root, tmp_path
):
    data = shutil.copytree(root, tmp_path / "data")
    for number, path in enumerate(sorted((data / "test" / "image-parse").iterdir())):
        with Image.open(path) as image:
            labels, palette = np.array(image), image.getpalette()
        labels[labels == 5] = (5, 6, 7, 5)[number]  # upper clothes, dress, coat: all are worn
        picture = Image.fromarray(labels, "P")
        picture.putpalette(palette)
        picture.save(path)
    _, out = evaluate("pairing=paired", data=data)
    table, _ = read(out)
    found = set()
    for _, row in table.iterrows():
        name = row["person"].replace(".jpg", ".png")
        parse = np.array(Image.open(data / "test" / "image-parse" / name))
        worn, warped = np.isin(parse, (5, 6, 7)), np.array(Image.open(out / "warps" / name))
        warped = warped[..., 3] > 127
        iou = (worn & warped).sum() / (worn | warped).sum()
        assert row["warp_iou"] == pytest.approx(iou, abs=1e-4)
        predicted = np.array(Image.open(out / "segmentation" / name))
        for label, of in enumerate(LIP):
            assert row[f"true_{of}"] == (parse == label).sum()
            assert row[f"predicted_{of}"] == (predicted == label).sum()
            assert row[f"inter_{of}"] == ((parse == label) & (predicted == label)).sum()
        found |= {*np.unique(parse)}
    assert {5, 6, 7} <= found


def test_how_many_are_scored_at_once_does_not_matter(evaluate, photos, monkeypatch, root, tmp_path):
    """Pictures that differ, the last of a photo that training has seen too."""
    data = shutil.copytree(root, tmp_path / "data")
    seen, last = (sorted((data / split / "image").iterdir())[-1] for split in ("train", "test"))
    shutil.copy(seen, last)
    for number, path in enumerate(sorted(photos.iterdir())):
        with Image.open(path) as image:
            shifted = np.roll(np.array(image), number + 1, axis=1)
        Image.fromarray(shifted).save(path)
    given = (f"predictions={photos}", "features=vton_aux.evaluation.features:random_vgg")
    _, out = evaluate(*given, checkpoint=None, data=data)
    monkeypatch.setattr(scoring, "BATCH", 2)
    _, again = evaluate(*given, checkpoint=None, data=data, out="again")
    assert read(out)[0]["clean"].tolist() == [True, True, True, False]
    pd.testing.assert_frame_equal(read(out)[0], read(again)[0])
    for protocol in ("official", "clean"):
        distances = [read(of)[1]["protocols"][protocol].get("fid") for of in (out, again)]
        assert distances[0] == pytest.approx(distances[1], rel=1e-4)


def test_occluded_is_what_covers_more_of_the_torso_than_the_threshold(evaluate, root, tmp_path):
    data = shutil.copytree(root, tmp_path / "data")
    path = sorted((data / "test" / "image-parse").iterdir())[0]
    labels = np.array(Image.open(path))
    labels[labels == 5] = 14  # an arm over all of the torso
    labels[:2] = 5
    Image.fromarray(labels).save(path)
    _, out = evaluate("pairing=paired", data=data)
    table, _ = read(out)
    assert table["occluded"].tolist() == [share > 0.08 for share in table["self_occlusion"]]
    assert table["occluded"].nunique() == 2


def test_other_data_in_the_same_folder_are_another_evaluation(evaluate, root, tmp_path):
    data = shutil.copytree(root, tmp_path / "data")
    evaluate("pairing=paired", "limit=1", data=data)
    path = sorted((data / "test" / "image").iterdir())[0]
    with Image.open(path) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    outcome, _ = evaluate("pairing=paired", "limit=1", data=data)
    assert outcome.status == 2
    assert "holds another evaluation" in outcome.err


def test_the_summary_follows_from_the_table_alone(evaluate):
    _, out = evaluate("pairing=paired")
    table, summary = read(out)
    for protocol in ("official", "clean"):
        rows, scores = table[table[protocol]], summary["protocols"][protocol]
        for name, value in scores["means"].items():
            assert value == pytest.approx(rows[name].mean())
        for name, iou in scores["class_iou"].items():
            common = rows[f"inter_{name}"].sum()
            union = rows[f"true_{name}"].sum() + rows[f"predicted_{name}"].sum() - common
            assert iou == (pytest.approx(common / union) if union else None)
    means = scores["means"].keys()
    assert {"ssim", "ms_ssim", "psnr", "warp_iou", "band_ssim", "bleeding"} <= means


def test_batch_size_and_number_of_processes_do_not_matter_and_a_second_run_is_equal(evaluate):
    tables = []
    for out, overrides in (
        ("one", ("batch_size=1",)), ("again", ("batch_size=1",)),
        ("two", ("batch_size=1", "processes=2")), ("four", ("batch_size=4",)),
    ):  # fmt: skip
        outcome, folder = evaluate("pairing=paired", *overrides, out=out)
        assert outcome.status == 0, outcome.err
        tables.append(read(folder)[0])
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    pd.testing.assert_frame_equal(tables[0], tables[2], check_exact=True)
    columns = ["ssim", "ms_ssim", "psnr", "warp_iou"]
    np.testing.assert_allclose(tables[0][columns], tables[3][columns], atol=1e-4)


@pytest.mark.parametrize(
    "overrides", [("pairing=paired",), ("pairing=unpaired",), ("split=val",), ("limit=2",)]
)
def test_packed_data_are_scored_like_the_files(evaluate, overrides, tmp_path):
    own = ("batch_size=2", "data.val_fraction=0.5", *overrides)
    tables = []
    for out, cache in (("packed", ()), ("read", ("data.cache=null",))):
        outcome, folder = evaluate(*own, *cache, out=out)
        assert outcome.status == 0, outcome.err
        tables.append(read(folder)[0])
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    (packed,) = (path.name for path in (tmp_path / "cache").iterdir() if path.is_dir())
    assert packed.startswith("train-" if "split=val" in overrides else "test-")
    assert len(tables[0]) == {"split=val": 3, "limit=2": 2}.get("".join(overrides), TESTS)


def test_a_killed_evaluation_goes_on_and_ends_the_same(evaluate, monkeypatch):
    import vton_aux.evaluation.dress as module

    _, whole = evaluate("pairing=paired", "batch_size=1", out="whole")
    dress_batch, done = module._dress_batch, []

    def killed(stage, batch):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(batch)
        return dress_batch(stage, batch)

    monkeypatch.setattr(module, "_dress_batch", killed)
    outcome, out = evaluate("pairing=paired", "batch_size=1")
    assert outcome.status == 130
    assert "interrupted; the same command goes on" in outcome.err
    assert not (out / "summary.json").exists()
    monkeypatch.setattr(module, "_dress_batch", dress_batch)
    before = {p: p.stat().st_mtime_ns for p in (out / "images").iterdir()}
    assert len(before) == 2
    outcome, out = evaluate("pairing=paired", "batch_size=1")
    assert outcome.status == 0, outcome.err
    assert all(p.stat().st_mtime_ns == when for p, when in before.items())
    pd.testing.assert_frame_equal(read(out)[0], read(whole)[0], check_exact=True)


def test_the_picture_that_tells_that_a_sample_is_done_is_written_last(monkeypatch, tmp_path):
    import vton_aux.evaluation.dress as module

    written = []
    monkeypatch.setattr(module, "save_png", lambda picture, path: written.append(path))
    folders = ("images", "segmentation", "warps")
    module._write(tmp_path, ("000001_0", dict.fromkeys(folders, Image.new("RGB", (2, 2)))))
    assert written[-1] == tmp_path / "images" / "000001_0.png"
    assert {path.parent.name for path in written} == {*folders}


def test_unpaired_samples_have_no_score_but_the_truth_of_synthetic_ones(evaluate, root, tmp_path):
    outcome, out = evaluate("pairing=unpaired")
    assert outcome.status == 0, outcome.err
    table, summary = read(out)
    assert set(table["pairing"]) == {"unpaired"}
    assert not table["own_cloth"].any()
    listed = [(pair.person, pair.cloth) for pair in read_pairs(root, "test")]
    assert list(zip(table["person"], table["cloth"], strict=True)) == listed
    assert summary["truth"] == "image-unpaired"
    true = np.array(Image.open(root / "test" / "image-unpaired" / listed[0][0]))
    made = np.array(Image.open(out / "images" / listed[0][0].replace(".jpg", ".png")))
    expected = peak_signal_noise_ratio(true, made, data_range=255)
    assert table["psnr"][0] == pytest.approx(expected, abs=1e-3)
    assert not {"garment_ssim", "warp_iou", "true_background"} & set(table.columns)
    real = tmp_path / "without_truth"
    shutil.copytree(root, real)
    shutil.rmtree(real / "test" / "image-unpaired")
    _, out = evaluate("pairing=unpaired", data=real, out="real")
    table, summary = read(out)
    assert not {"ssim", "psnr", "warp_iou"} & set(table.columns)
    assert summary["protocols"]["official"]["means"] == {}


def test_the_truth_of_unpaired_samples_is_resized_as_photos_are(evaluate, root, tmp_path):
    data = tmp_path / "other_size"
    shutil.copytree(root, data)
    for path in (data / "test" / "image-unpaired").iterdir():
        Image.open(path).resize((384, 512)).save(path)
    outcome, out = evaluate("pairing=unpaired", "limit=1", data=data)
    assert outcome.status == 0, outcome.err
    table, _ = read(out)
    name = table["person"][0]
    true = cv2.imread(str(data / "test" / "image-unpaired" / name), cv2.IMREAD_COLOR_RGB)
    true = cv2.resize(true, (192, 256), interpolation=cv2.INTER_AREA)
    made = np.array(Image.open(out / "images" / name.replace(".jpg", ".png")))
    expected = peak_signal_noise_ratio(true, made, data_range=255)
    assert table["psnr"][0] == pytest.approx(expected, abs=1e-3)


def test_pictures_of_another_version_are_not_taken_for_this_ones(evaluate, monkeypatch):
    evaluate("limit=1")
    monkeypatch.setattr("vton_aux.evaluate.code_version", lambda *_: "another")
    outcome, _ = evaluate("limit=1")
    assert outcome.status == 2
    assert "holds another evaluation; give a new folder" in outcome.err


def test_a_checkpoint_of_another_version_of_the_code_is_told(evaluate, checkpoints, tmp_path):
    checkpoint = torch.load(checkpoints / "tom.ckpt", weights_only=True)
    checkpoint["hyper_parameters"]["context"]["provenance"]["model"] = "another"
    torch.save(checkpoint, tmp_path / "tom.ckpt")
    with pytest.warns(UserWarning, match=r"tom\.ckpt: trained by another version"):
        load_tryon(tmp_path / "tom.ckpt")
    checkpoint["hyper_parameters"]["context"]["provenance"]["model"] = code_version(*MODEL)
    torch.save(checkpoint, tmp_path / "tom.ckpt")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        load_tryon(tmp_path / "tom.ckpt")


def test_a_checkpoint_that_was_trained_on_other_photos_is_told(
    evaluate, checkpoints, tmp_path, root
):
    checkpoint = torch.load(checkpoints / "tom.ckpt", weights_only=True)
    arguments = checkpoint["hyper_parameters"]
    own = training_photos(root)
    for tom, gmm in ((own, own), (own, "beef"), ("beef", own)):
        told, photos = tom != gmm, f"{tom}_{gmm}"
        arguments["context"]["provenance"]["photos"] = tom
        arguments["gmm"]["context"]["provenance"]["photos"] = gmm
        torch.save(checkpoint, tmp_path / "tom.ckpt")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _, out = evaluate("limit=1", checkpoint=tmp_path / "tom.ckpt", out=photos)
        assert any("both: trained on other photos" in str(w.message) for w in caught) is told
        assert read(out)[1]["system"].get("trained_elsewhere", False) is told


def test_unpaired_people_may_have_any_name(evaluate, tmp_path, root):
    own = tmp_path / "own"
    shutil.copytree(root, own)
    pairs = []
    for place, pair in enumerate(read_pairs(root, "test")):
        for folder, tail in (
            ("image", ".jpg"),
            ("image-parse", ".png"),
            ("pose", "_keypoints.json"),
        ):
            stem = Path(pair.person).stem
            (own / "test" / folder / f"{stem}{tail}").rename(
                own / "test" / folder / f"anna{place}{tail}"
            )
        pairs.append(f"anna{place}.jpg {pair.cloth}\n")
    (own / "test_pairs.txt").write_text("".join(pairs))
    shutil.rmtree(own / "test" / UNPAIRED)  # the true pictures of synthetic people
    outcome, out = evaluate("pairing=unpaired", data=own)
    assert outcome.status == 0, outcome.err
    assert not read(out)[0]["own_cloth"].any()
    outcome, _ = evaluate("pairing=paired", data=own, out="paired")
    assert outcome.status == 2
    assert "anna0.jpg: a person's name must end in _0" in outcome.err


def test_an_arm_has_the_name_of_its_run_folder(evaluate, checkpoints, tmp_path):
    shutil.copy(checkpoints / "tom.ckpt", tmp_path)
    (tmp_path / "summary.json").write_text('{"arm": "mine"}')
    outcome, out = evaluate("limit=1", checkpoint=tmp_path / "tom.ckpt")
    assert "mine: paired" in outcome.out
    assert read(out)[1]["system"]["arm"] == "mine"


def test_the_data_are_those_of_the_run_from_any_folder(
    capfd, checkpoints, root, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(checkpoints / "tom.ckpt", tmp_path)
    (tmp_path / "summary.json").write_text(json.dumps({"arm": "both", "data_root": str(root)}))
    data = "data: {root: as/seen/from/there, size: [256, 192], split_seed: 7}"
    (tmp_path / "config.yaml").write_text(data)
    command = ("evaluate", f"checkpoint={tmp_path / 'tom.ckpt'}", "limit=1")
    assert vton_aux(capfd, *command, "output=run").status == 0
    assert read(tmp_path / "run")[1]["data"]["root"] == str(root)
    assert json.loads((tmp_path / "run" / "inputs.json").read_text())["split_seed"] == 7
    assert vton_aux(capfd, *command, "output=uncached", "data.cache=null").status == 0
    assert read(tmp_path / "uncached")[1]["data"]["root"] == str(root)
    outcome = vton_aux(capfd, *command, "output=named", "data=viton", "data.root=elsewhere")
    assert outcome.status == 2
    assert "elsewhere" in outcome.err
    for spoilt in ("data: {no_such_key: 1}", "data: {", ""):
        (tmp_path / "config.yaml").write_text(spoilt)
        outcome = vton_aux(capfd, *command, "output=spoilt")
        assert outcome.status == 2
        assert "config.yaml and summary.json beside it do not tell" in outcome.err
    assert not (tmp_path / "data").exists()


def test_synthetic_data_of_another_size_are_not_written(capfd, monkeypatch, tmp_path, checkpoints):
    monkeypatch.chdir(tmp_path)
    checkpoint = f"checkpoint={checkpoints / 'tom.ckpt'}"
    few = ("data.generate.train=2", "data.generate.test=2")
    outcome = vton_aux(capfd, "evaluate", checkpoint, *few, "output=out")
    assert outcome.status == 2
    assert "trained at [256, 192]; give data.size=[256,192], or the folder" in outcome.err
    assert not (tmp_path / "data").exists()
    assert vton_aux(capfd, "evaluate", checkpoint, *few, "data.size=[256,192]").status == 0


def test_scores_say_which_version_computed_them_and_which_no_table_shows(evaluate, monkeypatch):
    names = {name: score for name, score in SCORES.items() if name != "psnr"}
    monkeypatch.setattr("vton_aux.evaluate.SCORES", names)
    outcome, out = evaluate("limit=1")
    assert "psnr: tables and reports show it once known_scores.SCORES names it" in outcome.out
    summary = read(out)[1]
    assert summary["metric_settings"]["version"] == code_version(*SCORING)
    assert summary["code"] == code_version(*DRESSING)
    assert summary["system"]["settings"]["gmm.width"] == "8"


def test_a_validation_set_is_that_of_the_training(root):
    def config(**cut):
        return EvaluateConfig(split="val", data=DataConfig(root=str(root), **cut))

    module = VITONDataModule(root, val_fraction=0.3, split_seed=1)
    train, validation = module.train_and_validation_pairs()
    trained_on = fingerprint(module.root, "train", [*train, *validation])
    _check_cut(config(val_fraction=0.3, split_seed=1), trained_on, (128, 96))
    with pytest.raises(UserError, match=r"val_fraction=0\.3 and data\.split_seed=0 cut another"):
        _check_cut(config(val_fraction=0.3, split_seed=0), trained_on, (128, 96))


def test_the_validation_set_must_be_that_of_tom_and_of_its_gmm(
    evaluate, checkpoints, root, tmp_path
):
    checkpoint = torch.load(checkpoints / "tom.ckpt", weights_only=True)
    arguments = checkpoint["hyper_parameters"]
    own = VITONDataModule(root).training_fingerprint()
    for tom, gmm, status in ((own, own, 0), (own, "beef", 2), ("beef", own, 2)):
        arguments["context"]["provenance"]["data"] = tom
        arguments["gmm"]["context"]["provenance"]["data"] = gmm
        torch.save(checkpoint, tmp_path / "tom.ckpt")
        outcome, _ = evaluate(
            "split=val", "limit=1", checkpoint=tmp_path / "tom.ckpt", out=f"{tom}_{gmm}"
        )
        assert outcome.status == status, outcome.err
        assert ("cut another validation set" in outcome.err) is (status == 2)


def test_photos_of_another_ratio_are_told(evaluate, photos, root, tmp_path):
    square = tmp_path / "square"
    shutil.copytree(root, square)
    for kind in ("image", "image-parse"):
        for path in (square / "test" / kind).iterdir():
            with Image.open(path) as image:
                image.resize((256, 256), Image.Resampling.NEAREST).save(path)
    for data, told in ((root, False), (square, True)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcome, _ = evaluate(
                f"predictions={photos}", checkpoint=None, data=data, out=f"of_{data.name}"
            )
        assert outcome.status == 0, outcome.err
        said = [str(w.message) for w in caught]
        assert any("256x256 is stretched to 256x192" in words for words in said) is told


def test_too_few_images_for_a_distance_have_none(evaluate, photos):
    features = "features=vton_aux.evaluation.features:random_vgg"
    outcome, out = evaluate(f"predictions={photos}", "limit=1", features, checkpoint=None)
    assert outcome.status == 0, outcome.err
    assert "fid" not in read(out)[1]["protocols"]["official"]
    outcome, out = evaluate(f"predictions={photos}", features, checkpoint=None, out="all")
    assert read(out)[1]["protocols"]["official"]["fid"] == pytest.approx(0, abs=0.1)


def test_what_a_pose_does_not_tell_is_no_stratum(evaluate, root, photos, tmp_path):
    data = tmp_path / "no_shoulder"
    shutil.copytree(root, data)
    pose = sorted((data / "test" / "pose").iterdir())[0]
    told = json.loads(pose.read_text())
    (joints,) = (person["pose_keypoints"] for person in told["people"])
    joints[3 * 2 : 3 * 3] = [0, 0, 0]  # the right shoulder
    pose.write_text(json.dumps(told))
    _, out = evaluate(f"predictions={photos}", checkpoint=None, data=data)
    table, _ = read(out)
    assert table["self_occlusion"].isna().tolist() == [True, False, False, False]
    assert table["occluded"].isna().tolist() == [True, False, False, False]


def test_copies_are_flagged_by_content_and_are_not_clean(evaluate, root, photos, tmp_path):
    data = tmp_path / "copies"
    shutil.copytree(root, data)
    image, cloth = data / "test" / "image", data / "test" / "cloth"
    names = [pair.person for pair in read_pairs(data, "test")]
    shutil.copy(next((data / "train" / "image").iterdir()), image / names[0])
    shutil.copy(image / names[1], image / names[2])
    *others, last = pairs = read_pairs(data, "test")
    own = last.person.replace("_0", "_1")
    shutil.copy(cloth / own, cloth / last.cloth)
    seen = next(pair for pair in others if pair.cloth != own)
    shutil.copy(next((data / "train" / "cloth").iterdir()), cloth / seen.cloth)
    _, out = evaluate(
        f"predictions={photos}", "pairing=unpaired", checkpoint=None, data=data, out="copies_out"
    )
    table, summary = read(out)
    assert table["seen_in_training"].tolist() == [True, False, False, False]
    assert table["copy"].tolist() == [False, False, True, False]
    assert table["clean"].tolist() == [False, True, False, True]
    assert table["own_cloth"].tolist() == [False, False, False, True]
    assert table["cloth_seen"].tolist() == [pair == seen for pair in pairs]
    assert table["photo"].tolist() == [0, 1, 1, 2]
    assert summary["protocols"]["clean"]["images"] == 2


@pytest.mark.parametrize("suffix", [".png", ".PNG"])
def test_any_systems_pictures_are_scored_and_perfect_ones_are_perfect(evaluate, photos, suffix):
    for path in list(photos.iterdir()):
        path.rename(path.with_suffix(suffix))
    (photos / "inputs.json").write_text("[]")  # another program's
    outcome, out = evaluate(f"predictions={photos}", "name=oracle", checkpoint=None)
    assert outcome.status == 0, outcome.err
    table, summary = read(out)
    assert summary["system"] == {
        **summary["system"], "kind": "predictions", "name": "oracle", "arm": None,
    }  # fmt: skip
    assert Album(Evaluation(out, summary)).tryon(Sample(*table.loc[0, IMAGE])).shape == (
        256,
        192,
        3,
    )
    assert table["ssim"].min() > 0.99  # JPEG decoders may differ by a grey level
    assert table["psnr"].min() > 40
    assert "warp_iou" not in table


def test_pictures_shifted_by_one_pixel_are_told_apart(evaluate, photos):
    _, out = evaluate(f"predictions={photos}", checkpoint=None)
    for path in photos.iterdir():
        Image.fromarray(np.roll(np.array(Image.open(path)), 1, axis=1)).save(path)
    _, shifted = evaluate(f"predictions={photos}", checkpoint=None, out="shifted")
    perfect, moved = read(out)[0], read(shifted)[0]
    assert (moved["ssim"] < perfect["ssim"] - 0.02).all()
    assert (moved["psnr"] < perfect["psnr"] - 5).all()


def test_a_models_unpaired_pictures_are_not_taken_for_paired_ones(evaluate):
    _, out = evaluate("pairing=unpaired")
    outcome, _ = evaluate(f"predictions={out / 'images'}", checkpoint=None, out="swapped")
    assert outcome.status == 2
    assert "these pictures are not paired" in outcome.err


def spoil_missing(folder):
    next(folder.iterdir()).unlink()


def spoil_size(folder):
    path = next(folder.iterdir())
    Image.open(path).resize((96, 128)).save(path)


def spoil_content(folder):
    path = next(folder.iterdir())
    path.write_bytes(path.read_bytes()[:2000])


def spoil_twice(folder):
    path = next(folder.iterdir())
    Image.open(path).save(path.with_suffix(".jpg"))


def spoil_alpha(folder):
    path = next(folder.iterdir())
    picture = Image.open(path).convert("RGBA")
    picture.save(path)  # nothing to see through yet
    other = next(p for p in folder.iterdir() if p != path)
    picture.putpixel((0, 0), (9, 9, 9, 254))
    picture.save(other)


def spoil_depth(folder):
    Image.new("I;16", (192, 256), 60_000).save(next(folder.iterdir()))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_missing, "1 of 4 pictures are missing"),
        (spoil_size, "128x96, but data.size is 256x192"),
        (spoil_content, ".png: the image is cut short"),
        (spoil_twice, "a picture of the same person"),
        (spoil_alpha, "has transparent pixels"),
        (spoil_depth, "mode I;16"),
        (shutil.rmtree, "no such folder"),
    ],
)
def test_pictures_that_cannot_be_scored_are_named(evaluate, photos, spoil, words):
    spoil(photos)
    outcome, out = evaluate(f"predictions={photos}", checkpoint=None)
    assert outcome.status == 2
    assert outcome.err.count("error:") == 1
    assert words in outcome.err
    assert not (out / "summary.json").exists()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("pairing=both",), "pairing=both"),
        (("split=val", "pairing=unpaired"), "split=val"),
        (("data.size=[128,96]",), "trained at [256, 192]"),
        (("++data.size=[128,96]",), "trained at [256, 192]"),
        (("data.root=/no/such",), "/no/such"),
        (("device=abacus",), "device=abacus"),
        (("precision=16",), "choose 32-true or bf16-mixed"),
        (("limit=0",), "at least 1"),
        (("features=inception",), "features=inception"),
        (("features=vton_aux.errors:UserError",), "not a torch module"),
        (("features=nowhere:x",), "nowhere"),
        (("predictions=x",), "either checkpoint"),
        (("lpips=true",), "lpips"),
    ],
)
def test_what_cannot_be_evaluated_is_told(evaluate, overrides, words):
    outcome, out = evaluate(*overrides)
    assert outcome.status == 2
    assert outcome.err.count("error:") == 1
    assert words in outcome.err
    assert not (out / "summary.json").exists()


@pytest.mark.parametrize("key", ["data.workers=-5", "data/augment=flip", "data.resident=true"])
def test_what_only_trainings_read_is_refused(evaluate, key):
    outcome, _ = evaluate(key)
    assert outcome.status == 2
    assert f"error: {key}: of trainings" in outcome.err


def test_a_gmm_is_no_tryon_model(evaluate):
    outcome, _ = evaluate(checkpoint="gmm.ckpt")
    assert outcome.status == 2
    assert "a GMM alone" in outcome.err


def test_bfloat16_gives_nearly_the_same_pictures_in_a_folder_of_its_own(evaluate):
    _, full = evaluate("limit=2")
    outcome, _ = evaluate("limit=2", "precision=bf16-mixed")
    assert outcome.status == 2
    assert "holds another evaluation" in outcome.err
    outcome, mixed = evaluate("limit=2", "precision=bf16-mixed", out="mixed")
    assert outcome.status == 0, outcome.err
    emulated = not computes_bf16(torch.device("cpu"))
    assert outcome.err.count("no bf16 instructions") == emulated  # told once
    assert read(full)[1]["system"]["precision"] == "32-true"
    assert read(mixed)[1]["system"]["precision"] == "bf16-mixed"
    for path in (full / "images").iterdir():
        one, other = (np.array(Image.open(f / "images" / path.name)) for f in (full, mixed))
        difference = np.abs(one.astype(int) - other)
        assert 0 < difference.mean() < 2


def test_compiling_takes_the_two_networks_in_place(evaluate, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(type(self)))
    outcome, out = evaluate("limit=1", "compile=true")
    assert outcome.status == 0, outcome.err
    assert compiled == [GMM, TOM]
    assert "compile=true: compiling does not pay" in outcome.err
    assert json.loads((out / "inputs.json").read_text())["compile"]


def test_what_was_scored_is_not_dropped_by_a_command_that_does_not_mention_it(evaluate, photos):
    features = "features=vton_aux.evaluation.features:random_vgg"
    own = (f"predictions={photos}",)
    evaluate(*own, features, "name=theirs", checkpoint=None)
    for given, missing in (((), "name=theirs features="), ((features,), "name=theirs"),
                           (("name=ours",), "features=vton_aux.evaluation")):  # fmt: skip
        outcome, out = evaluate(*own, *given, checkpoint=None)
        assert outcome.status == 2
        assert f"evaluated with {missing}" in outcome.err
        assert read(out)[1]["system"]["name"] == "theirs"
        assert read(out)[1]["protocols"]["official"]["fid"] is not None
    outcome, out = evaluate(*own, features, "name=renamed", checkpoint=None)
    assert read(out)[1]["system"]["name"] == "renamed"


def test_another_evaluation_is_not_overwritten(evaluate):
    evaluate("pairing=paired")
    outcome, out = evaluate("pairing=unpaired")
    assert outcome.status == 2
    assert "holds another evaluation" in outcome.err
    assert read(out)[1]["pairing"] == "paired"

"""Offline W&B runs, one a stage and one an evaluation, read back with W&B's own tool."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import wandb
from hydra.types import RunMode
from PIL import Image

from command_line import vton_aux
from tiny import SHORT
from vton_aux.config import TrainConfig, WandbConfig
from vton_aux.dashboard import stage_run
from vton_aux.data.layout import read_pairs
from vton_aux.data.synthetic import write_dataset
from vton_aux.evaluation.known_scores import POOLED
from vton_aux.evaluation.runs import read_evaluation

pytestmark = pytest.mark.slow

FIRST_LOSS = {"gmm": "warp_l1", "tom": "image_l1"}


@pytest.fixture(autouse=True)
def logged_out(tmp_path, monkeypatch):
    """Nobody is logged in to W&B and no variable says offline; what it writes lands in tmp_path."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "home" / ".netrc"))
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


@pytest.fixture
def train(capfd, tmp_path):
    def run(root: Path, *overrides: str):
        return vton_aux(
            capfd, "train", *SHORT, "wandb=on", f"data.root={root}", f"store={tmp_path / 'store'}",
            f"hydra.run.dir={tmp_path / 'first_try'}", *overrides,
        )  # fmt: skip

    return run


def inspect(path: Path, *options: str) -> str:
    tool = Path(sys.executable).parent / "wandb"
    command = [tool, "leet", "inspect", *options, "--json", path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in inspect(path).splitlines()]


def one(path: Path, kind: str) -> dict:
    (found,) = [record[kind] for record in records(path) if record["type"] == kind]
    return found


def runs(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "store").glob("*/wandb/offline-run-*/run-*.wandb"))


def history(path: Path) -> dict[str, list]:
    """Each value's curve: (step of the training, value)."""
    curves: dict[str, list] = {}
    for record in records(path):
        if record["type"] == "history":
            item = record["history"]["item"]
            for name, value in item.items():
                curves.setdefault(name, []).append((item["trainer/global_step"], value))
    return curves


def test_each_stage_is_a_finished_run_of_its_own_with_config_curve_and_pictures(train, tmp_path):
    root = tmp_path / "viton"
    write_dataset(root, train=8, test=0, seed=0, size=(128, 96), progress=False)
    outcome = train(root, "arm=both", "wandb.project=tests", "wandb.tags=[a,b]", "seed=3")
    assert outcome.status == 0, outcome.err
    names = [path.parents[2].name for path in runs(tmp_path)]
    assert [name.split("-")[0] for name in names] == ["gmm", "tom"]
    scores = {
        "gmm": {"warp_l1", "warp_iou", "unwarped_iou", "segmentation_iou"},
        "tom": {"ssim", "psnr", "segmentation_iou"},
    }
    for path, name in zip(runs(tmp_path), names, strict=True):
        stage = name.split("-")[0]
        told = one(path, "run")
        assert told["run_id"] == name
        assert told["run_group"] == f"{tmp_path.name}/first_try"
        assert (told["project"], told["job_type"], told["tags"]) == ("tests", stage, ["a", "b"])
        assert told["display_name"] == f"{stage} both seed3"

        summary = json.loads(inspect(path, "--summary"))
        assert (summary["state"], summary["exit_code"]) == ("finished", 0)
        assert summary["config"]["seed"] == 3
        assert summary["config"]["arm"] == {"gmm_aux": True, "tom_aux": True}
        assert summary["config"]["arm_name"] == "both"
        assert summary["config"]["settings"]["steps"] == 6
        assert summary["config"]["context"]["provenance"]["key"] == name.split("-")[1]

        curves, folder = history(path), path.parents[2]
        written = json.loads((folder / "summary.json").read_text())["validation"]
        assert written.keys() >= scores[stage]
        for score, value in written.items():
            assert [step for step, _ in curves[f"val/{score}"]] == [2, 5, 6]
            assert curves[f"val/{score}"][-1][1] == pytest.approx(value, rel=1e-6)
        assert [step for step, _ in curves["train/loss"]] == [1, 3, 5]
        assert {"train/segmentation", f"train/{FIRST_LOSS[stage]}", "epoch"} <= curves.keys()
        assert [rate for _, rate in curves["lr"]] == pytest.approx([1e-3, 0.75e-3, 0.25e-3])

        sheets = [files[0] for _, files in curves["validation.filenames"]]
        steps = [step for step, _ in curves["validation.filenames"]]
        assert steps == [3, 6, 6]
        for step, sheet in zip(steps, sheets, strict=True):
            with (
                Image.open(path.parent / "files" / sheet) as shown,
                Image.open(folder / "pictures" / f"step_{step:08d}.png") as kept,
            ):
                assert list(shown.convert("RGB").getdata()) == list(kept.convert("RGB").getdata())


def test_a_stage_that_fails_is_one_line_and_its_run_says_so(train, tmp_path):
    root = tmp_path / "viton"
    write_dataset(root, train=8, test=0, seed=0, size=(128, 96), progress=False)
    first = read_pairs(root, "train")[0].person  # is read before any stage starts
    for photo in (root / "train" / "image").iterdir():
        if photo.name != first:
            content = photo.read_bytes()
            photo.write_bytes(content[: len(content) // 2])
    outcome = train(root, "arm=baseline", "wandb.group=mine", "data.workers=1")
    assert outcome.status == 2
    (error,) = [line for line in outcome.err.splitlines() if line.startswith("error:")]
    assert "_0.jpg: the image is cut short" in error
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "first_try" / "summary.json").exists()
    (path,) = runs(tmp_path)
    assert path.parents[2].name.startswith("gmm-")
    assert one(path, "run")["run_group"] == "mine"
    assert one(path, "exit")["exit_code"] == 2
    assert json.loads(inspect(path, "--summary"))["state"] != "finished"


def test_the_runs_of_a_sweep_are_told_apart_by_what_they_learn_with(monkeypatch):
    command = ["arm=both", "seed=0", "tom.aux_weight=0.1,1", "gmm.lr=1e-3,1e-4", "gmm.steps=1_0"]
    monkeypatch.setattr("sys.argv", ["vton-aux train", "-m", *command, "labels=lip,coarse"])
    task = ["arm=both", "seed=0", "tom.aux_weight=0.1", "gmm.lr=0.001", "gmm.steps=10"]
    task.append("labels=coarse")
    hydra = SimpleNamespace(mode=RunMode.MULTIRUN, overrides=SimpleNamespace(task=task))
    monkeypatch.setattr("vton_aux.dashboard.HydraConfig.initialized", lambda: True)
    monkeypatch.setattr("vton_aux.dashboard.HydraConfig.get", lambda: hydra)
    config = TrainConfig(wandb=WandbConfig(), seed=0)
    names = [
        stage_run(config, stage, "both", "0123456789ab", Path("runs/a"))["name"]
        for stage in ("gmm", "tom")
    ]
    assert names == [
        "gmm both seed0 gmm.lr=0.001 labels=coarse",
        "tom both seed0 tom.aux_weight=0.1 gmm.lr=0.001 labels=coarse",
    ]
    monkeypatch.setattr("sys.argv", ["a launcher"])  # a job on SLURM does not see the command
    task.append("tom.betas=[" + ",".join(["0.9"] * 60) + "]")
    assert len(stage_run(config, "tom", "both", "0", Path("runs/a"))["name"]) == 128
    hydra.mode = RunMode.RUN
    assert stage_run(config, "tom", "both", "0", Path("runs/a"))["name"] == "tom both seed0"


@pytest.fixture
def evaluate(capfd, checkpoints, root, tmp_path):
    def run(*overrides: str):
        (tmp_path / "my_run").mkdir(exist_ok=True)
        shutil.copy(checkpoints / "tom.ckpt", tmp_path / "my_run")
        return vton_aux(
            capfd, "evaluate", f"checkpoint={tmp_path}/my_run/tom.ckpt", "data=viton",
            f"data.root={root}", "device=cpu", "data.cache=null", f"output={tmp_path / 'out'}",
            "wandb=on", *overrides,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("pairing", ["paired", "unpaired"])
def test_an_evaluation_is_a_run_with_its_scores_and_people(evaluate, tmp_path, pairing):
    out = tmp_path / "out"
    features = "vton_aux.evaluation.features:random_vgg"
    outcome = evaluate(f"pairing={pairing}", f"features={features}")
    assert outcome.status == 0, outcome.err
    (path,) = out.glob("wandb/offline-run-*/run-*.wandb")
    told = one(path, "run")
    assert (told["project"], told["run_group"]) == ("vton-aux", f"{tmp_path.name}/my_run")
    assert (told["job_type"], told["display_name"]) == ("evaluate", f"{pairing} test both")
    assert json.loads(inspect(path, "--summary"))["config"]["features"] == features

    (logged,) = [r["history"]["item"] for r in records(path) if r["type"] == "history"]
    evaluation = read_evaluation(out)
    for protocol, found in evaluation.summary["protocols"].items():
        pooled = {name: found[name] for name in POOLED if name in found}
        for name, value in {**found["means"], **pooled}.items():
            assert logged[f"{protocol} {pairing}/{name}"] == pytest.approx(value)
    assert f"official {pairing}/fid" in logged
    for sheet in ("try-ons", "warps"):
        with Image.open(path.parent / "files" / logged[f"{sheet}.path"]) as shown:
            assert shown.height > 4 * 256


def test_an_evaluation_is_one_run_however_often_and_another_systems_another(
    evaluate, monkeypatch, tmp_path
):
    begun = []

    def pretend(**arguments):
        begun.append(arguments["id"])
        return MagicMock()

    monkeypatch.setattr(wandb, "init", pretend)
    for _ in range(2):
        assert evaluate("limit=1").status == 0
    evaluate("limit=1", "name=theirs")
    features = "features=vton_aux.evaluation.features:random_vgg"
    assert evaluate("limit=1", features, "name=both").status == 0
    first, again, theirs, with_distances = begun
    assert first == again == with_distances != theirs


@pytest.mark.usefixtures("stages_here")
def test_a_run_that_wandb_does_not_take_is_one_line(train, evaluate, root, monkeypatch, tmp_path):
    def refuse(**_):
        raise wandb.errors.CommError("no such entity")

    monkeypatch.setattr(wandb, "init", refuse)
    outcome = train(root, "arm=baseline", "stage=gmm")
    assert outcome.status == 2
    assert "error: wandb: no such entity; wandb=null trains without\n" in outcome.err
    outcome = evaluate()
    assert outcome.status == 2
    assert f"error: wandb: no such entity; the scores lie in {tmp_path / 'out'}\n" in outcome.err
    assert read_evaluation(tmp_path / "out").summary["images"] == 4


@pytest.mark.usefixtures("stages_here")
def test_a_key_that_wandb_refuses_is_told_before_the_work(
    train, evaluate, root, monkeypatch, tmp_path
):
    def refuse(**_):
        raise wandb.errors.AuthenticationError("WANDB_API_KEY invalid")

    monkeypatch.setattr(wandb, "login", refuse)
    for outcome in (train(root, "arm=baseline"), evaluate()):
        assert outcome.status == 2
        (error,) = [line for line in outcome.err.splitlines() if line.startswith("error:")]
        assert error == "error: wandb: WANDB_API_KEY invalid (WANDB_MODE=offline asks nobody)"
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "out").exists()

"""`vton-aux train` end to end, tiny, on synthetic data: what it leaves, reuses and resumes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.utilities.exceptions import SIGTERMException

from command_line import vton_aux
from tiny import SHORT
from vton_aux import train as training
from vton_aux.data.content import training_photos
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError
from vton_aux.fit import TOLD, fit
from vton_aux.stages.checkpoint import load_tryon, read_checkpoint
from vton_aux.stages.gmm import GMMStage
from waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "viton"
    write_dataset(folder, train=15, test=4, seed=0, size=(128, 96), progress=False)
    return folder


@pytest.fixture
def train(capfd, tmp_path, root):
    """Train with SHORT settings; the store is shared by the runs of one test."""

    def run(name: str, *overrides: str):
        where = f"hydra.sweep.dir={tmp_path / name}"
        if "-m" not in overrides:
            where = f"hydra.run.dir={tmp_path / name}"
        outcome = vton_aux(
            capfd, "train", f"store={tmp_path / 'store'}", *SHORT, *overrides,
            f"data.root={root}", where,
        )  # fmt: skip
        assert outcome.status == 0, outcome.err
        return outcome, tmp_path / name

    return run


class _Killed(BaseException):
    """Nothing is written after it."""


def stages(tmp_path: Path) -> list[str]:
    return sorted(p.name.split("-")[0] for p in (tmp_path / "store").iterdir() if p.is_dir())


def test_a_run_leaves_all_that_it_promises(train, tmp_path):
    outcome, run = train("run", "arm=both")
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["arm"], summary["gmm_aux"], summary["tom_aux"]) == ("both", True, True)
    assert summary["gmm"]["validation_images"] == 3
    assert {"warp_iou", "segmentation_iou"} <= summary["gmm"]["validation"].keys()
    assert {"ssim", "psnr", "segmentation_iou"} <= summary["tom"]["validation"].keys()
    curve = pd.read_csv(run / "metrics.csv")
    assert set(curve["stage"]) == {"gmm", "tom"}
    # both stages were validated at steps 2 and 5 (counted from 0), and once more at the end
    assert curve[curve["val/ssim"].notna()]["step"].tolist()[:2] == [2, 5]
    for stage, columns in (("gmm", 7), ("tom", 9)):
        with Image.open(run / "pictures" / f"{stage}.png") as sheet:
            assert sheet.width == 6 + columns * (96 + 6)
    checkpoint = torch.load(run / "tom.ckpt", map_location="cpu", weights_only=True)
    context = checkpoint["hyper_parameters"]["context"]
    assert context["size"] == [128, 96]
    assert context["labels"] == "lip"
    assert context["representation"]["pose_radius"] == 5.0
    assert context["provenance"]["arm"] == "both"
    assert context["provenance"]["data"] == summary["tom"]["data"]
    assert str(run) in outcome.out


@pytest.mark.usefixtures("stages_here")
def test_the_seed_is_that_of_weights_and_of_the_order_and_is_told(train, root, monkeypatch):
    seeds, seed_everything = [], pl.seed_everything

    def noted(seed, **options):
        seeds.append(seed)
        return seed_everything(seed, **options)

    monkeypatch.setattr("pytorch_lightning.seed_everything", noted)
    _, run = train("run", "arm=baseline", "stage=gmm", "seed=3", "data.augment.flip=0.5")
    assert seeds[0] == 3
    folder = Path(json.loads((run / "summary.json").read_text())["gmm"]["folder"])
    job = json.loads((folder / "job.json").read_text())
    assert (job["seed"], job["data"]["seed"]) == (3, 3)
    provenance = read_checkpoint(run / "gmm.ckpt")["hyper_parameters"]["context"]["provenance"]
    assert provenance["seed"] == 3
    assert provenance["photos"] == training_photos(root)
    assert provenance["training"]["flip"] == 0.5
    assert provenance["training"]["processes"] == 1


@pytest.mark.usefixtures("stages_here")
def test_a_finished_gmm_is_reused_where_its_inputs_are_equal_and_never_else(train, tmp_path):
    train("baseline", "arm=baseline")
    assert stages(tmp_path) == ["gmm", "tom"]
    outcome, _ = train("tom_only", "arm=tom_only")
    assert "gmm: found finished" in outcome.out
    assert stages(tmp_path) == ["gmm", "tom", "tom"]
    first, second = (load_tryon(tmp_path / name / "tom.ckpt") for name in ("baseline", "tom_only"))
    for name, value in first.gmm.state_dict().items():
        assert torch.equal(value, second.gmm.state_dict()[name])
    assert first.network.segmentation is None
    assert second.network.segmentation is not None
    # the same again finds both; a toggled branch is the arm with that branch, not a new one
    outcome, _ = train("again", "arm=baseline", "arm.tom_aux=true")
    assert "gmm: found finished" in outcome.out
    assert "tom: found finished" in outcome.out
    assert json.loads((tmp_path / "again" / "summary.json").read_text())["arm"] == "tom_only"
    # another seed, another schedule, another auxiliary weight in use: another GMM
    for i, override in enumerate(["seed=1", "gmm.lr=2e-3", "arm.gmm_aux=true"]):
        outcome, _ = train(f"other{i}", "arm=baseline", "stage=gmm", override)
        assert "found finished" not in outcome.out
        assert stages(tmp_path).count("gmm") == 2 + i


@pytest.mark.usefixtures("stages_here")
def test_a_changed_file_of_the_data_is_another_data_set(train, tmp_path, root):
    train("one", "arm=baseline", "stage=gmm")
    photo = next((root / "train" / "image").iterdir())
    content = photo.read_bytes()
    try:
        photo.write_bytes(content + b"\0")
        outcome, _ = train("two", "arm=baseline", "stage=gmm")
    finally:
        photo.write_bytes(content)
    assert "found finished" not in outcome.out


@pytest.mark.usefixtures("stages_here")
def test_a_sweep_runs_its_jobs_in_a_row_and_shares_gmms(train, tmp_path):
    outcome, sweep = train("sweep", "-m", "arm=baseline,tom_only", "seed=0,1", "stage=gmm")
    assert stages(tmp_path) == ["gmm", "gmm"]  # one a seed
    summaries = [json.loads(p.read_text()) for p in sorted(sweep.glob("*/summary.json"))]
    assert [(s["arm"], s["seed"]) for s in summaries] == [
        ("baseline", 0), ("baseline", 1), ("tom_only", 0), ("tom_only", 1),
    ]  # fmt: skip
    assert outcome.out.count("found finished") == 2


def test_a_sweep_that_is_stopped_begins_no_other_job(capfd, tmp_path, root, monkeypatch):
    begun = []

    def stopped(command, env):
        begun.append(command[-1])
        return [training.children.STOPPED]

    monkeypatch.setattr(training.children, "run", stopped)
    outcome = vton_aux(
        capfd, "train", "-m", "seed=0,1", "arm=baseline", *SHORT,
        f"data.root={root}", f"store={tmp_path / 'store'}", f"hydra.sweep.dir={tmp_path / 'sweep'}",
    )  # fmt: skip
    assert outcome.status == 130
    assert len(begun) == 1
    errors = [line for line in outcome.err.splitlines() if line.startswith("error:")]
    assert errors == [
        "error: interrupted; the same command begins again: there is no checkpoint yet"
    ]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (-signal.SIGKILL, "killed by SIGKILL (out of memory?); the same command goes on from"),
        (-signal.SIGBUS, "killed by SIGBUS (no error was told)"),
    ],
)
def test_how_a_stages_process_was_killed_is_told(tmp_path, monkeypatch, status, told):
    (tmp_path / "last.ckpt").touch()
    monkeypatch.setattr(training.children, "run", lambda command, env: [status])
    with pytest.raises(UserError) as error:
        training._run(tmp_path, malloc=True)
    assert told in str(error.value)
    assert not getattr(error.value, "told", False)


def test_an_error_that_another_process_told_is_not_told_as_a_kill(tmp_path, monkeypatch):
    """Lightning kills the first of several processes when another ends with an error."""
    (tmp_path / TOLD).touch()  # of the attempt before

    def run(command, env):
        assert not (tmp_path / TOLD).exists()
        (tmp_path / TOLD).touch()
        return [-signal.SIGKILL]

    monkeypatch.setattr(training.children, "run", run)
    with pytest.raises(training.StageFailedError) as error:
        training._run(tmp_path, malloc=True)
    assert error.value.told


@pytest.mark.parametrize("status", [130, -signal.SIGTERM])
def test_a_stage_that_was_stopped_is_no_error(tmp_path, monkeypatch, status):
    (tmp_path / "last.ckpt").touch()
    monkeypatch.setattr(training.children, "run", lambda command, env: [status])
    with pytest.raises(KeyboardInterrupt, match=r"^the same command goes on from .*/last\.ckpt$"):
        training._run(tmp_path, malloc=True)


def test_a_stop_behind_a_finished_stage_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(training.children, "run", lambda *_, **__: (130,))
    (tmp_path / "summary.json").write_text('{"stage": "gmm", "validation": {}}')
    (tmp_path / "model.ckpt").touch()
    with pytest.raises(KeyboardInterrupt, match="goes on behind this stage, which is finished"):
        training._run(tmp_path, malloc=True)


def test_a_diverged_training_is_one_line_and_no_result(capfd, tmp_path, root):
    outcome = vton_aux(
        capfd, "train", "arm=baseline", *SHORT, "tom.lr=1e30",
        f"data.root={root}", f"store={tmp_path / 'store'}", f"hydra.run.dir={tmp_path / 'run'}",
    )  # fmt: skip
    assert outcome.status == 2
    (error,) = [line for line in outcome.err.splitlines() if line.startswith("error:")]
    assert "the loss is nan at step" in error
    assert "Traceback" not in outcome.err
    (folder,) = (tmp_path / "store").glob("tom-*/")
    assert (folder / TOLD).is_file()
    assert not (folder / "summary.json").exists()
    assert not (tmp_path / "run" / "summary.json").exists()


@pytest.mark.usefixtures("stages_here")
def test_tom_trains_alone_on_a_given_gmm(train, tmp_path):
    _, run = train("gmm", "arm=baseline", "stage=gmm")
    given = tmp_path / "given.ckpt"
    given.write_bytes((run / "gmm.ckpt").read_bytes())
    _, run = train("tom", "arm=tom_only", "stage=tom", f"gmm_checkpoint={given}")
    assert not (run / "gmm.ckpt").exists()
    _, run = train("all", "arm=tom_only", f"gmm_checkpoint={given}")
    assert stages(tmp_path) == ["gmm", "tom"]  # no other GMM was trained for it
    assert "gmm" not in json.loads((run / "summary.json").read_text())
    weights = read_checkpoint(given)["state_dict"]
    for name, value in load_tryon(run / "tom.ckpt").gmm.state_dict().items():
        assert torch.equal(value, weights[f"network.{name}"])


@pytest.mark.usefixtures("stages_here")
@pytest.mark.parametrize(
    ("place", "step", "how", "left"),
    [
        ("training_step", 4, "told", 5), ("validation_step", 3, "told", 2),
        ("training_step", 5, "killed", 4), ("validation_step", 3, "killed", 2),
        ("validation_step", 6, "killed", 4),
    ],
)  # fmt: skip
def test_an_interrupted_stage_goes_on_to_the_same_result(
    train, tmp_path, monkeypatch, place, step, how, left
):
    """`left`: the steps that last.ckpt holds then."""
    falling = {3: 0.9, 6: 0.4}

    def scores(self, batch, batch_idx):
        one = torch.full((len(batch["person"]),), falling.get(self.global_step, 0.0))
        self.log_validation(dict.fromkeys(("warp_l1", "warp_iou", "unwarped_iou"), one))

    monkeypatch.setattr(GMMStage, "validation_step", scores)
    train("whole", "arm=baseline", "stage=gmm", "data/augment=strong", "gmm.select=best")
    (folder,) = (tmp_path / "store").glob("gmm-*/")
    whole = read_checkpoint(folder / "model.ckpt")["state_dict"]
    curve = pd.read_csv(folder / "metrics.csv")
    for path in folder.iterdir():
        if path.is_file() and path.name != "job.json":
            path.unlink()
    (folder / "log" / "000" / "metrics.csv").write_text("")  # of an attempt killed at once
    undisturbed = getattr(GMMStage, place)

    def interrupted(self, batch, batch_idx):
        if self.global_step == step and how == "killed":
            raise _Killed
        if self.global_step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return undisturbed(self, batch, batch_idx)

    with monkeypatch.context() as patched:
        patched.setattr(GMMStage, place, interrupted)
        with pytest.raises((_Killed, SIGTERMException)):
            fit(folder)
    assert read_checkpoint(folder / "last.ckpt")["global_step"] == left
    assert not (folder / "summary.json").exists()
    summary = fit(folder)
    assert summary["resumed_at_step"] == left
    assert read_checkpoint(folder / "best.ckpt")["global_step"] == 3
    resumed = read_checkpoint(folder / "model.ckpt")["state_dict"]
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-5, atol=1e-6)
    pd.testing.assert_frame_equal(pd.read_csv(folder / "metrics.csv"), curve, rtol=1e-4)
    assert not (folder / "last.ckpt").exists()


@pytest.mark.usefixtures("stages_here")
def test_code_that_changes_between_the_stages_is_told(train, tmp_path, monkeypatch):
    train("run", "arm=baseline", "stage=gmm")
    (folder,) = (tmp_path / "store").glob("gmm-*/")
    monkeypatch.setattr("vton_aux.fit.code_version", lambda *_: "another")
    with pytest.raises(UserError, match="the code has changed since"):
        fit(folder)


@pytest.mark.usefixtures("stages_here")
def test_packed_and_resident_data_train_the_same_weights(train, tmp_path):
    packed = (f"data.cache={tmp_path / 'cache'}",)
    weights = []
    for name, overrides in (
        ("read", ()), ("packed", packed), ("resident", (*packed, "data.resident=true"))
    ):  # fmt: skip
        own = ("arm=both", "stage=gmm", "data/augment=flip", f"store={tmp_path / name / 'store'}")
        _, run = train(name, *own, *overrides)
        weights.append(read_checkpoint(run / "gmm.ckpt")["state_dict"])
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1
    for other in weights[1:]:
        assert all(torch.equal(value, other[key]) for key, value in weights[0].items())


def test_two_processes_train_and_validate_each_image_once(train, tmp_path):
    overrides = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    _, run = train("ddp", "arm=both", *overrides)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["tom"]["validation_images"] == 3  # odd: two ranks cannot share it evenly
    # the same weights, validated by one process
    outcome, _ = train("one", "arm=both", *overrides)
    assert outcome.out.count("found finished") == 2
    import pytorch_lightning as pl

    from vton_aux.data.datamodule import VITONDataModule

    stage = load_tryon(run / "tom.ckpt")
    data = VITONDataModule(summary["data_root"], size=(128, 96), val_fraction=0.2, batch_size=2)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    (scores,) = trainer.validate(stage, data, verbose=False)
    for name, value in summary["tom"]["validation"].items():
        assert scores[f"val/{name}"] == pytest.approx(value, abs=1e-5)


def test_a_sigterm_to_both_of_two_processes_ends_them_at_one_step(root, tmp_path):
    command = [
        sys.executable, "-m", "vton_aux", "train", "stage=gmm", "arm=baseline", *SHORT,
        f"data.root={root}", f"store={tmp_path / 'store'}",
        f"hydra.run.dir={tmp_path / 'run'}", "trainer=ddp", "trainer.accelerator=cpu",
        "trainer.devices=2", "gmm.steps=2000", "val_every=7", "data.workers=1",
    ]  # fmt: skip
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: list(tmp_path.glob("store/*/last.ckpt")), seconds=120)
    os.killpg(process.pid, signal.SIGTERM)  # to every process, as SLURM does
    try:
        _, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 130
    assert "error: interrupted; the same command goes on from" in errors
    (last,) = tmp_path.glob("store/*/last.ckpt")
    assert read_checkpoint(last)["global_step"] >= 2


IN_VALIDATION = """
import sys
from vton_aux import fit
from vton_aux.errors import UserError
from vton_aux.stages.gmm import GMMStage

def broken(*_):
    raise UserError("broken")

GMMStage.validation_step = broken
sys.argv = ["fit", sys.argv[1]]
fit.main()
"""


@pytest.mark.usefixtures("stages_here")
def test_an_error_in_a_validation_ends_the_loader_processes_too(train, tmp_path):
    """They live on after it, and do not mind the SIGTERM at which others end."""
    train("run", "arm=baseline", "stage=gmm", "data.workers=1")
    (folder,) = (tmp_path / "store").glob("gmm-*/")
    (folder / "summary.json").unlink()
    ended = subprocess.run(
        [sys.executable, "-c", IN_VALIDATION, folder], timeout=100, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "error: broken" in ended.stderr

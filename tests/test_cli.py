"""Wrong values on the command line: one line that names the key, exit status 2, nothing written."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir

from command_line import vton_aux
from vton_aux.config import config_folder, register

FEW = ("data.generate.train=4", "data.generate.test=2")
WRONG = {
    ("arm=nobody",): ("arm/nobody", "baseline"),
    ("gmm.lr=fast",): ("gmm.lr", "fast", "Float"),
    ("lr=fast",): ("lr", "no such key"),
    ("gmm.stepz=3",): ("gmm.stepz", "no such key"),
    ("gmm.width=-1",): ("gmm.width=-1", "above 0"),
    ("wandb.project=mine",): ("wandb.project=mine", "null", "wandb=on"),
    ("trainer=tpu",): ("trainer/tpu", "cpu"),
    ("data=viton",): ("data.root is missing; give data.root=VALUE",),
    ("data=viton", "data.root=/no/such/folder"): ("/no/such/folder", "data.root"),
    ("data.root=/no/viton",): ("data.root=/no/viton", "no such folder", "data=synthetic"),
    ("gmm_checkpoint=/no/gmm.ckpt", *FEW): ("/no/gmm.ckpt", "missing"),
    ("gmm_checkpoint=/no/gmm.ckpt", "stage=gmm"): ("gmm_checkpoint=/no/gmm.ckpt", "stage=gmm"),
    ("tom.vgg=/no/vgg.pth", *FEW): ("/no/vgg.pth", "VGG19"),
    ("data.size=(128,96)",): ("a list has brackets: 'data.size=[128,96]'",),
    ("gmm_checkpoint=own",): ("own: a folder; give the .ckpt in it",),
    ("data.root=/ä",): ("data.root=/ä: Hydra cannot read", "\"data.root='/ä'\""),
    ("gmm=3",): ("a number", "arm=both"),
    ("+gmm.foo=1",): ("gmm.foo: there is no such key",),
    ("--cfg", "job", "-m"): ("Only one of", "--multirun", "--cfg"),
    ("trainer.devices=abc",): ("trainer.devices=abc", "a number"),
    ("wandb=on", "wandb.project=a/b", *FEW): ("wandb: Invalid project name 'a/b'",),
    ("wandb=on", "wandb.tags=['']", *FEW): ("wandb: Tag at index 0 is empty",),
    ("both",): ("both: no override", "KEY=VALUE"),
    ("hydra.job.chdir=true",): ("hydra.job.chdir=true", "leave it out"),
    ("data=null",): ("a number or null", "arm=both"),
    ("++data.root=/no/viton",): ("data.root=/no/viton", "no such folder", "data=synthetic"),
    ("experiment=mine", "--config-dir=own", "gmm.steps=4"): ("no/viton", "no such folder"),
    ("experiment=mine", "--config-dir", "own", "gmm.steps=4"): ("no/viton", "no such folder"),
    ("data.augment=strong",): ("data.augment=strong", "data/augment=strong chooses"),
    ("data.resident=true", "data.cache=cache", "data/augment=strong"): (
        "data.augment.geometry", "data.resident", "data/augment=flip",
    ),
}  # fmt: skip


if not torch.cuda.is_available():
    WRONG["trainer=gpu",] = ("trainer.accelerator=gpu", "no CUDA GPU", "trainer=cpu")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    mine = tmp_path / "own" / "experiment" / "mine.yaml"
    mine.write_text("# @package _global_\ndata: {root: no/viton}\n")


@pytest.mark.parametrize(("overrides", "said"), WRONG.items(), ids=lambda v: " ".join(v))
def test_a_wrong_value_is_one_line_before_anything_is_trained(overrides, said, capfd, tmp_path):
    outcome = vton_aux(capfd, "train", *overrides, f"hydra.run.dir={tmp_path}/run")
    assert outcome.status == 2
    errors = [line for line in outcome.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "Traceback" not in outcome.err
    for words in said:
        assert words in errors[0]
    assert not (tmp_path / "runs" / "stages").exists()
    assert not (tmp_path / "run" / "summary.json").exists()


def test_all_failed_jobs_of_a_sweep_are_named(capfd, tmp_path):
    outcome = vton_aux(
        capfd, "train", "-m", "labels=atr,lip", "data=viton", "data.root=/no/such",
        f"hydra.sweep.dir={tmp_path}/sweep",
    )  # fmt: skip
    assert outcome.status == 2
    assert "labels=atr: choose" in outcome.err
    assert "/no/such" in outcome.err
    assert "2 of the sweep's jobs failed" in outcome.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "groups"),
    [
        ("train", "representation data trainer speed wandb arm experiment gmm tom data/augment"),
        ("evaluate", "data wandb"),
        ("tryon", ""),
        ("export", ""),
    ],
)
def test_help_tells_the_keys_and_groups_that_the_command_takes(command, groups, capfd):
    outcome = vton_aux(capfd, command, "--help")
    assert outcome.status == 0
    keys, _, chosen = outcome.out.partition("groups, ")
    register()
    with initialize_config_dir(config_folder(), version_base="1.3"):
        config = compose(command)
    own = {str(key) for key in config} - {*groups.split()}
    assert {line.split(":")[0].strip() for line in keys.splitlines() if line[:2] == "  "} == own
    lines = [line.strip().split("=") for line in chosen.splitlines() if line[:2] == "  "]
    assert [name for name, _ in lines] == groups.split()
    for name, choices in lines:
        assert len(list(Path(config_folder(), name).glob("*.yaml"))) == len(choices.split("|"))


def test_help_lists_the_commands(capfd):
    outcome = vton_aux(capfd, "--help")
    assert outcome.status == 0
    data = ("data check", "data pack", "data synthesize")
    for command in ("train", "evaluate", "tryon", "export", *data, "bench run", "demo"):
        assert command in outcome.out


def test_an_unknown_command_is_told(capfd):
    assert vton_aux(capfd, "trian").err == "error: unknown command trian; see vton-aux --help\n"

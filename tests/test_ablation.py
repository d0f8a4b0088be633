"""`vton-aux ablation`: what is wrong with its arguments is told before anything is trained."""

import os
import signal

import pytest

from command_line import vton_aux
from vton_aux import ablation
from vton_aux.errors import UserError

WRONG = {
    ("--arms", "baseline,bothh"): ("--arms baseline,bothh", "no bothh", "tom_only"),
    ("--seeds", "0,1", "seed=5"): ("seed=", "--seeds"),
    ("--arms", "both", "++arm=baseline"): ("++arm=baseline", "--arms"),
    ("--arms", "both", "arm.gmm_aux=true"): ("arm.gmm_aux=true", "--arms"),
    ("--folder", "here", "stage=gmm"): ("stage=gmm", "both stages"),
    ("--folder", "here", "hydra.run.dir=there"): ("hydra.run.dir=there", "--folder"),
    ("--seeds", "0,one"): ("--seeds 0,one", "whole numbers"),
    ("--features", "nothing:at_all"): ("features=nothing:at_all",),
    ("--folder", "/dev/null/x"): ("/dev/null/x", "cannot be written"),
}


@pytest.mark.parametrize(("arguments", "told"), WRONG.items(), ids=lambda value: value[0])
def test_wrong_arguments_are_told_first(arguments, told, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = vton_aux(capfd, "ablation", *arguments)
    assert outcome.status == 2
    (error,) = [line for line in outcome.err.splitlines() if line.startswith("error:")]
    assert all(words in error for words in told)
    assert "$ vton-aux" not in outcome.out


def test_its_commands_are_those_that_a_person_types(tmp_path, monkeypatch):
    commands = []

    def pretend(command, quiet):
        commands.append(command[3:])
        if command[3] == "train":
            (folder,) = [a for a in command if a.startswith("hydra.run.dir=")]
            path = tmp_path / folder.partition("=")[2].strip("'")
            path.mkdir(parents=True)
        elif command[3] == "evaluate":
            pairing = next(a for a in command if a.startswith("pairing=")).partition("=")[2]
            for age, name in ((9, "old"), (0, "new")):
                folder = tmp_path / "the runs/both_seed1/evaluations" / f"test_{pairing}-{name}"
                folder.mkdir(parents=True)
                (folder / "summary.json").write_text("")
                os.utime(folder / "summary.json", (1e9 - age, 1e9 - age))
        elif command[3] == "table":
            (tmp_path / "the runs" / "table1.md").write_text("table")
        return [0]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ablation, "run", pretend)
    arguments = ("--arms", "both,both", "--seeds", "1, 1", "--folder", "the runs")
    dashboard = ["wandb=on", "wandb.project=mine"]
    ablation.main([*arguments, "data=viton", *dashboard])
    checkpoint = "checkpoint='the runs/both_seed1/tom.ckpt'"
    more = ["batch_size=16", *dashboard]
    assert commands[:3] == [
        [
            "train",
            "arm=both",
            "seed=1",
            "hydra.run.dir='the runs/both_seed1'",
            "data=viton",
            *dashboard,
        ],
        ["evaluate", checkpoint, "pairing=paired", *more],
        ["evaluate", checkpoint, "pairing=unpaired", *more],
    ]
    made = [f"the runs/both_seed1/evaluations/test_{p}-new" for p in ("paired", "unpaired")]
    assert [command[:3] for command in commands[3:]] == [
        ["table", *made], ["report", *made], ["figures", *made],
    ]  # fmt: skip


def test_arms_of_ones_own_are_found_where_the_config_dir_has_them(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(ablation, "run", lambda command, quiet: [commands.append(command[3:]) or 2])
    (tmp_path / "mine" / "arm").mkdir(parents=True)
    (tmp_path / "mine" / "arm" / "edges.yaml").write_text("gmm_aux: true\ntom_aux: true\n")
    given = ["--arms", "edges", "--folder", str(tmp_path / "runs")]
    with pytest.raises(UserError, match="no edges arm"):
        ablation.main(given)
    with pytest.raises(UserError, match="ended with status 2"):
        ablation.main([*given, "--config-dir", str(tmp_path / "mine")])
    assert commands[0][:4] == ["train", "--config-dir", str(tmp_path / "mine"), "arm=edges"]


@pytest.mark.parametrize("status", [130, -signal.SIGTERM])
def test_where_a_command_alone_is_stopped_nothing_is_to_be_mended(
    tmp_path, monkeypatch, capfd, status
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ablation, "run", lambda command, quiet: [status])
    outcome = vton_aux(capfd, "ablation")
    assert outcome.status == 130
    assert outcome.out.count("$ vton-aux") == 1
    assert outcome.err == "error: interrupted; the same command goes on\n"


def test_where_a_command_fails_nothing_follows(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ablation, "run", lambda command, quiet: [2])
    outcome = vton_aux(capfd, "ablation")
    assert outcome.status == 2
    assert outcome.out.count("$ vton-aux") == 1
    assert "vton-aux train ended with status 2" in outcome.err

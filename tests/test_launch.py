"""Several processes of one launch train together: the first leads, the others follow."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
import torch

from tiny import TINY
from vton_aux.config import TrainerConfig
from vton_aux.errors import UserError
from vton_aux.files import write_json
from vton_aux.fit import Job
from vton_aux.launch import environment, follow, launch, leads, processes
from waiting import wait_until

OURS, OTHERS = ({"SLURM_JOB_ID": "7", "SLURM_STEP_ID": step} for step in ("1", "0"))


def name_of(environment):
    return " ".join(f"{name}={value}" for name, value in environment.items())


@pytest.fixture
def second(monkeypatch):
    """This process as the second of a launch by srun."""
    for name in [name for name in os.environ if name.startswith(("SLURM_", "TORCHELASTIC_"))]:
        monkeypatch.delenv(name)
    for name, value in {**OURS, "SLURM_PROCID": "1"}.items():
        monkeypatch.setenv(name, value)


JOB = Job("gmm", {"steps": 5}, {}, {"size": [128, 96]}, {"devices": 2}, launch=name_of(OURS))


@pytest.fixture
def looks(monkeypatch):
    monkeypatch.setattr("vton_aux.launch._BETWEEN_LOOKS", 0.01)


def following(folder):
    own = replace(JOB, wandb={"group": "another second's folder"})
    thread = threading.Thread(target=follow, args=(folder, own), daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("launcher", ["srun", "torchrun", "torchrun in a job of SLURM's"])
def test_the_first_process_leads(launcher, monkeypatch):
    for name in ("SLURM_PROCID", "RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    assert leads()
    if launcher != "srun":
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a")
    if "SLURM" in launcher:
        monkeypatch.setenv("SLURM_PROCID", "0")  # of the whole torchrun
    for rank in range(3):
        monkeypatch.setenv("SLURM_PROCID" if launcher == "srun" else "RANK", str(rank))
        assert leads() == (rank == 0)


def test_a_requeued_job_is_another_launch(second, monkeypatch):
    assert launch() == name_of(OURS)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert launch() != name_of(OURS)


def test_torchruns_processes_share_a_launch(monkeypatch):
    monkeypatch.delenv("SLURM_PROCID", raising=False)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a")
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert launch() == "TORCHELASTIC_RUN_ID=a MASTER_PORT=29500"


def test_each_process_of_torchruns_has_a_store_of_its_own_stage(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert environment() == {}
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a")
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert environment() == {"TORCHELASTIC_USE_AGENT_STORE": "False", "MASTER_PORT": "29501"}


@pytest.mark.parametrize(
    ("devices", "nodes", "count"),
    [
        (1, 1, 1),
        (4, 2, 8),
        ([0, 2], 1, 2),
        ("0,1,3", 1, 3),
        ("2", 1, 2),
        (-1, 2, 12),
        ("auto", 1, 6),
    ],
)  # fmt: skip
def test_processes_are_counted_and_not_named(devices, nodes, count, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 6)
    trainer = TrainerConfig(devices=devices, num_nodes=nodes, accelerator="gpu")
    assert processes(trainer) == count


def test_devices_that_are_no_number_are_told():
    with pytest.raises(UserError, match=r"trainer\.devices=abc: give a number"):
        processes(TrainerConfig(devices="abc"))
    assert processes(TrainerConfig(devices="auto", accelerator="cpu")) == 1


@pytest.mark.usefixtures("second", "looks")
def test_the_others_wait_for_the_first_and_not_for_an_earlier_launch(tmp_path, capfd):
    thread = following(tmp_path)
    for stale in (None, replace(JOB, launch=name_of(OTHERS)), replace(JOB, log_every=7)):
        if stale is not None:
            stale.write(tmp_path)
        time.sleep(0.1)
        assert thread.is_alive()
    JOB.write(tmp_path)
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert capfd.readouterr().err.count("waiting for the first process") == 1


@pytest.mark.usefixtures("second", "looks")
def test_what_another_launch_has_finished_is_not_waited_for(tmp_path):
    replace(JOB, launch=name_of(OTHERS)).write(tmp_path)
    write_json(tmp_path / "summary.json", {"stage": "gmm", "validation": {}})
    (tmp_path / "model.ckpt").touch()
    thread = following(tmp_path)
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.mark.slow
def test_under_srun_the_processes_train_both_stages_whichever_starts_first(root, tmp_path):
    slurm = {
        **OURS, "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1", "SLURM_NODEID": "0", "SLURM_NODELIST": "localhost",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [
        sys.executable, "-m", "vton_aux", "train", "arm=both", *TINY, f"data.root={root}",
        f"store={tmp_path / 'store'}", "trainer=ddp", "trainer.accelerator=cpu",
        "trainer.devices=2",
    ]  # fmt: skip

    def start(rank):
        environment = {**os.environ, **slurm, "SLURM_PROCID": rank, "SLURM_LOCALID": rank}
        return subprocess.Popen(
            command, env=environment, cwd=tmp_path, stderr=(tmp_path / rank).open("w")
        )

    second = start("1")
    try:
        wait_until(lambda: "waiting for the first" in (tmp_path / "1").read_text())
        first = start("0")
        assert first.wait(timeout=120) == 0, (tmp_path / "0").read_text()
        assert second.wait(timeout=60) == 0, (tmp_path / "1").read_text()
    finally:
        second.kill()
    (run,) = (tmp_path / "runs").iterdir()  # the second process leaves none
    assert (run / "tom.ckpt").is_file()
    assert json.loads((run / "summary.json").read_text())["arm"] == "both"
    jobs = [json.loads(path.read_text()) for path in tmp_path.glob("store/*/job.json")]
    assert [job["launch"] for job in jobs] == [name_of(OURS)] * 2

"""The processes that srun or torchrun started for one command: the first leads, the others follow.

The first one alone writes; a stage's job.json tells the others that they are meant (`launch`).
"""

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from vton_aux.config import TrainerConfig
from vton_aux.errors import UserError
from vton_aux.fit import Job
from vton_aux.store import finished

_SLURM = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
_BETWEEN_LOOKS = 0.5  # seconds
_TORCHRUN = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT")


def leads() -> bool:
    """Whether this is the first of the processes, or the only one."""
    rank = "RANK" if _by_torchrun() else "SLURM_PROCID"
    return int(os.environ.get(rank, "0")) == 0


def launch() -> str:
    """What the processes of one launch have in common."""
    names = _TORCHRUN if _by_torchrun() else _SLURM
    return " ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ)


def _by_torchrun() -> bool:
    """It may itself run within a job of SLURM's, as Lightning sees it too."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def processes(trainer: TrainerConfig) -> int:
    """How many processes train: a step's batches are one of each."""
    devices = trainer.devices
    if isinstance(devices, str) and "," in devices:
        devices = [device for device in devices.split(",") if device]
    if isinstance(devices, list):
        return len(devices) * trainer.num_nodes
    if devices in ("auto", "-1", -1):
        cpu = trainer.accelerator == "cpu"
        devices = 1 if cpu else max(1, torch.cuda.device_count())
    try:
        return int(devices) * trainer.num_nodes
    except (TypeError, ValueError):
        raise UserError(
            f"trainer.devices={devices}: give a number, a list of GPUs, -1 or auto"
        ) from None


def environment() -> dict[str, str]:
    """What a stage's process has other than this one.

    torchrun keeps one store for all that its processes run, where a second stage would read the
    addresses of the first; so each makes its own, beside it.
    """
    if not _by_torchrun():
        return {}
    port = str(int(os.environ["MASTER_PORT"]) + 1)
    return {"TORCHELASTIC_USE_AGENT_STORE": "False", "MASTER_PORT": port}


def follow(folder: Path, job: Job) -> None:
    """Wait until the first process trains the stage of `folder`, or has found it finished.

    Args:
        job: as this process would write it; W&B's run is the first one's matter.
    """
    wanted = json.loads(json.dumps({**asdict(job), "wandb": None}))
    told = False
    while not finished(folder) and _job_of(folder) != wanted:
        if not told:
            print(f"{folder}: waiting for the first process", file=sys.stderr, flush=True)
            told = True
        time.sleep(_BETWEEN_LOOKS)


def _job_of(folder: Path) -> dict[str, Any] | None:
    path = folder / "job.json"
    return {**json.loads(path.read_text()), "wandb": None} if path.is_file() else None

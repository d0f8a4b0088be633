"""The processes that srun or torchrun started for one command: the first leads, the others follow.

The first one alone writes; a stage's job.json tells the others that they are meant (`launch`).
"""

import json
import os
import sys
import time
from pathlib import Path

from vton_aux.store import finished

_SLURM = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
_TORCHRUN = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT")


def leads() -> bool:
    """Whether this is the first of the processes, or the only one."""
    return int(os.environ.get("SLURM_PROCID", os.environ.get("RANK", "0"))) == 0


def launch() -> str:
    """What the processes of one launch have in common, and those of another have not."""
    names = _SLURM if "SLURM_PROCID" in os.environ else _TORCHRUN
    return " ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ)


def follow(folder: Path, every: float = 0.5) -> None:
    """Wait until the first process trains the stage of `folder`, or has found it finished.

    Args:
        every: seconds from one look to the next.
    """
    told = False
    while not finished(folder) and _launch_of(folder) != launch():
        if not told:
            print(f"{folder}: waiting for the first process", file=sys.stderr, flush=True)
            told = True
        time.sleep(every)


def _launch_of(folder: Path) -> str | None:
    path = folder / "job.json"
    if not path.is_file():
        return None
    launch: str | None = json.loads(path.read_text()).get("launch")
    return launch

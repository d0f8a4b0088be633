"""W&B runs: one a stage, one an evaluation, in the group of their run folder.

They are offline unless the person is logged in.
"""

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import wandb
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from vton_aux.config import TrainConfig, WandbConfig
from vton_aux.errors import UserError, one_line
from vton_aux.evaluation.gallery import figures, picture_of
from vton_aux.evaluation.known_scores import SCORES
from vton_aux.evaluation.runs import Evaluation
from vton_aux.overrides import of_keys

PEOPLE = 6  # on a sheet of an evaluation
LONGEST_NAME = 128  # that W&B takes for a run


def stage_run(config: TrainConfig, stage: str, arm: str, key: str, run: Path) -> dict[str, Any]:
    """Arguments of Lightning's `WandbLogger` for a stage.

    Args:
        config: with `wandb`.
        key: of the stage, see `files.key_of`.
        run: the run folder.

    Raises:
        UserError: see `logged_in`.
    """
    assert config.wandb is not None
    return {
        **_common(config.wandb, run, arm),
        "name": " ".join([stage, arm, f"seed{config.seed}", *_swept(stage)])[:LONGEST_NAME],
        "job_type": stage,
        "id": f"{stage}-{key}",
        "offline": not logged_in(config.wandb),
        "config": {**asdict(config), "arm_name": arm},
    }


def _swept(stage: str) -> list[str]:
    """In a sweep, the overrides of what the stage learns with that the command sweeps."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return []
    of = ["gmm.", "gmm=", "labels=", "representation", "data/augment", "data.augment"]
    of += ["tom.", "tom="] if stage == "tom" else []
    words = of_keys(HydraConfig.get().overrides.task, *of)
    command = OverridesParser.create().parse_overrides([a for a in sys.argv if "=" in a])
    swept = [f"{each.key_or_group}=" for each in command if each.is_sweep_override()]
    return of_keys(words, *swept) if swept else words  # a job on SLURM does not see the command


def log_evaluation(config: WandbConfig, evaluation: Evaluation) -> None:
    """The scores of each protocol, `PROTOCOL PAIRING/SCORE`, and two sheets of people.

    The same evaluation again is the same run.

    Raises:
        UserError: W&B allows no such name or takes no run; the evaluation's folder has it all.
    """
    summary, system = evaluation.summary, evaluation.summary["system"]
    checkpoint, seed = system.get("checkpoint"), system.get("seed")
    run_folder = Path(checkpoint).parent if checkpoint else None
    words = (evaluation.pairing, summary["split"], evaluation.name)
    try:
        run = wandb.init(
            **_common(config, run_folder, evaluation.name),
            name=" ".join([*words, *([] if seed is None else [f"seed{seed}"])]),
            job_type="evaluate",
            id=f"evaluate-{_key(evaluation)}",
            resume="allow",
            dir=evaluation.path,
            mode="online" if logged_in(config) else "offline",
            config={key: value for key, value in summary.items() if key != "protocols"},
        )
        with run:
            run.log(_scores(summary) | _sheets(evaluation))
    except wandb.Error as error:
        raise UserError(f"wandb: {one_line(error)}; the scores lie in {evaluation.path}") from None


def logged_in(config: WandbConfig) -> bool:
    """Whether runs go to W&B at once; else they are offline.

    Raises:
        UserError: W&B allows no such name, refuses the key or cannot be reached.
    """
    try:
        wandb.Settings(project=config.project, run_group=config.group, run_tags=tuple(config.tags))
        return bool(wandb.login(prompt=False))
    except (wandb.Error, ValueError) as error:
        said = str(error).partition("Value error, ")[2].partition(" [type=")[0] or one_line(error)
        raise UserError(f"wandb: {said} (WANDB_MODE=offline asks nobody)") from None


def _common(config: WandbConfig, run: Path | None, name: str) -> dict[str, Any]:
    """What runs of stages and evaluations share; runs of one folder, or one name, are a group."""
    group = name if run is None else f"{run.parent.name}/{run.name}"
    return {
        "project": config.project,
        "entity": config.entity,
        "group": config.group or group,
        "tags": list(config.tags),
    }


def _key(evaluation: Evaluation) -> str:
    """12 hex digits of what was evaluated, under which name, and of what came out."""
    files = [(evaluation.path / name).read_bytes() for name in ("inputs.json", "scores.csv")]
    return hashlib.blake2b(b"".join([*files, evaluation.name.encode()]), digest_size=6).hexdigest()


def _scores(summary: dict[str, Any]) -> dict[str, float]:
    return {
        f"{protocol} {summary['pairing']}/{name}": value
        for protocol, found in summary["protocols"].items()
        for name, value in {**found, **found["means"]}.items()
        if name in SCORES and value is not None
    }


def _sheets(evaluation: Evaluation) -> dict[str, wandb.Image]:
    """What Figures 2 and 3 show, of this system alone."""
    warps, tryons = figures({evaluation.name: evaluation}, PEOPLE)
    sheets = {"try-ons": tryons, **({} if warps is None else {"warps": warps})}
    return {name: wandb.Image(picture_of(sheet)) for name, sheet in sheets.items()}

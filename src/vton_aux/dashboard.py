"""W&B runs: one a stage, one an evaluation, in the group of their run folder.

They are offline unless the person is logged in.
"""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import wandb

from vton_aux.config import TrainConfig, WandbConfig
from vton_aux.errors import UserError, one_line
from vton_aux.evaluation.gallery import figures, picture_of
from vton_aux.evaluation.known_scores import SCORES
from vton_aux.evaluation.runs import Evaluation

PEOPLE = 6  # on a sheet of an evaluation


def stage_run(config: TrainConfig, stage: str, arm: str, key: str, run: Path) -> dict[str, Any]:
    """Arguments of Lightning's `WandbLogger` for a stage.

    Args:
        config: with `wandb`.
        key: of the stage, see `store.stage_key`.
        run: the run folder.

    Raises:
        UserError: W&B allows no such name.
    """
    assert config.wandb is not None
    return {
        **_common(config.wandb, run.name),
        "name": f"{stage} {arm} seed{config.seed}",
        "job_type": stage,
        "id": f"{stage}-{key}",
        "offline": not _logged_in(),
        "config": asdict(config),
    }


def log_evaluation(config: WandbConfig, evaluation: Evaluation) -> None:
    """The scores of each protocol, `PROTOCOL PAIRING/SCORE`, and two sheets of people.

    The same evaluation again is the same run.

    Raises:
        UserError: W&B allows no such name or takes no run; the evaluation's folder has it all.
    """
    summary, system = evaluation.summary, evaluation.summary["system"]
    checkpoint, seed = system.get("checkpoint"), system.get("seed")
    group = Path(checkpoint).parent.name if checkpoint else evaluation.name
    inputs = (evaluation.path / "inputs.json").read_bytes()
    words = (evaluation.pairing, summary["split"], evaluation.name)
    try:
        run = wandb.init(
            **_common(config, group),
            name=" ".join([*words, *([] if seed is None else [f"seed{seed}"])]),
            job_type="evaluate",
            id=f"evaluate-{hashlib.blake2b(inputs, digest_size=6).hexdigest()}",
            resume="allow",
            dir=evaluation.path,
            mode="online" if _logged_in() else "offline",
            config={key: value for key, value in summary.items() if key != "protocols"},
        )
        with run:
            run.log(_scores(summary) | _sheets(evaluation))
    except wandb.Error as error:
        raise UserError(f"wandb: {one_line(error)}; the scores lie in {evaluation.path}") from None


def check_names(config: WandbConfig) -> None:
    """Check what W&B would refuse when a run begins.

    Raises:
        UserError: it allows no such name.
    """
    try:
        wandb.Settings(project=config.project, run_group=config.group, run_tags=tuple(config.tags))
    except (wandb.Error, ValueError) as error:
        said = str(error).partition("Value error, ")[2].partition(" [type=")[0] or one_line(error)
        raise UserError(f"wandb: {said}; choose other names") from None


def _common(config: WandbConfig, group: str) -> dict[str, Any]:
    check_names(config)
    return {
        "project": config.project,
        "entity": config.entity,
        "group": config.group or group,
        "tags": list(config.tags),
    }


def _logged_in() -> bool:
    return bool(wandb.login(prompt=False))


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

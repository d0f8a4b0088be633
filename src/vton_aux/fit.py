"""Train one stage in a process of its own: `python -m vton_aux.fit FOLDER`.

FOLDER/job.json says what to train; all that comes of it lands in FOLDER:

    last.ckpt     weights and optimiser while training runs; the same command goes on from it
    best.ckpt     weights with the best validation score
    model.ckpt    the result (weights and settings)
    metrics.csv   the curve
    pictures/     fixed validation samples
    summary.json  final validation scores; written last: it says that the stage is finished

A process of its own, because Lightning's DDP starts further processes by running the same command
line again; with Hydra's they would run a whole sweep.
"""

import json
import logging
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, LearningRateMonitor
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from vton_aux import children
from vton_aux.callbacks.best import BestCheckpoint
from vton_aux.callbacks.diverged import Diverged
from vton_aux.callbacks.last import LastCheckpoint
from vton_aux.callbacks.loss_log import LossLog
from vton_aux.callbacks.pictures import ValidationPictures
from vton_aux.callbacks.progress import StepProgress
from vton_aux.callbacks.stop_together import StopTogether
from vton_aux.data.augment import build_transforms
from vton_aux.data.datamodule import VITONDataModule
from vton_aux.device import FULL, warn_of_slowness
from vton_aux.errors import UserError, one_line
from vton_aux.files import whole, write_json
from vton_aux.stages.base import Stage
from vton_aux.stages.checkpoint import WholeCheckpoints, read_checkpoint
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.speed import Speed
from vton_aux.stages.tom import TOMStage
from vton_aux.version import STAGE, code_version

LAST = "last.ckpt"
TOLD = "error_told"  # by a process of several, at whose end Lightning kills the others


@dataclass
class Job:
    """What to train, as plain values.

    Attributes:
        stage: "gmm" or "tom".
        settings: of the stage.
        context: of the stage.
        data: arguments of `VITONDataModule`; `augment` as lists of transform specifications.
        trainer: arguments of `pytorch_lightning.Trainer`.
        speed: fields of `Speed`.
        wandb: arguments of `WandbLogger`, or None.
        seed: of weights and order.
        gmm: the GMM's model.ckpt (TOM only).
        pictures: number of validation samples to draw.
        val_every, checkpoint_every, log_every: in steps.
        launch: of the processes that srun or torchrun started, see `launch`.
    """

    stage: Literal["gmm", "tom"]
    settings: dict[str, Any]
    context: dict[str, Any]
    data: dict[str, Any]
    trainer: dict[str, Any]
    speed: dict[str, Any] = field(default_factory=dict)
    wandb: dict[str, Any] | None = None
    seed: int = 0
    gmm: str | None = None
    pictures: int = 4
    val_every: int = 5000
    checkpoint_every: int = 1000
    log_every: int = 50
    launch: str = ""

    def write(self, folder: Path) -> None:
        """Write FOLDER/job.json."""
        write_json(folder / "job.json", asdict(self))


def fit(folder: Path) -> dict[str, Any]:
    """Train, or go on training, the stage of `folder`; return its summary.

    Raises:
        UserError: the data, the GMM's checkpoint or a weight file is missing or wrong, or the
            trainer's arguments do not fit this machine.
    """
    job = Job(**json.loads((folder / "job.json").read_text()))
    if job.context["provenance"].get("code") not in (None, code_version(*STAGE)):
        raise UserError("the code has changed since; the same command trains with what it is now")
    pl.seed_everything(job.seed, verbose=False)
    data = VITONDataModule(**{**job.data, "augment": build_transforms(job.data.get("augment"))})
    stage = _build(job)
    stage.quicken(Speed(**job.speed))
    last = folder / LAST
    resumed = last if last.is_file() else None
    data.steps = stage.settings.steps
    data.start_step = _steps_done(last) if resumed else 0
    trainer = build_trainer(job, stage, folder)
    if trainer.is_global_zero:
        mode = stage.speed.compile
        warn_of_slowness(
            trainer.strategy.root_device,
            job.trainer.get("precision", FULL),
            None if mode is None else f"speed.compile={mode}",
        )
    started = time.perf_counter()
    trainer.fit(stage, data, ckpt_path=resumed, weights_only=True)
    seconds = time.perf_counter() - started
    scores = trainer.validate(stage, data, verbose=False)[0]
    if stage.settings.select == "best" and _was_better(trainer, stage, scores):
        stage.load_state_dict(read_checkpoint(folder / "best.ckpt")["state_dict"])
        scores = trainer.validate(stage, data, verbose=False)[0]
    trainer.save_checkpoint(folder / "model.ckpt", weights_only=True)
    summary = {
        "stage": job.stage,
        "steps": stage.settings.steps,
        "seconds": round(seconds, 1),
        "resumed_at_step": data.start_step,
        "validation_images": len(data.val_dataset()),
        "validation": {key.removeprefix("val/"): value for key, value in scores.items()},
        # NaN is no JSON: a class that neither parse nor prediction holds has no IoU
        "class_iou": {k: None if v != v else v for k, v in stage.class_iou.items()} or None,
        "select": stage.settings.select,
        **job.context["provenance"],
    }
    if trainer.is_global_zero:
        merge_curves(folder)
        write_json(folder / "summary.json", summary)
        last.unlink(missing_ok=True)
    trainer.strategy.barrier()
    return summary


def _was_better(trainer: pl.Trainer, stage: Stage, last: Mapping[str, float]) -> bool:
    """Whether the best score while training is better than that of the last step."""
    (kept,) = (c for c in trainer.checkpoint_callbacks if isinstance(c, BestCheckpoint))
    name, mode = stage.best
    best = float(kept.best_model_score)  # type: ignore[arg-type]
    return best > last[name] if mode == "max" else best < last[name]


def build_trainer(job: Job, stage: Stage, folder: Path, *beside: Callback) -> pl.Trainer:
    """The trainer of `job` with all that it does beside the steps, and `beside` behind that.

    Raises:
        UserError: the trainer's arguments do not fit this machine.
    """
    name = f"{job.stage} {job.context['provenance'].get('arm', '')}".strip()
    val_every = min(job.val_every, stage.settings.steps)
    log_every = min(job.log_every, stage.settings.steps)
    callbacks: list[Callback] = [
        LossLog(),
        Diverged(log_every, job.checkpoint_every, val_every),
        StopTogether(log_every),  # where the loss is read anyway
        BestCheckpoint(
            folder, filename="best", monitor=stage.best[0], mode=stage.best[1],
            save_weights_only=True, enable_version_counter=False,
        ),
        # behind the best, whose state it holds
        LastCheckpoint(folder / LAST, job.checkpoint_every),
        StepProgress(name, stage.best[0]),
        LearningRateMonitor("step"),
        ValidationPictures(folder / "pictures", job.pictures),
        *beside,
    ]  # fmt: skip
    try:
        return pl.Trainer(
            **job.trainer,
            max_steps=stage.settings.steps,
            max_epochs=-1,
            val_check_interval=val_every,
            check_val_every_n_epoch=None,
            log_every_n_steps=log_every,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            callbacks=callbacks,
            plugins=[WholeCheckpoints()],
            logger=_loggers(folder, job),
            enable_model_summary=False,
            default_root_dir=folder,
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise UserError(f"trainer: {error}") from None


def merge_curves(folder: Path) -> None:
    """One metrics.csv from the log of each attempt; later attempts replace what they did again.

    Steps count from 0; the validation after the last one stands at their number.
    """
    parts = [_curve(path) for path in sorted(folder.glob("log/*/metrics.csv"))]
    parts = [part for part in parts if len(part)]
    kept = []
    for number, part in enumerate(parts):
        starts = [int(later["step"].min()) for later in parts[number + 1 :]]
        kept.append(part[part["step"] < min(starts)] if starts else part)
    curve = pd.concat(kept).groupby("step", as_index=False).first().drop(columns="epoch")
    with whole(folder / "metrics.csv") as written:
        curve.to_csv(written, index=False)


def _curve(path: Path) -> pd.DataFrame:
    """What one attempt logged; nothing where it was killed before its first line was whole."""
    try:
        return pd.read_csv(path)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def _steps_done(last: Path) -> int:
    try:
        return int(read_checkpoint(last)["global_step"])
    except UserError as error:
        raise UserError(f"{error}; without that file the training begins again") from None


def _build(job: Job) -> Stage:
    if job.stage == "gmm":
        return GMMStage(job.settings, job.context)
    if job.gmm is None:
        raise UserError("job.json: TOM needs the path of a GMM checkpoint in `gmm`")
    try:
        return TOMStage.on_gmm(job.settings, job.context, read_checkpoint(Path(job.gmm)))
    except (RuntimeError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{job.gmm}: fits no GMM of this version: {reason}") from None


def _loggers(folder: Path, job: Job) -> list[Logger]:
    # one log an attempt: CSVLogger would delete the curve of the attempt before
    attempt = len(list(folder.glob("log/*/metrics.csv")))
    csv = CSVLogger(folder, name="log", version=f"{attempt:03d}", flush_logs_every_n_steps=10)
    if job.wandb is None:
        return [csv]
    import wandb

    logger = WandbLogger(**job.wandb, save_dir=folder, resume="allow")
    try:
        _ = logger.experiment  # begins the run
    except wandb.Error as error:
        raise UserError(f"wandb: {one_line(error)}; wandb=null trains without") from None
    return [csv, logger]


def _quiet() -> None:
    """Leave the progress bar and the errors of this package on the screen."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    # the stream of samples goes on by itself, see `StepSampler`
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    # CUDA graphs are recorded on a stream of their own
    warnings.filterwarnings("ignore", message=".*AccumulateGrad node's stream.*")
    # the frozen GMM
    warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")


def main() -> None:
    """Entry point of the process; exit status 2 after an error that the user can mend.

    After a SIGTERM or Ctrl-C the step is done (of several processes, up to `log_every` steps),
    last.ckpt written and the status `children.STOPPED`.
    """
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m vton_aux.fit FOLDER")
    status, process = 1, os.getpid()

    def stop(*_: Any) -> None:
        # loader processes and other ranks end with the first one, see `StopTogether`
        if os.getpid() == process and os.environ.get("LOCAL_RANK", "0") == "0":
            os.kill(process, signal.SIGTERM)

    signal.signal(signal.SIGINT, stop)
    children.end_with_parent()
    _quiet()
    try:
        torch.set_float32_matmul_precision("high")
        fit(Path(sys.argv[1]))
        status = 0
    except (UserError, OSError) as error:
        status = 2
        print(f"error: {one_line(error)}", file=sys.stderr)
        Path(sys.argv[1], TOLD).touch()
    except SIGTERMException:
        status = children.STOPPED
    finally:
        if "wandb" in sys.modules:
            sys.modules["wandb"].finish(exit_code=status)
        # loader processes that an error left: they outlive a SIGTERM and would be waited for
        for child in multiprocessing.active_children():
            child.kill()
    sys.exit(status)


if __name__ == "__main__":
    main()

"""Training steps as `vton-aux train` makes them, with Lightning's loop and our callbacks around."""

import tempfile
import threading
import warnings
from itertools import repeat
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger

from vton_aux.bench.case import Work, precision_of
from vton_aux.bench.inputs import build_stage, random_batch
from vton_aux.bench.steps import AHEAD
from vton_aux.fit import callbacks_of
from vton_aux.stages.speed import Speed

_NEVER = 10**9  # steps
_LOG, _CHECKPOINT = 50, 1000  # the defaults of `vton-aux train`


class _OneByOne(Callback):
    """Lets a training in another thread make a step when it is asked for, and tells when it has."""

    def __init__(self) -> None:
        self.asked, self.made = threading.Semaphore(0), threading.Semaphore(0)
        self.error: BaseException | None = None

    def on_train_batch_start(self, *_: Any) -> None:
        self.asked.acquire()

    def on_train_batch_end(self, *_: Any) -> None:
        self.made.release()

    def step(self) -> None:
        self.asked.release()
        self.made.acquire()
        if self.error is not None:
            raise self.error


def fit(
    device: torch.device,
    stage: str,
    vgg: bool = False,
    bf16: bool = False,
    batch: int = 4,
    speed: dict[str, Any] | None = None,
) -> Work:
    """A step from the uint8 batch in `pl.Trainer`, logging and checkpoints included."""
    module = build_stage(stage, False, vgg, (256, 192), Speed(**(speed or {})))
    folder = tempfile.TemporaryDirectory()
    place, turns = Path(folder.name), _OneByOne()
    callbacks = callbacks_of(module, place, stage, _LOG, _NEVER, _CHECKPOINT, pictures=0)
    trainer = pl.Trainer(
        accelerator="gpu" if device.type == "cuda" else device.type,
        devices=[device.index or 0] if device.type == "cuda" else 1,
        precision=precision_of(bf16),  # type: ignore[arg-type]
        benchmark=torch.backends.cudnn.benchmark,
        max_steps=-1,
        max_epochs=-1,
        limit_val_batches=0,
        val_check_interval=_NEVER,
        check_val_every_n_epoch=None,
        log_every_n_steps=_LOG,
        callbacks=[*callbacks, turns],
        logger=CSVLogger(place),
        enable_model_summary=False,
        default_root_dir=place,
    )
    batches = repeat(random_batch(batch, (256, 192), device))

    def train() -> None:
        try:
            trainer.fit(module, batches)
        except BaseException as error:
            turns.error = error
            turns.made.release()

    warnings.filterwarnings("ignore", module="pytorch_lightning")
    threading.Thread(target=train, daemon=True).start()

    def unit() -> int:
        assert folder  # until the last step
        turns.step()
        return batch

    return Work(unit, ahead=AHEAD)

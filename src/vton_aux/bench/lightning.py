"""Training steps as `vton-aux train` makes them, with Lightning's loop and our callbacks around."""

import tempfile
import threading
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import Callback

from vton_aux.bench.case import Work, precision_of
from vton_aux.bench.inputs import build_stage, random_batch
from vton_aux.bench.steps import AHEAD
from vton_aux.fit import Job, build_trainer
from vton_aux.stages.speed import Speed


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
    """A step from the uint8 batch in the trainer of `vton-aux train`, validations left out."""
    hardware = {
        "accelerator": "gpu" if device.type == "cuda" else device.type,
        "devices": [device.index or 0] if device.type == "cuda" else 1,
        "precision": precision_of(bf16),
        "benchmark": torch.backends.cudnn.benchmark,
        "limit_val_batches": 0,
    }
    job = Job(stage, {}, {"provenance": {}}, {}, hardware)  # type: ignore[arg-type]
    folder, turns = tempfile.TemporaryDirectory(), _OneByOne()

    def train() -> None:
        try:
            # all of it here: where two threads have helpers of OpenMP, those no longer wait awake,
            # which costs a tenth, and a training has one such thread
            module = build_stage(stage, False, vgg, (256, 192), Speed(**(speed or {})))
            trainer = build_trainer(job, module, Path(folder.name), turns)
            trainer.fit(module, repeat(random_batch(batch, (256, 192), device)))
        except BaseException as error:
            turns.error = error
            turns.made.release()

    threading.Thread(target=train, daemon=True).start()

    def unit() -> int:
        assert folder  # until the last step
        turns.step()
        return batch

    return Work(unit, ahead=AHEAD)

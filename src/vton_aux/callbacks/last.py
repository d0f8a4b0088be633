"""The checkpoint from which an interrupted training goes on."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.utilities.exceptions import SIGTERMException

from vton_aux.callbacks.moments import due, training


class LastCheckpoint(Checkpoint):
    """Weights, optimiser and progress, every so many steps, after each validation, at a SIGTERM.

    Never within a step or a validation, nor between a step and its validation: Lightning would
    validate at other steps from then on, or not, and the best weights might be others. What the
    loggers hold is written before.

    Args:
        path: of the file, replaced each time.
        every: steps from one to the next.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Write it where it is time and no validation follows."""
        if due(trainer, self.every):
            self._write(trainer)

    def on_validation_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Write it, within a training."""
        if training(trainer):
            self._write(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Write it where Lightning stops after a SIGTERM: at the end of a step, or of a batch."""
        stopped = isinstance(exception, SIGTERMException)
        if stopped and training(trainer) and not trainer.validating:
            self._write(trainer)

    def _write(self, trainer: pl.Trainer) -> None:
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.path)

"""The loss and its parts go to the loggers at the steps that these write."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from vton_aux.callbacks.moments import logged


class LossLog(Callback):
    """Log what `training_step` returns under train/, every `log_every_n_steps`.

    Logged at each step, of which the loggers drop the rest, it would take the host milliseconds.
    """

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Log at the step that it is: Lightning counts on wrongly after some interruptions."""
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Log, where the loggers write."""
        if logged(trainer):
            for name, value in outputs.items():
                pl_module.log(f"train/{name}", value)

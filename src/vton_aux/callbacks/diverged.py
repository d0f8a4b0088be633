"""A training whose loss is no number any more ends, with a word, before it costs more time."""

import math
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from vton_aux.errors import UserError


class Diverged(Callback):
    """Look at the loss where it is read anyway: at logging, before a checkpoint and a validation.

    Args:
        every: the steps from one look to the next, of each kind.
    """

    def __init__(self, *every: int) -> None:
        self.every = every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """End the training of all processes where one's loss is NaN or infinite.

        Raises:
            UserError: it is.
        """
        step = trainer.global_step
        if all(step % every for every in self.every):
            return
        loss = float(outputs["loss"])
        if trainer.strategy.reduce_boolean_decision(not math.isfinite(loss), all=False):
            raise UserError(
                f"the loss is {loss} at step {step}: the training has diverged; lower lr or the "
                f"weights of the losses, and see {trainer.default_root_dir}/log"
            )

"""The loss and its parts go to the loggers at the steps that these write."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor


class LossLog(Callback):
    """Log what `training_step` returns under train/, every `log_every_n_steps`.

    Logged at each step, of which the loggers drop the rest, it would take the host milliseconds.
    """

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Log, where the loggers write."""
        if trainer.global_step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            parts: Mapping[str, Tensor] = outputs
            for name, value in parts.items():
                pl_module.log(f"train/{name}", value)

"""Where a training stands when a callback is called."""

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn


def training(trainer: pl.Trainer) -> bool:
    """Whether this is a training, its validations among it."""
    return trainer.state.fn == TrainerFn.FITTING


def logged(trainer: pl.Trainer) -> bool:
    """Whether the loggers write the step that has just ended."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return trainer.global_step % every == 0


def due(trainer: pl.Trainer, every: int) -> bool:
    """Whether the step that has just ended is an `every`-th one that no validation follows.

    For a training that validates every so many steps.
    """
    validations = trainer.val_check_batch
    assert validations is not None
    return trainer.global_step % every == 0 and trainer.global_step % validations != 0

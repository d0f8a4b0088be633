"""Where a training stands when a callback is called."""

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn


def training(trainer: pl.Trainer) -> bool:
    """Whether this is a training, its validations among it."""
    return trainer.state.fn == TrainerFn.FITTING


def validation_follows(trainer: pl.Trainer) -> bool:
    """Whether a validation comes behind the step that has just ended, for one every n steps."""
    every = trainer.val_check_batch
    assert every is not None
    return trainer.global_step % every == 0

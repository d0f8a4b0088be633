"""A SIGTERM to one of several processes ends the training in all of them, at the same step."""

import signal
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from vton_aux.callbacks.moments import due, training


class StopTogether(Callback):
    """Note a SIGTERM, and act on it where all processes are at the same place.

    Lightning's handler sends word to the others from within whatever the signal interrupts; where
    that sends too, they wait for each other for ever. A single process keeps that handler, which
    ends a validation early.

    Args:
        every: steps from one question to the next, for each waits until the GPU has answered.
    """

    def __init__(self, every: int) -> None:
        self.every, self.asked = every, False

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Take SIGTERM over from Lightning, which has it back when the training ends."""
        self._listen(trainer)

    def on_validation_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """The same for the validation behind the training, which then goes on to its end."""
        self._listen(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Ask the others where it is time and no validation follows."""
        if due(trainer, self.every):
            self._agree(trainer)

    def on_validation_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Ask the others, within a training."""
        if training(trainer):
            self._agree(trainer)

    def _listen(self, trainer: pl.Trainer) -> None:
        if trainer.world_size > 1:
            signal.signal(signal.SIGTERM, self._note)

    def _note(self, *_: Any) -> None:
        self.asked = True

    def _agree(self, trainer: pl.Trainer) -> None:
        if trainer.strategy.reduce_boolean_decision(self.asked, all=False):
            # what its own handler sets; at the next look at it Lightning raises SIGTERMException
            trainer._signal_connector.received_sigterm = True

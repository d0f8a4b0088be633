"""One progress bar over all steps of a stage."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from tqdm import tqdm

from vton_aux.callbacks.moments import logged


class StepProgress(ProgressBar):
    """Steps done of all, images a second, the loss and the latest validation score.

    Lightning's own bar counts batches of an epoch; a stage is trained by steps.
    """

    def __init__(self, name: str, score: str) -> None:
        super().__init__()
        self.name, self.score = name, score
        self.bar: tqdm[Any] | None = None
        self.enabled = True

    def disable(self) -> None:
        """Called by Lightning on every process but the first."""
        self.enabled = False

    def enable(self) -> None:
        """Undo `disable`."""
        self.enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar at the step that training goes on from."""
        self.bar = tqdm(
            total=trainer.max_steps,
            initial=trainer.global_step,
            desc=self.name,
            unit="step",
            dynamic_ncols=True,
            mininterval=1.0,
            disable=not self.enabled,
        )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Advance; show the loss where it was logged anyway, so that no step waits for it."""
        if self.bar is None:
            return
        self.bar.update(trainer.global_step - self.bar.n)
        if logged(trainer):
            shown = {"loss": f"{float(outputs['loss']):.4f}"}
            if self.score in trainer.callback_metrics:
                score = float(trainer.callback_metrics[self.score])
                shown[self.score.partition("/")[2]] = f"{score:.4f}"
            self.bar.set_postfix(shown, refresh=False)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        self._close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar, so that the error stands on a line of its own."""
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

"""Pictures of the same validation samples through the training."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import WandbLogger
from torch.utils.data import default_collate

from vton_aux.pictures import (
    gmm_columns,
    save_png,
    segmentation_picture,
    sheet,
    tom_columns,
)
from vton_aux.stages.base import Stage
from vton_aux.stages.gmm import GMMStage, match
from vton_aux.stages.tom import TOMStage


class ValidationPictures(Callback):
    """Writes FOLDER/step_NNNNNNNN.png after each validation, and logs it to W&B where that runs.

    The samples are spread evenly over the validation set and are the same all the time.

    Args:
        folder: where the sheets go.
        count: number of samples; 0 writes none.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count
        self.batch: dict[str, Any] | None = None

    @torch.no_grad()
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Dress the samples and write the sheet, on the first process alone."""
        if not trainer.is_global_zero or self.count == 0:
            return
        if self.batch is None:
            self.batch = _spread(trainer.datamodule.val_dataset(), self.count)  # type: ignore[attr-defined]
        batch = pl_module.transfer_batch_to_device(self.batch, pl_module.device, 0)
        with trainer.precision_plugin.forward_context():
            image = panel(pl_module, batch)  # type: ignore[arg-type]
        save_png(image, self.folder / f"step_{trainer.global_step:08d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image("validation", [image], step=trainer.global_step)


def panel(stage: Stage, batch: dict[str, Any]) -> Image.Image:
    """The sheet of a batch: inputs, warp, try-on, and M_exp beside the true parse."""
    inputs = stage.representation(batch)
    if isinstance(stage, TOMStage):
        result = stage.dress(inputs, segment=True)
        columns, logits = tom_columns(inputs, result), result.expected_segmentation
    elif isinstance(stage, GMMStage):
        warp = match(stage.network, inputs, segment=True)
        columns, logits = gmm_columns(inputs, warp), warp.expected_segmentation
    else:
        raise TypeError(f"no panel for {type(stage).__name__}")
    if logits is not None and stage.segmentation_loss is not None:
        true = stage.segmentation_loss.target(inputs.parse)
        columns["M_exp"] = segmentation_picture(logits.argmax(1), stage.labels)
        columns["parse"] = segmentation_picture(true, stage.labels)
    return sheet(columns)


def _spread(data: Any, count: int) -> dict[str, Any]:
    count = min(count, len(data))
    samples = [data[i * len(data) // count] for i in range(count)]
    batch: dict[str, Any] = default_collate(samples)
    return batch

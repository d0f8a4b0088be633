"""What both stages share: representation, auxiliary loss, optimiser, schedule."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torchmetrics.classification import MulticlassConfusionMatrix

from vton_aux.data.labels import LABEL_SETS
from vton_aux.errors import UserError
from vton_aux.losses.segmentation import SegmentationLoss
from vton_aux.metrics.overlap import class_iou, frequent_mean
from vton_aux.representation import PersonRepresentation
from vton_aux.stages.adam import Adam
from vton_aux.stages.graphs import GraphedLoss, Loss
from vton_aux.stages.settings import Context, StageSettings
from vton_aux.stages.speed import Speed, compiled, uses_cuda_graphs


def decay_after_hold(steps: int, hold: float) -> Callable[[int], float]:
    """The factor of the learning rate at step k = 0, 1, ...: 1 for a while, then linear to 0."""
    held = round(steps * hold)

    def factor(step: int) -> float:
        return 1.0 - max(0, step + 1 - held) / (steps - held + 1)

    return factor


class Stage(pl.LightningModule):
    """Base of the two stages.

    Args:
        settings: the stage's settings.
        context: size, labels, representation, whether there is an auxiliary head.
    """

    best: ClassVar[
        tuple[str, Literal["min", "max"]]
    ]  # validation score that tells the best weights

    def __init__(self, settings: StageSettings, context: Context) -> None:
        super().__init__()
        self.settings, self.context, self.speed = settings, context, Speed()
        self.labels = LABEL_SETS[context.labels]
        self.representation = PersonRepresentation(**context.representation)
        self.segmentation_loss: SegmentationLoss | None = None
        self.confusion: MulticlassConfusionMatrix | None = None
        self.class_iou: dict[str, float] = {}
        self.totals: dict[str, Tensor] = {}  # sum and number of the validation scores so far
        if context.aux:
            self.segmentation_loss = SegmentationLoss(
                self.labels, settings.skin_weight, settings.background_weight
            )
            self.confusion = MulticlassConfusionMatrix(len(self.labels.classes))

    def quicken(self, speed: Speed) -> None:
        """Compute as `speed` says from now on."""
        self.speed = speed
        self.to(memory_format=self.memory_format)
        self.representation.channels_last = speed.channels_last
        if speed.compile is not None:
            loss: Loss = compiled(self.loss, speed.compile, **{"triton.cudagraphs": False})
            self.loss = GraphedLoss(loss, self) if uses_cuda_graphs(speed.compile) else loss  # type: ignore

    def setup(self, stage: str) -> None:
        """Keep what is a constant (VGG19, the spline) out of what DDP sends before each step."""
        saved = self.state_dict().keys()
        constants = [name for name, _ in self.named_buffers() if name not in saved]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, constants)  # type: ignore[no-untyped-call]

    @property
    def memory_format(self) -> torch.memory_format:
        """Of the networks."""
        return torch.channels_last if self.speed.channels_last else torch.contiguous_format

    @property
    def classes(self) -> int:
        """Classes of the auxiliary head, 0 without one."""
        return len(self.labels.classes) if self.context.aux else 0

    def auxiliary_loss(self, logits: Tensor | None, parse: Tensor) -> Tensor | None:
        """Weighted cross-entropy of M_exp, or None where the stage has no auxiliary head."""
        if logits is None or self.segmentation_loss is None:
            return None
        loss: Tensor = self.segmentation_loss(logits, parse)
        return loss

    def loss_parts(self, batch: dict[str, Tensor]) -> dict[str, tuple[float, Tensor | None]]:
        """Weight and value of each part of the loss by name; None where there is none."""
        raise NotImplementedError

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the loss's parts, and the parts; all that a step computes."""
        parts = {
            name: (weight, value)
            for name, (weight, value) in self.loss_parts(batch).items()
            if value is not None
        }
        total = torch.stack([weight * value for weight, value in parts.values()]).sum()
        return total, {name: value.detach() for name, (_, value) in parts.items()}

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Tensor]:
        """The "loss" of a batch of `VITONDataset` and its parts, which `LossLog` logs."""
        # names would be no input of a compiled function
        total, parts = self.loss({k: v for k, v in batch.items() if isinstance(v, Tensor)})
        return {"loss": total, **parts}

    def check_numbers(self, pictures: Tensor) -> None:
        """Check what a validation sees: the last update may have broken the weights.

        Raises:
            UserError: a value is NaN or infinite.
        """
        if not pictures.isfinite().all():
            raise UserError(
                f"the pictures are no numbers after step {self.global_step}: the training has "
                "diverged; lower lr or the weights of the losses"
            )

    def score_segmentation(self, logits: Tensor | None, parse: Tensor) -> None:
        """Add a validation batch's M_exp to the confusion matrix."""
        if logits is not None and self.confusion is not None and self.segmentation_loss is not None:
            self.confusion.update(logits.argmax(1), self.segmentation_loss.target(parse))

    def on_validation_epoch_end(self) -> None:
        """Log the means over all images of all processes, and the IoU of M_exp's classes."""
        # Lightning's own means divide whole numbers under DDP, which uneven ranks make wrong
        for name, total in self.totals.items():
            summed, images = self.trainer.strategy.reduce(total, reduce_op="sum")
            self.log(f"val/{name}", (summed / images).float(), sync_dist=True)
        self.totals = {}
        if self.confusion is None:
            return
        confusion = self.confusion.compute()
        self.confusion.reset()
        ious = class_iou(confusion.double())
        self.log("val/segmentation_iou", frequent_mean(ious, confusion.sum(1)).float())
        self.class_iou = dict(zip(self.labels.classes, ious.tolist(), strict=True))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam over the trainable parameters; constant, then linear decay, a step at a time."""
        settings = self.settings
        optimizer = Adam(
            [p for p in self.parameters() if p.requires_grad],
            fused=self.speed.fused_adam,
            lr=settings.lr,
            betas=(settings.betas[0], settings.betas[1]),
        )
        factor = decay_after_hold(settings.steps, settings.hold)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step", "name": "lr"},
        }

    def log_validation(self, scores: dict[str, Tensor]) -> None:
        """Add the per-image scores (B,) of a batch; `on_validation_epoch_end` logs the means."""
        for name, values in scores.items():
            total = torch.stack([values.double().sum(), values.new_tensor(len(values)).double()])
            self.totals[name] = self.totals.get(name, torch.zeros_like(total)) + total

"""The learning rate that the optimiser really uses: held, then straight down to zero."""

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch.utils.data import DataLoader

from vton_aux.stages.base import decay_after_hold
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.tom import TOMStage

SMALL = {"width": 8, "head_width": 8}
CONTEXT = {"size": [64, 64], "aux": True}
LR = 2e-3


def samples(count: int) -> list[dict[str, torch.Tensor]]:
    draw = torch.Generator().manual_seed(0)

    def numbers(high: int, *shape: int) -> torch.Tensor:
        return torch.randint(0, high, shape, generator=draw, dtype=torch.uint8)

    return [
        {
            "person": numbers(256, 3, 64, 64),
            "cloth": numbers(256, 3, 64, 64),
            "cloth_mask": numbers(2, 1, 64, 64),
            "parse": numbers(20, 64, 64),
            "joints": torch.tensor([[30.0, 30.0, 1.0]] * 18),
        }
        for _ in range(count)
    ]


class Rates(Callback):
    """The learning rate of each optimiser step, and the optimiser."""

    def __init__(self):
        self.used = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        (group,) = optimizer.param_groups
        self.used.append(group["lr"])
        self.optimizer = optimizer


def trained(stage: pl.LightningModule, steps: int) -> Rates:
    """Train over and over again on two batches: several epochs, so epochs cannot pass for steps."""
    rates = Rates()
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=steps, max_epochs=-1, callbacks=[rates], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(stage, DataLoader(samples(4), batch_size=2))
    return rates


def gmm(**settings):
    return GMMStage({**SMALL, "lr": LR, **settings}, CONTEXT)


def tom(**settings):
    own = {**SMALL, "lr": LR, "perceptual_weight": 0.0, **settings}
    return TOMStage(own, CONTEXT, {"settings": SMALL, "context": CONTEXT})


@pytest.mark.parametrize("stage", [gmm, tom])
def test_the_rate_is_held_and_then_falls_in_a_straight_line_to_zero(stage):
    rates = trained(stage(steps=10, hold=0.5), steps=10)
    hand = [LR] * 5 + [LR * sixths / 6 for sixths in (5, 4, 3, 2, 1)]
    assert rates.used == pytest.approx(hand)
    assert rates.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("hold", "hand"),
    [(0.0, [0.8, 0.6, 0.4, 0.2]), (0.25, [1, 0.75, 0.5, 0.25]), (1.0, [1, 1, 1, 1])],
)
def test_the_hold_may_be_nothing_a_part_or_all(hold, hand):
    rates = trained(gmm(steps=4, hold=hold), steps=4)
    assert rates.used == pytest.approx([LR * share for share in hand])


@pytest.mark.parametrize("stage", [gmm, tom])
def test_adam_has_the_papers_betas_or_those_that_are_set(stage):
    assert trained(stage(steps=1), steps=1).optimizer.param_groups[0]["betas"] == (0.5, 0.999)
    adam = trained(stage(steps=1, betas=[0.9, 0.99]), steps=1).optimizer
    assert isinstance(adam, torch.optim.Adam)
    assert adam.param_groups[0]["betas"] == (0.9, 0.99)
    assert adam.param_groups[0]["weight_decay"] == 0


def test_the_papers_schedule_by_hand():
    factor = decay_after_hold(200_000, 0.5)
    assert {factor(k) for k in (0, 1, 50_000, 99_999)} == {1.0}
    assert factor(100_000) == pytest.approx(100_000 / 100_001, abs=1e-12)
    assert factor(150_000) == pytest.approx(50_000 / 100_001, abs=1e-12)
    assert factor(199_999) == pytest.approx(1 / 100_001, abs=1e-12)
    assert factor(200_000) == 0

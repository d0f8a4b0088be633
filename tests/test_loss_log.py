"""The parts of the loss reach the loggers, and only the steps that these write pay for it."""

from pathlib import Path

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader

from vton_aux.callbacks.loss_log import LossLog


class Square(pl.LightningModule):
    """Fits a number; counts what is logged."""

    def __init__(self):
        super().__init__()
        self.number = torch.nn.Parameter(torch.tensor(1.0))
        self.calls, self.losses = [], []

    def training_step(self, batch, batch_idx):
        square = self.number.square()
        self.losses.append(3 * square.item())
        return {"loss": 3 * square, "square": square.detach()}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)

    def log(self, name, *arguments, **options):
        self.calls.append(name)
        super().log(name, *arguments, **options)


def test_every_second_step_is_logged_with_its_own_values(tmp_path):
    module, logger = Square(), CSVLogger(tmp_path)
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=5, max_epochs=-1, log_every_n_steps=2, logger=logger,
        callbacks=[LossLog()], enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader(range(5)))
    assert module.calls == ["train/loss", "train/square"] * 2
    written = pd.read_csv(Path(logger.log_dir) / "metrics.csv").set_index("step")
    assert written.index.tolist() == [1, 3]  # counted from 0
    for step, row in written.iterrows():
        assert row["train/loss"] == pytest.approx(module.losses[step])
        assert row["train/square"] == pytest.approx(module.losses[step] / 3)

"""Steps in Lightning, one at a time."""

import pytest
import torch

from vton_aux.bench.lightning import fit
from vton_aux.callbacks.loss_log import LossLog
from vton_aux.stages.gmm import GMMStage

CPU = torch.device("cpu")


def test_a_unit_is_one_step_with_the_callbacks_of_a_training(monkeypatch):
    losses, ends = [], []
    step, end = GMMStage.training_step, LossLog.on_train_batch_end

    def counted(self, batch, batch_idx):
        out = step(self, batch, batch_idx)
        losses.append(out["loss"].item())
        return out

    def ended(self, *arguments):
        ends.append(len(losses))
        end(self, *arguments)

    monkeypatch.setattr(GMMStage, "training_step", counted)
    monkeypatch.setattr(LossLog, "on_train_batch_end", ended)
    work = fit(CPU, "gmm", batch=1)
    assert not losses
    for done in range(1, 4):
        assert work.unit() == 1
        assert len(losses) == done
    assert ends == [1, 2, 3]
    assert len(set(losses)) == 3  # it learns


def test_an_error_in_the_training_is_the_units(monkeypatch):
    def broken(*_):
        raise ValueError("broken")

    monkeypatch.setattr(GMMStage, "training_step", broken)
    work = fit(CPU, "gmm", batch=1)
    with pytest.raises(ValueError, match="broken"):
        work.unit()

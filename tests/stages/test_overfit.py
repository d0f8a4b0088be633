"""Both stages learn four samples by heart, and the auxiliary heads their parses."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch.utils.data import DataLoader

from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.dataset import as_read
from vton_aux.data.synthetic import write_dataset
from vton_aux.metrics.overlap import mask_iou
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.tom import TOMStage

pytestmark = pytest.mark.slow

SETTINGS = {"width": 16, "head_width": 16}
CONTEXT = {"size": [128, 96], "aux": True}


class Curve(Callback):
    """The loss and its parts, step by step."""

    def __init__(self):
        self.steps = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.steps.append({n: float(v) for n, v in outputs.items()})

    def fall(self, name: str) -> float:
        """By what factor a loss has fallen, from the first step to the last three."""
        values = [step[name] for step in self.steps]
        return values[0] / np.mean(values[-3:])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("synthetic") / "viton"
    write_dataset(root, train=5, test=0, seed=0, size=(128, 96), progress=False)
    module = VITONDataModule(root, size=(128, 96), val_fraction=0.2, batch_size=4)
    assert len(module.train_dataset()) == 4
    return module


@pytest.fixture(scope="module")
def four(data):
    return next(iter(DataLoader(data.train_dataset(), batch_size=4, collate_fn=as_read)))


def overfit(stage, data) -> Curve:
    curve, data.steps = Curve(), stage.settings.steps
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=data.steps, max_epochs=-1, callbacks=[curve], logger=False,
        limit_val_batches=0, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(stage, data)
    assert len(curve.steps) == data.steps
    return curve


def test_gmm_learns_to_warp_four_cloths_and_to_parse_four_people(data, four):
    pl.seed_everything(0, verbose=False)
    stage = GMMStage({**SETTINGS, "lr": 4e-3, "steps": 150}, CONTEXT)
    curve = overfit(stage, data)
    assert curve.fall("warp_l1") > 5
    assert curve.fall("segmentation") > 20
    with torch.no_grad():
        warped, inputs = stage.eval()(four), stage.representation(four)
    left = (warped.cloth - inputs.worn_cloth).abs().mean()
    assert left < (inputs.cloth - inputs.worn_cloth).abs().mean() / 3  # where it lay before
    assert mask_iou(inputs.cloth_mask, inputs.worn_mask).max() < 0.6
    assert mask_iou(warped.mask, inputs.worn_mask).min() > 0.75


def test_tom_learns_four_photos_and_to_parse_four_people(data, four):
    pl.seed_everything(0, verbose=False)
    own = {"output_norm": False, "perceptual_weight": 0.0, "mask_weight": 0.0}
    untrained = {"settings": {"width": 8}, "context": CONTEXT}  # it must learn by rendering alone
    stage = TOMStage({**SETTINGS, **own, "lr": 3e-3, "steps": 240}, CONTEXT, untrained)
    curve = overfit(stage, data)
    assert curve.fall("image_l1") > 5
    assert curve.fall("segmentation") > 16
    with torch.no_grad():
        dressed = stage.eval()(four, segment=True)
    right = dressed.expected_segmentation.argmax(1) == four["parse"]
    assert right.float().mean() > 0.9

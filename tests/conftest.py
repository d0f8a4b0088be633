"""A small synthetic data set and an untrained try-on model, made once."""

import json

import pytest
import pytorch_lightning as pl
import torch

import vton_aux.train
from vton_aux.data.synthetic import write_dataset
from vton_aux.fit import fit
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.tom import TOMStage

SMALL = {"width": 8, "head_width": 8}


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "viton"
    write_dataset(folder, train=6, test=4, seed=0, size=(256, 192), progress=False)
    return folder


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Untrained models of both stages: what they predict does not matter here."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    context = {"size": [256, 192], "aux": True, "provenance": {"arm": "both"}}
    gmm = GMMStage(SMALL, context)
    tom = TOMStage({**SMALL, "vgg": "random"}, context, gmm.hparams)
    for name, stage in (("gmm", gmm), ("tom", tom)):
        trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        trainer.strategy.connect(stage)
        trainer.save_checkpoint(folder / f"{name}.ckpt", weights_only=True)
    return folder


@pytest.fixture
def stages_here(monkeypatch):
    """`train` fits its stages in the test's process: the start of another takes most of the time.

    Those of several devices start theirs as ever.
    """
    apart = vton_aux.train._run

    def run(folder, malloc):
        if json.loads((folder / "job.json").read_text())["trainer"]["devices"] == 1:
            fit(folder)
        else:
            apart(folder, malloc)

    monkeypatch.setattr(vton_aux.train, "_run", run)

"""Checkpoints that Lightning writes: what they hold, that they load, and what is no checkpoint."""

import inspect
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError, one_line
from vton_aux.losses.perceptual import PerceptualLoss
from vton_aux.stages.checkpoint import WholeCheckpoints, load_tryon, read_checkpoint
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.tom import TOMStage

SMALL = {"width": 8, "head_width": 8, "lr": 1e-2, "steps": 2}
CONTEXT = {
    "size": [128, 96],
    "labels": "coarse",
    "representation": {"gmm_keeps": [1, 2, 4, 13], "tom_keeps": [9, 13], "pose_radius": 7.5},
    "aux": True,
    "provenance": {"arm": "both", "seed": 5, "data": "0123456789abcdef", "key": "a1b2c3"},
}
GMM_ARGUMENTS = {"settings": SMALL, "context": CONTEXT}
STAGES = {"gmm": GMMStage, "tom": TOMStage}


def trainer(**arguments):
    return pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        **arguments,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("synthetic") / "viton"
    write_dataset(root, train=5, test=0, seed=0, size=(128, 96), progress=False)
    module = VITONDataModule(root, size=(128, 96), labels="coarse", val_fraction=0.4, batch_size=2)
    module.steps = 2
    return module


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Both stages after two steps: the module and its files, with and without the optimiser."""
    folder = tmp_path_factory.mktemp("checkpoints")
    pl.seed_everything(0, verbose=False)
    stages = {}
    for name in STAGES:
        if name == "gmm":
            stage = GMMStage(SMALL, CONTEXT)
        else:
            given = read_checkpoint(folder / "gmm_last.ckpt")
            stage = TOMStage.on_gmm({**SMALL, "vgg": "random"}, CONTEXT, given)
        last = ModelCheckpoint(folder, filename=f"{name}_last", every_n_train_steps=2)
        run = trainer(max_steps=2, callbacks=[last], limit_val_batches=0)
        run.fit(stage, data)
        run.save_checkpoint(folder / f"{name}_model.ckpt", weights_only=True)
        stages[name] = stage
    return stages, folder


@pytest.fixture(params=["last", "model"])
def saved(request, trained):
    """The path of a stage's checkpoint while training or after it."""
    return lambda name: trained[1] / f"{name}_{request.param}.ckpt"


def scores(stage, data):
    return trainer().validate(stage, data, verbose=False)[0]


def load(stage, path):
    only = {}
    if "weights_only" in inspect.signature(stage.load_from_checkpoint).parameters:
        only["weights_only"] = True
    return stage.load_from_checkpoint(path, map_location="cpu", **only)


def refused(read, path) -> str:
    with pytest.raises(UserError) as error:
        read(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert one_line(error.value) == message
    return message


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"step": 1}, path)

    def full(part, _):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space") as told:
        WholeCheckpoints().save_checkpoint({"step": 2}, path)
    assert told.value.filename == str(path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("name", STAGES)
def test_a_checkpoint_holds_plain_values_and_tensors_alone(name, saved, trained):
    checkpoint = torch.load(saved(name), map_location="cpu", weights_only=True)
    weights = trained[0][name].state_dict()
    assert checkpoint["state_dict"].keys() == weights.keys()
    assert all(torch.equal(checkpoint["state_dict"][n], v) for n, v in weights.items())


def test_the_checkpoint_of_a_running_stage_holds_its_optimiser_the_result_does_not(trained):
    for name in STAGES:
        assert read_checkpoint(trained[1] / f"{name}_last.ckpt")["global_step"] == 2
        assert read_checkpoint(trained[1] / f"{name}_last.ckpt")["optimizer_states"]
        assert not read_checkpoint(trained[1] / f"{name}_model.ckpt").get("optimizer_states")


@pytest.mark.parametrize("name", STAGES)
def test_a_reloaded_stage_has_the_scores_of_the_saved_one(name, saved, trained, data):
    before = scores(trained[0][name], data)
    assert {"gmm": "val/warp_iou", "tom": "val/ssim"}[name] in before
    assert "val/segmentation_iou" in before
    assert scores(load(STAGES[name], saved(name)), data) == pytest.approx(before, abs=1e-6)
    pl.seed_everything(9, verbose=False)
    other = GMMStage(SMALL, CONTEXT)
    if name == "tom":
        other = TOMStage({**SMALL, "perceptual_weight": 0}, CONTEXT, GMM_ARGUMENTS)
    assert scores(other, data) != pytest.approx(before, abs=1e-3)


def test_a_whole_model_loads_by_one_call_ready_to_dress(saved, trained, data):
    stage = load_tryon(saved("tom"))
    assert not any(module.training for module in stage.modules())
    gmm = trained[0]["gmm"].network.state_dict()
    for name, value in stage.gmm.state_dict().items():
        assert torch.equal(value, gmm[name])
    assert scores(stage, data) == pytest.approx(scores(trained[0]["tom"], data), abs=1e-6)


@pytest.mark.parametrize("name", STAGES)
def test_a_checkpoint_remembers_what_it_came_from(name, saved):
    arguments = read_checkpoint(saved(name))["hyper_parameters"]
    for key, value in CONTEXT.items():
        assert arguments["context"][key] == value
    assert arguments["settings"]["width"] == 8
    assert arguments["settings"]["steps"] == 2
    assert arguments["settings"]["betas"] == [0.5, 0.999]
    stage = load(STAGES[name], saved(name))
    assert stage.representation.pose_radius == 7.5
    assert stage.representation.tom_keeps == (9, 13)
    assert stage.labels.name == "coarse"
    if name == "tom":
        assert arguments["gmm"]["context"] == arguments["context"]
        assert arguments["gmm"]["settings"]["points"] == 5


def test_the_perceptual_network_is_in_no_checkpoint(saved, trained):
    tom = trained[0]["tom"]
    assert isinstance(tom.perceptual, PerceptualLoss)  # it was there while training
    checkpoint = read_checkpoint(saved("tom"))
    assert {name.split(".")[0] for name in checkpoint["state_dict"]} == {"network", "gmm"}
    held = sum(value.numel() for value in checkpoint["state_dict"].values())
    own = [*tom.network.state_dict().values(), *tom.gmm.state_dict().values()]
    assert held == sum(value.numel() for value in own)
    assert saved("tom").stat().st_size < 20e6  # VGG19's alone are 51 MB
    assert load_tryon(saved("tom")).perceptual is None


def test_the_perceptual_network_comes_with_training_and_only_where_it_counts():
    for weight, comes in ((0.0, False), (0.5, True)):
        own = {**SMALL, "perceptual_weight": weight, "vgg": "random"}
        stage = TOMStage(own, CONTEXT, GMM_ARGUMENTS)
        stage.setup("validate")
        assert stage.perceptual is None
        stage.setup("fit")
        assert (stage.perceptual is not None) is comes
        assert not any(p.requires_grad for n, p in stage.named_parameters() if "perceptual" in n)


@pytest.mark.parametrize("read", [read_checkpoint, load_tryon])
def test_what_is_no_checkpoint_is_refused_by_its_name(read, tmp_path, trained):
    assert "missing" in refused(read, tmp_path / "nowhere.ckpt")
    path = tmp_path / "thing.ckpt"
    whole = (trained[1] / "tom_model.ckpt").read_bytes()
    for content in (b"", b"no checkpoint", whole[: len(whole) // 2]):
        path.write_bytes(content)
        assert "not a checkpoint" in refused(read, path)
    for value in ([1, 2], {"state_dict": {}}, torch.zeros(3)):
        torch.save(value, path)
        assert "not a checkpoint of vton-aux" in refused(read, path)


def test_a_pickle_is_refused_without_running_it(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path = tmp_path / "trap.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": Trap()}, path)
    assert "not a checkpoint" in refused(read_checkpoint, path)
    assert not (tmp_path / "sprung").exists()


def test_a_gmm_alone_is_no_tryon_model(trained):
    assert "a GMM alone" in refused(load_tryon, trained[1] / "gmm_model.ckpt")


def test_weights_that_do_not_fit_are_told_in_one_line(tmp_path, trained):
    path = tmp_path / "other.ckpt"
    checkpoint = read_checkpoint(trained[1] / "tom_model.ckpt")
    checkpoint["hyper_parameters"]["settings"]["width"] = 16
    torch.save(checkpoint, path)
    assert "the weights fit no network" in refused(load_tryon, path)
    checkpoint = read_checkpoint(trained[1] / "tom_model.ckpt")
    name = "network.encoder.levels.0.0.weight"
    del checkpoint["state_dict"][name]
    torch.save(checkpoint, path)
    assert name in refused(load_tryon, path)


@pytest.mark.parametrize(
    "arguments",
    [
        {"lr": 0.1},
        {"settings": {**SMALL, "unheard_of": 1}, "context": CONTEXT, "gmm": GMM_ARGUMENTS},
    ],
)
def test_a_foreign_checkpoint_is_told_in_one_line(arguments, tmp_path):
    path = tmp_path / "foreign.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": arguments}, path)
    message = refused(load_tryon, path)
    assert "a GMM alone" not in message

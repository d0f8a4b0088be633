"""Where the losses' gradients go, what the sum is, what the arms share and what stays frozen."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from scipy.special import log_softmax
from torch import nn
from torch.utils.data import DataLoader

from vton_aux.callbacks.loss_log import LossLog
from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.dataset import as_read
from vton_aux.data.labels import LIP
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError
from vton_aux.stages.gmm import GMMStage, match
from vton_aux.stages.tom import TOMStage

SMALL = {"width": 8, "head_width": 8}
ARMS = {
    "baseline": (False, False), "gmm_only": (True, False), "tom_only": (False, True),
    "both": (True, True),
}  # fmt: skip
SKIN = ("face", "left arm", "right arm", "left leg", "right leg")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("synthetic") / "viton"
    write_dataset(root, train=5, test=0, seed=0, size=(128, 96), progress=False)
    return VITONDataModule(root, size=(128, 96), val_fraction=0.2, batch_size=2)


@pytest.fixture(scope="module")
def batch(data):
    return next(iter(DataLoader(data.train_dataset(), batch_size=2, collate_fn=as_read)))


@pytest.fixture(autouse=True)
def seed():
    pl.seed_everything(0, verbose=False)


def context(aux):
    return {"size": [128, 96], "aux": aux}


def gmm(aux=True, **settings):
    return GMMStage({**SMALL, **settings}, context(aux))


def tom(aux=True, **settings):
    own = {**SMALL, "perceptual_weight": 0.0, **settings}
    return TOMStage(own, context(aux), {"settings": SMALL, "context": context(True)})


def encoders(stage):
    network = stage.network
    if isinstance(stage, GMMStage):
        return [network.person_encoder, network.cloth_encoder]
    return [network.encoder]


def primary_loss(stage, batch):
    inputs, out = stage.representation(batch), stage(batch)
    if isinstance(stage, GMMStage):
        return F.l1_loss(out.cloth, inputs.worn_cloth)
    return F.l1_loss(out.image, inputs.image)


def auxiliary_loss(stage, batch):
    logits = stage(batch, segment=True).expected_segmentation
    return stage.auxiliary_loss(logits, batch["parse"])


def train(stage, data, steps, validate=True):
    pl.seed_everything(1, verbose=False)
    data.steps = steps
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=steps, max_epochs=-1, limit_val_batches=int(validate),
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[LossLog()], log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(stage, data)
    return trainer


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# gradients


@pytest.mark.parametrize("build", [gmm, tom])
def test_training_adds_the_weighted_gradients_of_both_losses_in_the_encoders(build, batch):
    extra = {} if build is gmm else {"mask_weight": 0.0}
    stage = build(aux_weight=0.7, **extra)
    shared = [p for encoder in encoders(stage) for p in encoder.parameters()]
    shared = [p for p in shared if p.ndim == 4]
    primary = torch.autograd.grad(primary_loss(stage, batch), shared)
    auxiliary = torch.autograd.grad(auxiliary_loss(stage, batch), shared)
    both = torch.autograd.grad(stage.training_step(batch, 0)["loss"], shared)
    for a, b, found in zip(primary, auxiliary, both, strict=True):
        assert min(a.norm(), b.norm()) > 0
        assert (found - (a + 0.7 * b)).norm() < 0.01 * min(a.norm(), 0.7 * b.norm())


# arms


def test_the_same_seed_gives_all_arms_the_same_primary_weights():
    gmms, toms = {}, {}
    given = gmm()
    checkpoint = {"state_dict": given.state_dict(), "hyper_parameters": given.hparams}
    for arm, (gmm_aux, tom_aux) in ARMS.items():
        pl.seed_everything(3, verbose=False)
        gmms[arm] = gmm(gmm_aux).state_dict()
        pl.seed_everything(3, verbose=False)
        toms[arm] = TOMStage.on_gmm(SMALL, context(tom_aux), checkpoint).state_dict()
    for states in (gmms, toms):
        for arm, state in states.items():
            primary = {n: v for n, v in state.items() if ".segmentation." not in n}
            assert equal(primary, dict(states["baseline"])), arm
    assert len(toms["tom_only"]) > len(toms["baseline"])
    pl.seed_everything(4, verbose=False)
    assert not equal(dict(gmm(False).state_dict()), dict(gmms["baseline"]))


@pytest.mark.parametrize("build", [gmm, tom])
def test_a_baseline_stage_has_nothing_of_a_segmentation(build, batch, data):
    stage = build(aux=False)
    assert not [name for name, _ in stage.named_parameters() if "segmentation" in name]
    assert not [name for name in stage.state_dict() if "segmentation" in name]
    assert stage.confusion is None
    assert stage(batch, segment=True).expected_segmentation is None
    assert stage.auxiliary_loss(None, batch["parse"]) is None
    scores = train(stage, data, steps=1).callback_metrics
    assert "train/loss" in scores
    assert not [name for name in scores if "segmentation" in name]


@pytest.mark.parametrize("build", [gmm, tom])
def test_the_auxiliary_weight_changes_nothing_in_a_baseline(build, data):
    ends = {}
    for aux in (False, True):
        for weight in (0.1, 10.0):
            pl.seed_everything(0, verbose=False)
            stage = build(aux, aux_weight=weight, lr=1e-2)
            train(stage, data, steps=2, validate=False)
            ends[aux, weight] = snapshot(stage)
    assert equal(ends[False, 0.1], ends[False, 10.0])
    assert not equal(ends[True, 0.1], ends[True, 10.0])


def test_validation_averages_the_classes_of_the_truth_not_those_of_the_guess(monkeypatch):
    """Half of a plain background is taken for hair: its IoU is 1/2, and hair has no share in it."""
    stage, logged = gmm(), {}
    monkeypatch.setattr(stage, "log", lambda name, value, **_: logged.update({name: value.item()}))
    parse = torch.zeros(1, 8, 8, dtype=torch.long)
    logits = torch.zeros(1, len(LIP), 8, 8)
    logits[:, 0, :4], logits[:, LIP.index("hair"), 4:] = 1.0, 1.0
    stage.score_segmentation(logits, parse)
    stage.on_validation_epoch_end()
    assert logged["val/segmentation_iou"] == pytest.approx(0.5)


# the sum


def worn_cloth(batch):
    person = batch["person"].numpy() / 127.5 - 1
    worn = np.isin(
        batch["parse"].numpy(), [LIP.index(n) for n in ("upper clothes", "dress", "coat")]
    )
    assert 0.05 < worn.mean() < 0.8
    return np.where(worn[:, None], person, 1.0), worn[:, None]


def cross_entropy(logits, parse, skin, background):
    """Each pixel's -log p of its label, averaged with the label's weight."""
    weights = [skin if name in SKIN else background if name == "background" else 1 for name in LIP]
    logp = log_softmax(logits.detach().double().numpy(), axis=1)
    picked = np.take_along_axis(logp, parse.numpy()[:, None].astype(int), axis=1)[:, 0]
    weight = np.array(weights)[parse.numpy()]
    return -(weight * picked).sum() / weight.sum()


def step_by_hand(stage, batch):
    """The stage's loss and its parts."""
    parts = stage.training_step(batch, 0)
    return parts["loss"].item(), {name: float(value) for name, value in parts.items()}


def test_the_loss_of_gmm_is_the_weighted_sum_of_its_parts(batch):
    stage = gmm(
        aux_weight=0.7, skin_weight=3.0, background_weight=0.5, tv_weight=2.0, grid_weight=40.0,
        mask_weight=0.3,
    )  # fmt: skip
    loss, logged = step_by_hand(stage, batch)
    out = stage(batch, segment=True)
    cloth, worn = worn_cloth(batch)
    offsets = out.offsets.detach().double().numpy().reshape(2, 5, 5, 2)
    neighbours = [
        [abs(offsets[:, i, j] - offsets[:, i - 1, j]) for i in range(1, 5) for j in range(5)],
        [abs(offsets[:, i, j] - offsets[:, i, j - 1]) for i in range(5) for j in range(1, 5)],
    ]
    grid = out.grid.detach().double().numpy()
    down = grid[:, 2:] - 2 * grid[:, 1:-1] + grid[:, :-2]
    across = grid[:, :, 2:] - 2 * grid[:, :, 1:-1] + grid[:, :, :-2]
    parts = {
        "warp_l1": np.abs(out.cloth.detach().numpy() - cloth).mean(),
        "segmentation": cross_entropy(out.expected_segmentation, batch["parse"], 3.0, 0.5),
        "tv": (np.mean(neighbours[0]) + np.mean(neighbours[1])) / 2,
        "grid": 2 * np.abs(down).mean() + 2 * np.abs(across).mean(),  # x and y are added
        "mask_l1": np.abs(out.mask.detach().numpy() - worn).mean(),
    }
    total = (
        parts["warp_l1"] + 0.7 * parts["segmentation"] + 2 * parts["tv"] + 40 * parts["grid"]
        + 0.3 * parts["mask_l1"]
    )  # fmt: skip
    assert loss == pytest.approx(total, rel=1e-4)
    assert logged == pytest.approx({**parts, "loss": total}, rel=1e-3)


def test_the_loss_of_tom_is_the_weighted_sum_of_its_parts(batch):
    class MeanSquare(nn.Module):
        def forward(self, prediction, target):
            return (prediction - target).square().mean()

    stage = tom(
        aux_weight=0.7, skin_weight=3.0, background_weight=0.5, perceptual_weight=0.2,
        mask_weight=0.3,
    )  # fmt: skip
    stage.perceptual = MeanSquare()
    loss, logged = step_by_hand(stage, batch)
    out = stage(batch, segment=True)
    photo = batch["person"].numpy() / 127.5 - 1
    warped, rendered, mask = (
        t.detach().double().numpy() for t in (out.warp.cloth, out.rendered, out.mask)
    )
    soft = out.warp.mask.numpy()
    assert ((soft > 0) & (soft < 1)).any()
    fused = mask * warped + (1 - mask) * rendered
    parts = {
        "image_l1": np.abs(fused - photo).mean(),
        "perceptual": ((fused - photo) ** 2).mean(),
        "mask_l1": np.abs(mask - (soft >= 0.5)).mean(),
        "segmentation": cross_entropy(out.expected_segmentation, batch["parse"], 3.0, 0.5),
    }
    total = (
        parts["image_l1"] + 0.2 * parts["perceptual"] + 0.3 * parts["mask_l1"]
        + 0.7 * parts["segmentation"]
    )  # fmt: skip
    assert loss == pytest.approx(total, rel=1e-4)
    assert logged == pytest.approx({**parts, "loss": total}, rel=1e-3)


def test_by_default_the_loss_is_the_papers_and_no_more(batch):
    loss, logged = step_by_hand(gmm(), batch)
    assert set(logged) == {"warp_l1", "segmentation", "loss"}
    assert loss == pytest.approx(logged["warp_l1"] + logged["segmentation"], rel=1e-5)
    loss, logged = step_by_hand(gmm(aux=False), batch)
    assert set(logged) == {"warp_l1", "loss"}
    assert loss == pytest.approx(logged["warp_l1"], rel=1e-6)
    loss, logged = step_by_hand(tom(aux=False), batch)
    assert set(logged) == {"image_l1", "mask_l1", "loss"}
    assert loss == pytest.approx(logged["image_l1"] + logged["mask_l1"], rel=1e-5)


# the frozen GMM


def test_the_gmm_inside_tom_stays_as_it_is_while_tom_trains(batch, data):
    matcher = gmm(aux=True)
    matcher.network(*(getattr(matcher.representation(batch), n) for n in ("gmm_person", "cloth")))
    checkpoint = {"state_dict": matcher.state_dict(), "hyper_parameters": matcher.hparams}
    stage = TOMStage.on_gmm({**SMALL, "perceptual_weight": 0.0}, context(True), checkpoint)
    before = snapshot(stage.gmm)
    buffers = [n for n in before if n.endswith("num_batches_tracked")]
    assert buffers
    assert {int(before[n]) for n in buffers} == {1}
    for name, value in before.items():
        assert torch.equal(value, checkpoint["state_dict"][f"network.{name}"])
    own = snapshot(stage.network)
    train(stage, data, steps=3)
    assert equal(before, snapshot(stage.gmm))
    assert not any(
        torch.equal(v, own[n]) for n, v in stage.network.named_parameters() if v.ndim == 4
    )

    stage.train()
    assert stage.network.training
    assert not any(module.training for module in stage.gmm.modules())
    assert not any(p.requires_grad for p in stage.gmm.parameters())
    frozen = {id(p) for p in stage.gmm.parameters()}
    (group,) = stage.configure_optimizers()["optimizer"].param_groups
    assert not frozen & {id(p) for p in group["params"]}
    assert len(group["params"]) == len(list(stage.network.parameters()))


def test_toms_gmm_warps_as_the_gmm_stage_does_and_brings_no_auxiliary_head(batch):
    matcher = gmm(aux=True).eval()
    checkpoint = {"state_dict": matcher.state_dict(), "hyper_parameters": matcher.hparams}
    stage = TOMStage.on_gmm(SMALL, context(False), checkpoint).eval()
    assert stage.gmm.segmentation is None
    with torch.no_grad():
        torch.testing.assert_close(stage(batch).warp.cloth, matcher(batch).cloth)


def test_a_theta_that_is_no_number_is_a_loss_that_is_none(batch):
    """PyTorch samples NaN as a corner, which is a smooth picture with a small loss."""
    stage = gmm(aux=False)
    with torch.no_grad():
        stage.network.regressor.linear.bias[3] = torch.nan
    loss, _ = stage.loss(batch)
    loss.backward()
    assert loss.isnan()
    warped = stage(batch)
    assert warped.cloth.isnan().all()
    assert warped.mask.isnan().all()


@pytest.mark.parametrize("build", [gmm, tom])
def test_a_validation_tells_what_the_last_update_broke(build, data):
    stage = build()
    with torch.no_grad():
        next(stage.network.parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match=r"the pictures are no numbers after step 0: .* diverged"):
        stage.validation_step(next(iter(data.val_dataloader())), 0)


# inference


@pytest.mark.parametrize("build", [gmm, tom])
def test_inference_leaves_the_auxiliary_head_alone_unless_it_is_asked(build, batch):
    stage, calls = build().eval(), []
    stage.network.segmentation.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        plain = stage(batch)
        assert plain.expected_segmentation is None
        assert calls == []
        asked = stage(batch, segment=True)
    assert asked.expected_segmentation.shape == (2, len(LIP), 128, 96)
    assert calls == [1]
    for name in ("cloth", "image"):
        if hasattr(plain, name):
            assert torch.equal(getattr(plain, name), getattr(asked, name))


# validation


def test_the_segmentation_score_is_of_one_validation_alone(batch):
    stage, logged = gmm(), {}
    stage.log = lambda name, value, **_: logged.update({name: float(value)})
    parse = batch["parse"].long()
    right = F.one_hot(parse, len(LIP)).permute(0, 3, 1, 2).float()
    wrong = right.roll(1, dims=1)  # each class is taken for the next
    stage.score_segmentation(wrong, parse)
    stage.on_validation_epoch_end()
    assert logged["val/segmentation_iou"] == 0
    stage.score_segmentation(right, parse)
    stage.on_validation_epoch_end()
    assert logged["val/segmentation_iou"] == 1
    assert stage.class_iou["face"] == 1
    assert np.isnan(stage.class_iou["glove"])  # nobody wears one


def test_validation_scores_are_means_over_images_not_over_batches(data):
    stage = gmm(aux=False).eval()
    results = []
    for size in (1, 3):
        images = DataLoader(
            data.train_dataset(), batch_size=size, collate_fn=as_read
        )  # four images: 3 + 1
        trainer = pl.Trainer(
            accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False
        )
        (scores,) = trainer.validate(stage, images, verbose=False)
        results.append(scores)
        assert stage.totals == {}  # the next validation begins anew
    assert results[0] == pytest.approx(results[1], rel=1e-5)
    distances = []
    for sample in DataLoader(data.train_dataset(), batch_size=1, collate_fn=as_read):
        with torch.no_grad():
            distances.append(np.abs(stage(sample).cloth.numpy() - worn_cloth(sample)[0]).mean())
    assert np.ptp(distances) > 0.01
    assert results[0]["val/warp_l1"] == pytest.approx(np.mean(distances), rel=1e-4)


def test_gmms_validation_compares_the_warped_mask_with_the_worn_cloth(batch):
    stage, told = gmm().eval(), {}
    stage.log_validation = told.update
    with torch.no_grad():
        stage.validation_step(batch, 0)
        inputs, warped = stage.representation(batch), stage(batch)
    worn = torch.isin(batch["parse"], torch.tensor([5, 6, 7]))
    for name, mask in (("warp_iou", warped.mask), ("unwarped_iou", inputs.cloth_mask)):
        mask = mask[:, 0] > 0.5
        iou = (mask & worn).sum((1, 2)) / (mask | worn).sum((1, 2))
        assert torch.allclose(told[name], iou.float(), atol=1e-6), name
    assert not torch.allclose(told["warp_iou"], told["unwarped_iou"])


def test_outside_of_the_shop_picture_there_is_no_cloth(batch):
    """A grid that looks far beyond the cloth's picture, whose mask reaches its border."""
    stage = gmm()
    masked = {**batch, "cloth_mask": torch.ones_like(batch["cloth_mask"])}
    inputs = stage.representation(masked)
    far = lambda *_, **__: (torch.zeros(2, 25, 2), torch.full((2, 128, 96, 2), 1.5), None)  # noqa: E731
    warped = match(far, inputs)
    assert warped.mask.max() == 0


def test_toms_validation_scores_the_fused_try_on(batch):
    stage, told = tom().eval(), {}
    stage.log_validation = told.update
    with torch.no_grad():
        stage.validation_step(batch, 0)
        result, photo = stage(batch), stage.representation(batch).image
    for name, image, same in (("image", result.image, True), ("rendered", result.rendered, False)):
        error = ((image - photo) / 2).square().mean((1, 2, 3))
        assert torch.allclose(told["psnr"], -10 * error.log10(), atol=1e-3) is same, name
    assert TOMStage.best == ("val/ssim", "max")
    assert GMMStage.best == ("val/warp_iou", "max")

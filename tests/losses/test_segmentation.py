import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vton_aux.data.labels import LABEL_SETS, LIP
from vton_aux.losses.segmentation import SegmentationLoss

SKIN_PARTS = {13, 14, 15, 16, 17}  # face, arms, legs of LIP
COARSE = {
    "background": {0}, "head": {1, 2, 4}, "face": {13, 20}, "upper clothes": {5, 6, 7, 10, 11},
    "lower clothes": {8, 9, 12}, "arms": {3, 14, 15}, "legs": {16, 17, 18, 19},
}  # fmt: skip


def tables(name):
    """Class of each raw label, and the skin classes, written out again."""
    if name == "coarse":
        names = LABEL_SETS["coarse"].classes
        classes = {raw: names.index(group) for group, raws in COARSE.items() for raw in raws}
        return classes, {names.index(skin) for skin in ("face", "arms", "legs")}
    raws = range(21 if name == "lip_neck" else 20)
    return {raw: raw for raw in raws}, SKIN_PARTS | ({20} & set(raws))


def cross_entropy(logits, parse, classes, weight):
    total = weights = 0.0
    for b, row, column in np.ndindex(parse.shape):
        scores = logits[b, :, row, column]
        wanted = classes[parse[b, row, column]]
        error = np.log(np.exp(scores).sum()) - scores[wanted]
        total += weight(wanted) * error
        weights += weight(wanted)
    return total / weights


def sample(name, seed=0):
    classes, skin = tables(name)
    rng = np.random.default_rng(seed)
    parse = rng.permuted(np.resize(list(classes), 2 * 5 * 7)).reshape(2, 5, 7)
    logits = rng.normal(0, 2, (2, len(set(classes.values())), 5, 7)).astype(np.float32)
    return logits, parse, classes, skin


def loss_of(name, logits, parse, skin, background):
    loss = SegmentationLoss(LABEL_SETS[name], skin, background)
    return loss(torch.as_tensor(logits), torch.as_tensor(parse)).item()


@pytest.mark.parametrize("name", ["lip", "lip_neck", "coarse"])
@pytest.mark.parametrize(("skin_weight", "background_weight"), [(1, 1), (3, 1), (1, 4), (2.5, 0.5)])
def test_it_is_the_weighted_cross_entropy(name, skin_weight, background_weight):
    logits, parse, classes, skin = sample(name)

    def weight(wanted):
        return background_weight if wanted == 0 else skin_weight if wanted in skin else 1.0

    expected = cross_entropy(logits.astype(float), parse, classes, weight)
    found = loss_of(name, logits, parse, skin_weight, background_weight)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["lip", "lip_neck", "coarse"])
def test_raw_labels_map_to_the_classes_of_the_logits(name):
    classes, _ = tables(name)
    target = SegmentationLoss(LABEL_SETS[name], 2, 2).target(torch.arange(len(classes))[None, None])
    assert target.flatten().tolist() == [classes[raw] for raw in range(len(classes))]
    if name == "lip":
        assert LABEL_SETS[name].classes == LIP


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_a_class_counts_by_the_ratio_of_its_weight(skin, background):
    """Without any pixel of weight 1, doubling both weights changes nothing."""
    logits, parse, _, skin_classes = sample("lip")
    only = np.where(np.isin(parse, list(skin_classes)), parse, 0)
    once = loss_of("lip", logits, only, skin, background)
    assert loss_of("lip", logits, only, 2 * skin, 2 * background) == pytest.approx(once, rel=1e-5)


def test_skin_takes_a_larger_share_as_its_weight_rises():
    pants, arm = 9, 14
    logits = torch.zeros(1, 20, 1, 2)
    logits[0, 0, 0, 0] = 3.0  # both are taken for background, the arm more firmly
    logits[0, 0, 0, 1] = 7.0
    parse = torch.tensor([[[pants, arm]]])
    wrong = [np.log(19 + np.exp(3)), np.log(19 + np.exp(7))]
    for weight in (1, 3, 10):
        expected = (wrong[0] + weight * wrong[1]) / (1 + weight)
        assert loss_of("lip", logits, parse, weight, 1) == pytest.approx(expected, rel=1e-5)

    def pull(weight):
        leaf = logits.clone().requires_grad_()
        SegmentationLoss(LABEL_SETS["lip"], weight, 1)(leaf, parse).backward()
        on_pants, on_arm = leaf.grad.abs().sum((0, 1, 2)).tolist()
        return on_arm / (on_pants + on_arm)

    assert pull(1) < pull(3) < pull(10)


def test_background_weighs_by_its_own_weight():
    logits = torch.zeros(1, 20, 1, 2)
    logits[0, 5, 0, 0] = 4.0  # background taken for upper clothes: bleeding
    parse = torch.tensor([[[0, 9]]])
    errors = np.log(19 + np.exp(4)), np.log(20)
    expected = (6 * errors[0] + errors[1]) / 7
    assert loss_of("lip", logits, parse, 1, 6) == pytest.approx(expected, rel=1e-5)


def test_it_is_computed_in_float32_and_not_kept_in_checkpoints():
    logits, parse, _, _ = sample("coarse")
    loss = SegmentationLoss(LABEL_SETS["coarse"], 2, 2)
    value = loss(torch.from_numpy(logits).bfloat16(), torch.from_numpy(parse))
    assert value.dtype == torch.float32
    assert not loss.state_dict()

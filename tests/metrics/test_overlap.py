import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vton_aux.metrics.overlap import class_iou, frequent_mean, mask_iou

PIXELS = 12  # of a 3 x 4 mask
sets = st.sets(st.integers(0, PIXELS - 1))


def mask(pixels):
    flat = torch.zeros(PIXELS)
    flat[list(pixels)] = 1
    return flat.reshape(1, 3, 4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(sets, sets), min_size=1, max_size=4))
def test_mask_iou_is_that_of_the_sets_of_pixels(pairs):
    found = mask_iou(*(torch.stack([mask(p) for p in side]) for side in zip(*pairs, strict=True)))
    expected = [len(a & b) / len(a | b) if a | b else 1.0 for a, b in pairs]
    assert found.tolist() == pytest.approx(expected)


def test_two_empty_masks_agree_and_one_empty_mask_does_not():
    empty, full = torch.zeros(1, 1, 3, 4), torch.ones(1, 1, 3, 4)
    assert mask_iou(empty, empty).tolist() == [1]
    assert mask_iou(empty, full).tolist() == mask_iou(full, empty).tolist() == [0]


def test_a_pixel_counts_above_one_half():
    soft = torch.tensor([0.2, 0.5, 0.51, 1.0]).reshape(1, 1, 1, 4)
    assert mask_iou(soft, torch.ones(1, 1, 1, 4)).tolist() == [0.5]


def test_class_iou_by_hand():
    # rows are the truth; the last class neither occurs nor is predicted
    confusion = torch.tensor([[50, 10, 0, 0], [5, 20, 5, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    found = class_iou(confusion).tolist()
    assert found[:3] == pytest.approx([50 / 65, 20 / 40, 0])
    assert math.isnan(found[3])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_class_iou_is_that_of_the_sets_of_pixels(pixels):
    confusion = torch.zeros(4, 4, dtype=torch.long)
    for true, predicted in pixels:
        confusion[true, predicted] += 1
    for c, found in enumerate(class_iou(confusion).tolist()):
        truth = {i for i, (true, _) in enumerate(pixels) if true == c}
        guess = {i for i, (_, predicted) in enumerate(pixels) if predicted == c}
        if truth | guess:
            assert found == pytest.approx(len(truth & guess) / len(truth | guess))
        else:
            assert math.isnan(found)


def mean_of_the_frequent(confusion):
    return frequent_mean(class_iou(confusion.double()), confusion.sum(1)).item()


def test_the_frequent_mean_leaves_rare_and_absent_classes_out():
    confusion = torch.zeros(5, 5, dtype=torch.long)
    confusion[0] = torch.tensor([900, 50, 0, 0, 0])
    confusion[1, 1] = 40
    confusion[2] = torch.tensor([1, 0, 4, 0, 0])  # 5 of 999 pixels: frequent
    confusion[3, 3] = 4  # 4 of 999: rare, and all right
    expected = (900 / 951 + 40 / 90 + 4 / 5) / 3
    assert mean_of_the_frequent(confusion) == pytest.approx(expected)


def test_a_class_of_half_a_percent_is_frequent():
    confusion = torch.tensor([[995, 0], [5, 0]])
    assert mean_of_the_frequent(confusion) == pytest.approx((995 / 1000 + 0) / 2)


def test_the_frequent_mean_ignores_classes_that_are_only_predicted():
    confusion = torch.tensor([[90, 10], [0, 0]])
    assert mean_of_the_frequent(confusion) == pytest.approx(0.9)

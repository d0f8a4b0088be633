"""Overlap of masks and of segmentations."""

from torch import Tensor

FREQUENT = 0.005  # a class is frequent when it covers at least this share of the pixels


def mask_iou(prediction: Tensor, target: Tensor) -> Tensor:
    """Intersection over union of two masks a sample, (B, 1, H, W) -> (B,); 1 where both are empty.

    A pixel belongs to a mask where its value is above 0.5.
    """
    a, b = prediction > 0.5, target > 0.5
    union = (a | b).flatten(1).sum(1)
    overlap = (a & b).flatten(1).sum(1)
    return (overlap + (union == 0)) / union.clamp(min=1)


def pixel_iou(common: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
    """common / (true + predicted - common) pixels of each class; NaN where neither has it."""
    return common / (true + predicted - common)


def class_iou(confusion: Tensor) -> Tensor:
    """IoU of each class from a confusion matrix (true, predicted); NaN where neither has it."""
    return pixel_iou(confusion.diagonal(), confusion.sum(1), confusion.sum(0))


def frequent_mean(iou: Tensor, true: Tensor) -> Tensor:
    """Mean of the classes' IoU over those that cover at least 0.5 % of the `true` pixels."""
    return iou[true / true.sum() >= FREQUENT].mean()

"""The horizontal flip of persons, a whole batch at a time and on any device.

Person, parse and joints are mirrored and left and right change places; the shop cloth stays.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vton_aux.data.labels import LEFT_RIGHT
from vton_aux.data.pose import FLIPPED, in_frame


def drawn_flips(numbers: Sequence[int], probability: float) -> Tensor:
    """Which samples are flipped, (B,) bool: a function of the numbers of their draws alone."""
    # SplitMix64: neighbouring numbers get independent values
    mixed = np.array([number % 2**64 for number in numbers], dtype=np.uint64)
    mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return torch.from_numpy((mixed >> np.uint64(11)) * 2.0**-53 < probability)


def flip_persons(batch: dict[str, Any], which: Tensor) -> dict[str, Any]:
    """`batch` (see `VITONDataset`) with the persons of `which`, (B,) bool, mirrored.

    Joints are moved so that their squares in the pose map are mirrored pixel by pixel; a joint out
    of the frame is absent, as after any other augmentation.
    """
    person, parse, joints = batch["person"], batch["parse"], batch["joints"]
    height, width = parse.shape[-2:]
    swapped = _swapped_labels(parse.device)[parse.flip(-1).int()]
    mirrored = joints[:, list(FLIPPED)]
    # a square ends at the last whole pixel before x + r: mirrored, it begins just before width - x
    mirrored[..., 0] = width - 2**-10 - mirrored[..., 0]
    joints = torch.where(which[:, None, None], mirrored, joints)
    joints[..., 2] *= in_frame(joints, height, width)
    return {
        **batch,
        "person": torch.where(which[:, None, None, None], person.flip(-1), person),
        "parse": torch.where(which[:, None, None], swapped, parse),
        "joints": joints,
    }


@cache
def _swapped_labels(device: torch.device) -> Tensor:
    """The label of each raw label after a flip, (256,) uint8."""
    labels = list(range(256))
    for left, right in LEFT_RIGHT:
        labels[left], labels[right] = right, left
    return torch.tensor(labels, dtype=torch.uint8, device=device)

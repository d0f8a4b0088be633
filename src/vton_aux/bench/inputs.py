"""Stages and batches to measure, of random numbers: what they cost is the same."""

from typing import Any

import torch
from torch import Tensor

from vton_aux.stages.base import Stage
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.speed import Speed
from vton_aux.stages.tom import TOMStage


def build_stage(name: str, aux: bool, vgg: bool, size: tuple[int, int], speed: Speed) -> Stage:
    """A new stage at the paper's width; VGG19 with random weights, which cost the same."""
    torch.manual_seed(0)
    context = {"size": list(size), "aux": aux}
    stage: Stage
    if name == "gmm":
        stage = GMMStage({}, context)
    else:
        settings = {"perceptual_weight": float(vgg), "vgg": "random"}
        gmm = {"settings": {}, "context": {**context, "aux": False}}
        stage = TOMStage(settings, context, gmm=gmm)
    stage.quicken(speed)
    stage.setup("fit")
    return stage


def random_batch(batch: int, size: tuple[int, int], device: torch.device) -> dict[str, Any]:
    """A batch as `VITONDataset` gives it, of random pixels; what a step costs is the same."""
    generator = torch.Generator().manual_seed(0)
    height, width = size

    def pixels(high: int, channels: int) -> Tensor:
        shape = (batch, height, width, channels)
        values = torch.randint(0, high, shape, generator=generator, dtype=torch.uint8)
        return values.permute(0, 3, 1, 2).to(device)

    place = torch.rand(batch, 18, 2, generator=generator) * torch.tensor([width, height])
    return {
        "person": pixels(256, 3),
        "cloth": pixels(256, 3),
        "cloth_mask": pixels(2, 1),
        "parse": pixels(20, 1)[:, 0],
        "joints": torch.cat([place, torch.ones(batch, 18, 1)], dim=2).to(device),
        "pairing": ["paired"] * batch,
    }


def random_images(batch: int, channels: int, device: torch.device) -> Tensor:
    """(B, channels, 256, 192) in [-1, 1]."""
    generator = torch.Generator().manual_seed(channels)
    return torch.rand(batch, channels, 256, 192, generator=generator).mul(2).sub(1).to(device)

"""What the tests of both networks share."""

import torch


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def inputs(size=(128, 96), batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    person, cloth = (2 * torch.rand(batch, c, *size, generator=generator) - 1 for c in (22, 3))
    return person, cloth

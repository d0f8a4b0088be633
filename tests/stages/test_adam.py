"""Adam goes on from any other's moments: fused or not, in whatever memory format."""

from itertools import product

import pytest
import torch

from vton_aux.stages.adam import Adam

FORMATS = (torch.contiguous_format, torch.channels_last)


def weights(memory_format):
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(4, 3, 2, 2, generator=generator).to(memory_format=memory_format)
    return [kernel.requires_grad_(), torch.randn(5, generator=generator).requires_grad_()]


def steps(optimizer, parameters, first, last):
    for step in range(first, last):
        generator = torch.Generator().manual_seed(step)
        for parameter in parameters:
            gradient = torch.randn(parameter.shape, generator=generator)
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        optimizer.step()


@pytest.mark.parametrize(
    ("fused", "formats"), product(product((0, 1), repeat=2), product(FORMATS, repeat=2))
)
def test_a_training_goes_on_with_other_switches_as_if_nothing_had_changed(fused, formats):
    expected = weights(torch.contiguous_format)
    steps(torch.optim.Adam(expected, lr=0.01), expected, 0, 5)
    before = weights(formats[0])
    optimizer = Adam(before, fused=bool(fused[0]), lr=0.01)
    steps(optimizer, before, 0, 3)
    after = [
        torch.empty_like(new).copy_(old.detach()).requires_grad_()
        for new, old in zip(weights(formats[1]), before, strict=True)
    ]
    resumed = Adam(after, fused=bool(fused[1]), lr=0.01)
    resumed.load_state_dict(optimizer.state_dict())
    assert resumed.param_groups[0]["fused"] == fused[1]
    steps(resumed, after, 3, 5)
    for found, wanted in zip(after, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)

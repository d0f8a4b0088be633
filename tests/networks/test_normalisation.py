import pytest
import torch
from torch import nn

from vton_aux.networks.normalisation import InstanceNorm


@pytest.mark.parametrize("samples", [1, 3])
def test_it_is_pytorchs_instance_norm_and_its_gradient(samples):
    torch.manual_seed(0)
    x = (torch.randn(samples, 5, 9, 7, dtype=torch.float64) * 3 + 2).requires_grad_()
    weights = torch.randn_like(x)
    results = []
    for norm in (InstanceNorm(), nn.InstanceNorm2d(5)):
        out = norm(x)
        results.append((out, *torch.autograd.grad((out * weights).sum(), x)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_it_normalises_in_evaluation_too():
    x = torch.randn(2, 3, 8, 8) * 4 + 1
    out = InstanceNorm().eval()(x)
    torch.testing.assert_close(out.mean((2, 3)), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var((2, 3), correction=0), torch.ones(2, 3), atol=1e-4, rtol=0)


def test_it_keeps_channels_last():
    x = torch.randn(2, 6, 8, 4).to(memory_format=torch.channels_last).requires_grad_()
    out = InstanceNorm()(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    (gradient,) = torch.autograd.grad(out.square().sum(), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)

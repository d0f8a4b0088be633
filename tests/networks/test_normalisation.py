import pytest
import torch
from torch import nn

from vton_aux.networks.normalisation import InstanceNorm, normalised


@pytest.mark.parametrize("channels", [4, 8])
@pytest.mark.parametrize("samples", [1, 3])
def test_it_is_pytorchs_instance_norm_and_its_gradient(samples, channels):
    torch.manual_seed(0)
    x = (torch.randn(samples, channels, 9, 7, dtype=torch.float64) * 3 + 2).requires_grad_()
    weights = torch.randn_like(x)
    results = []
    for norm in (InstanceNorm(), nn.InstanceNorm2d(channels)):
        out = norm(x)
        results.append((out, *torch.autograd.grad((out * weights).sum(), x)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_it_normalises_in_evaluation_too():
    x = torch.randn(2, 3, 8, 8) * 4 + 1
    out = InstanceNorm().eval()(x)
    torch.testing.assert_close(out.mean((2, 3)), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var((2, 3), correction=0), torch.ones(2, 3), atol=1e-4, rtol=0)


def test_it_keeps_channels_last_but_for_few_channels():
    few = torch.randn(2, 4, 8, 4).to(memory_format=torch.channels_last)
    assert InstanceNorm()(few).is_contiguous()
    x = torch.randn(2, 8, 8, 4).to(memory_format=torch.channels_last).requires_grad_()
    out = InstanceNorm()(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    (gradient,) = torch.autograd.grad(out.square().sum(), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_what_a_compiler_is_given_is_instance_norm_and_its_gradient():
    torch.manual_seed(0)
    x = (torch.randn(3, 5, 9, 7) * 3 + 2).requires_grad_()
    weights = torch.randn_like(x)
    results = []
    for norm in (normalised, nn.InstanceNorm2d(5)):
        out = norm(x)
        results.append((out, *torch.autograd.grad((out * weights).sum(), x)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_compiler_is_given_sums_in_float32(dtype):
    torch.manual_seed(0)
    x = (torch.randn(1, 4, 64, 48) + 20).to(dtype)  # sums beyond what 8 or 11 bits can tell
    out = normalised(x)
    assert out.dtype == dtype
    true = nn.InstanceNorm2d(4)(x.float())
    assert (out.float() - true).abs().max() < 2**-8 * true.abs().max()

import pytest
import torch
import torch.nn.functional as F

from vton_aux.networks.upsampled_conv import UpsampledConv, _doubled_by_product


def doubled_and_convolved(layer, x):
    doubled = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return F.conv2d(doubled, layer.weight, layer.bias, padding=1)


@pytest.mark.parametrize("outputs", [1, 4, 16, 17])
@pytest.mark.parametrize("size", [(2, 3), (4, 4), (5, 7), (16, 12)])
def test_it_is_the_convolution_of_the_doubled_map_borders_included(outputs, size):
    torch.manual_seed(0)
    layer = UpsampledConv(6, outputs).double()
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    torch.testing.assert_close(layer(x), doubled_and_convolved(layer, x), rtol=0, atol=1e-12)


def test_its_gradients_are_those_of_the_two_steps():
    torch.manual_seed(0)
    layer = UpsampledConv(3, 4).double()
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 4, 12, 10, dtype=torch.float64)
    wanted = (x, layer.weight, layer.bias)
    found = torch.autograd.grad((layer(x) * weights).sum(), wanted)
    true = torch.autograd.grad((doubled_and_convolved(layer, x) * weights).sum(), wanted)
    for one, other in zip(found, true, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_it_has_the_weights_of_a_convolution():
    torch.manual_seed(3)
    layer = UpsampledConv(6, 4)
    torch.manual_seed(3)
    plain = torch.nn.Conv2d(6, 4, 3, padding=1)
    for name, value in plain.state_dict().items():
        assert torch.equal(layer.state_dict()[name], value)


def test_bfloat16_stays_within_its_rounding():
    torch.manual_seed(0)
    layer = UpsampledConv(32, 4)
    x = torch.randn(1, 32, 16, 12)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    true = doubled_and_convolved(layer, x)
    assert found.dtype == torch.bfloat16
    assert (found - true).abs().max() < 0.02 * true.abs().max()


@pytest.mark.parametrize("size", [(2, 6), (5, 2)])
def test_a_strip_doubled_by_a_product_is_interpolated(size):
    x = torch.randn(3, 4, *size, dtype=torch.float64)
    true = F.interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(_doubled_by_product(x), true, rtol=0, atol=1e-12)

import pytest
import torch
import torch.nn.functional as F

from vton_aux.networks.upsampling import _Doubled, joined, repeated, shuffled


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (2, 3), (5, 7), (16, 12)])
def test_the_way_back_that_gathers_is_that_of_interpolate(size):
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 3, 2 * size[0], 2 * size[1], dtype=torch.float64)
    results = []
    for out in (_Doubled.apply(x), F.interpolate(x, scale_factor=2, mode="bilinear")):
        results.append((out, *torch.autograd.grad((out * weights).sum(), x)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_joined_maps_lie_behind_one_another_in_the_format_that_they_have():
    maps = torch.randn(2, 3, 5, 7), torch.randn(2, 4, 5, 7)
    for formats in (torch.contiguous_format, torch.channels_last):
        found = joined(*(x.to(memory_format=formats) for x in maps))
        assert torch.equal(found, torch.cat(maps, dim=1))
        assert found.is_contiguous(memory_format=formats)


def test_repeating_is_nearest_interpolation_there_and_back():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 3, 10, 14, dtype=torch.float64)
    results = []
    for out in (repeated(x), F.interpolate(x, scale_factor=2, mode="nearest")):
        results.append((out, *torch.autograd.grad((out * weights).sum(), x)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("side", [2, 4])
def test_shuffling_is_pixel_shuffle_with_the_classes_last(side):
    x = torch.randn(2, side * side * 3, 5, 7)
    classes_first = x.unflatten(1, (side * side, 3)).transpose(1, 2).flatten(1, 2)
    assert torch.equal(shuffled(x, side), F.pixel_shuffle(classes_first, side))


def test_shuffling_stays_channels_last_there_and_back():
    x = torch.randn(2, 12, 5, 7).to(memory_format=torch.channels_last).requires_grad_()
    out = shuffled(x, 2)
    assert out.is_contiguous(memory_format=torch.channels_last)
    (gradient,) = torch.autograd.grad(out.square().sum(), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)

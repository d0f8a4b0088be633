import pytest
import torch
import torch.nn.functional as F

from vton_aux.networks.aligned import aligned_conv2d, with_zeros


def test_zeros_behind_the_channels_change_neither_the_map_nor_a_gradient():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 9, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(5, dtype=torch.float64, requires_grad=True)
    wider = with_zeros(x, 5)
    assert wider.shape == (2, 8, 9, 6)
    assert wider.is_contiguous(memory_format=torch.channels_last)
    results = []
    for out in (
        F.conv2d(wider, with_zeros(weight, 5), bias, 2, 1),
        F.conv2d(x, weight, bias, 2, 1),
    ):
        results.append((out, *torch.autograd.grad(out.square().sum(), (x, weight, bias))))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("channels", [3, 22, 24])
def test_compiled_on_a_gpu_it_is_the_same_convolution(channels):
    torch.manual_seed(0)
    x = torch.randn(2, channels, 16, 12, device="cuda")
    weight = torch.randn(8, channels, 4, 4, device="cuda")
    with torch.backends.cudnn.flags(allow_tf32=False):
        found = torch.compile(aligned_conv2d, fullgraph=True)(x, weight, None, 2, 1)
        torch.testing.assert_close(found, F.conv2d(x, weight, None, 2, 1), rtol=1e-4, atol=1e-4)

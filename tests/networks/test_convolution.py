import pytest
import torch
import torch.nn.functional as F

from vton_aux.device import computes_bf16
from vton_aux.networks import aligned, convolution, products
from vton_aux.networks.convolution import Conv2d
from vton_aux.networks.gmm import GMM


def results(x, layer):
    out = layer(x)
    return out, *torch.autograd.grad(out.square().sum(), (x, layer.weight, layer.bias))


def layer_and_map(kernel, stride, dtype=torch.float64):
    torch.manual_seed(0)
    layer = Conv2d(3, 5, kernel, stride=stride, padding=1).to(
        dtype, memory_format=torch.channels_last
    )
    x = torch.randn(2, 3, 9, 6, dtype=dtype).contiguous(memory_format=torch.channels_last)
    return layer, x.requires_grad_()


@pytest.fixture
def small_weights_too(monkeypatch):
    monkeypatch.setattr(products, "_LARGE", 0)


@pytest.mark.usefixtures("small_weights_too")
@pytest.mark.parametrize("few", [0, 256], ids=["the gradient of the weight", "all"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 2)])
def test_products_are_the_convolution_and_its_gradients(kernel, stride, few, monkeypatch):
    monkeypatch.setattr(products, "_FEW", few)
    layer, x = layer_and_map(kernel, stride)
    found = results(x, layer)
    monkeypatch.setattr(products, "_SOME", 0)
    for one, other in zip(found, results(x, layer), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
        if one.dim() == 4:
            assert one.is_contiguous(memory_format=torch.channels_last)


def test_products_need_no_bias_and_no_gradient_of_the_map():
    layer, x = layer_and_map(4, 2)
    without = products.conv2d_by_products(x.detach(), layer.weight, None, 2, 1)
    torch.testing.assert_close(without, F.conv2d(x, layer.weight, None, 2, 1))
    (found,) = torch.autograd.grad(without.sum(), layer.weight)
    (wanted,) = torch.autograd.grad(F.conv2d(x, layer.weight, None, 2, 1).sum(), layer.weight)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("small_weights_too")
def test_under_autocast_products_are_of_its_type_and_gradients_of_the_weights():
    layer, x = layer_and_map(3, 1, torch.float32)
    exact = results(x, layer)
    with torch.autocast("cpu", torch.bfloat16):
        rough = results(x, layer)
    assert rough[0].dtype == torch.bfloat16
    for one, other in zip(rough, exact, strict=True):
        assert one is rough[0] or one.dtype == torch.float32
        torch.testing.assert_close(
            one.float(), other, rtol=0.03, atol=0.03 * other.abs().max().item()
        )


@pytest.mark.usefixtures("small_weights_too")
def test_products_serve_large_weights_of_small_maps_in_training_alone(monkeypatch):
    asked = []

    def by_products(x, *rest):
        asked.append(x)
        return x

    monkeypatch.setattr(convolution, "conv2d_by_products", by_products)
    layer, x = layer_and_map(3, 1)
    layer(x)
    assert len(asked) == 1
    layer(torch.zeros(2, 3, 48, 32, dtype=torch.float64))  # many positions
    with torch.no_grad():
        layer(x)
    layer.requires_grad_(False)(x)
    monkeypatch.setattr(products, "_LARGE", layer.weight.numel() + 1)
    layer.requires_grad_(True)(x)
    assert len(asked) == 1


def test_the_layer_is_a_convolution_with_its_stride_and_padding(monkeypatch):
    torch.manual_seed(0)
    layer, x = Conv2d(3, 4, 4, stride=2, padding=1), torch.randn(2, 3, 64, 48)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias, 2, 1))
    torch.manual_seed(0)
    assert torch.equal(torch.nn.Conv2d(3, 4, 4, stride=2, padding=1).weight, layer.weight)
    padded = []
    monkeypatch.setattr(aligned, "with_zeros", lambda *asked: padded.append(asked))
    layer(x)
    assert not padded  # a CPU takes three channels as they are


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_it_is_the_same_convolution_bit_for_bit(dtype):
    layer, x = layer_and_map(4, 2, dtype)
    with torch.inference_mode(), torch.autocast("cpu", enabled=dtype == torch.bfloat16):
        wanted = layer(x)
        layer.pack()
        assert layer.packs == (dtype == torch.float32 or computes_bf16(x.device))
        found, of_another_format = layer(x), layer(x.float().contiguous())
    assert torch.equal(found, wanted)
    assert torch.equal(of_another_format, wanted)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert set(layer.state_dict()) == {"weight", "bias"}


@pytest.mark.parametrize("shape", [(22, 64, 64, 48), (512, 512, 16, 12), (1024, 512, 16, 12)])
def test_a_packed_weight_is_in_the_format_that_the_convolution_reads(shape, capfd):
    inputs, outputs, height, width = shape
    layer = Conv2d(inputs, outputs, 3, padding=1)
    layer.pack()
    sizes = [torch.randn(batch, inputs, height, width).to(memory_format=torch.channels_last)
             for batch in (1, 4)]  # fmt: skip
    with torch.inference_mode():
        for x in sizes:
            layer(x)
            with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
                again = layer(x)
            told = capfd.readouterr().out
            assert "exec,cpu,convolution" in told
            assert f"{outputs}x{inputs}x3x3" not in told  # where it is reordered
            torch.testing.assert_close(again, F.conv2d(x, layer.weight, layer.bias, padding=1))


def test_gmm_trains_its_deep_convolutions_by_products(monkeypatch):
    shapes = []

    def noted(x, weight, *rest):
        shapes.append((x.shape[2], *weight.shape[:2]))
        return products.conv2d_by_products(x, weight, *rest)

    monkeypatch.setattr(convolution, "conv2d_by_products", noted)
    GMM()(torch.zeros(1, 22, 256, 192), torch.zeros(1, 3, 256, 192))
    extractor = [(32, 512, 256), (16, 512, 512), (16, 512, 512)]
    assert shapes == [*extractor, *extractor, (16, 512, 192), (8, 256, 512)]


@pytest.mark.parametrize("given", [{"padding_mode": "reflect"}, {"dilation": 2}, {"groups": 2}])
def test_what_it_does_not_compute_cannot_be_asked_for(given):
    with pytest.raises(TypeError, match=next(iter(given))):
        Conv2d(4, 4, 3, padding=1, **given)

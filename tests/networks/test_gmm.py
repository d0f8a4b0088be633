import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from network_inputs import inputs, parameters
from spline_oracle import thin_plate_spline
from vton_aux.networks.correlation import feature_correlation
from vton_aux.networks.encoders import FeatureExtractor
from vton_aux.networks.gmm import GMM, ThetaRegressor, feature_levels

SMALL = {"size": (128, 96), "width": 8, "head_width": 8}
CLASSES = 7


def on_paper(**settings):
    with torch.device("meta"):
        return GMM(**settings)


def built(seed=0, **settings):
    torch.manual_seed(seed)
    return GMM(**{**SMALL, **settings})


def convolutions(model):
    return [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in model.modules()
        if isinstance(m, nn.Conv2d)
    ]


def normalised(x, bn):
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    x = (x - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
    return x * bn.weight[:, None, None] + bn.bias[:, None, None]


def test_the_papers_network_has_cp_vtons_parameters():
    model = on_paper()
    assert round(parameters(model) / 1e6, 2) == 19.06
    trunk = [
        (64, 128, 4, 2),
        (128, 256, 4, 2),
        (256, 512, 4, 2),
        (512, 512, 3, 1),
        (512, 512, 3, 1),
    ]
    assert convolutions(model.person_encoder) == [(22, 64, 4, 2), *trunk]
    assert convolutions(model.cloth_encoder) == [(3, 64, 4, 2), *trunk]
    assert convolutions(model.regressor) == [
        (192, 512, 4, 2), (512, 256, 4, 2), (256, 128, 3, 1), (128, 64, 3, 1),
    ]  # fmt: skip
    assert model.regressor.linear.weight.shape == (2 * 5 * 5, 64 * 4 * 3)


def test_width_shrinks_every_layer_in_proportion():
    wide, narrow = on_paper(width=64), on_paper(width=16)
    assert [c[1] for c in convolutions(narrow)] == [c[1] // 4 for c in convolutions(wide)]
    assert parameters(narrow) < parameters(wide) / 12


def test_without_classes_there_is_no_head():
    model = on_paper()
    assert not [name for name in model.state_dict() if "segmentation" in name]
    assert model.segmentation is None
    headed = on_paper(classes=20)
    assert [name for name, _ in headed.named_parameters() if name.startswith("segmentation.")]


def test_convolutions_of_the_extractors_start_from_a_narrow_normal():
    torch.manual_seed(0)
    layers = list(FeatureExtractor(3, 16).modules())
    for layer in layers:
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 5000:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert abs(layer.weight.mean().item()) < 0.002
    scales = torch.cat([m.weight.detach() for m in layers if isinstance(m, nn.BatchNorm2d)])
    assert scales.mean().item() == pytest.approx(1, abs=0.01)
    assert scales.std().item() == pytest.approx(0.02, rel=0.2)


def test_the_extractor_is_convolution_relu_batchnorm_and_no_norm_at_the_end():
    torch.manual_seed(0)
    model, x = FeatureExtractor(5, 4), torch.randn(3, 5, 64, 48)
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert (len(convs), len(norms)) == (6, 5)
    expected = x
    for i, conv in enumerate(convs):
        expected = F.conv2d(expected, conv.weight, conv.bias, stride=2 if i < 4 else 1, padding=1)
        expected = expected.clamp(min=0)
        if i < 5:
            expected = normalised(expected, norms[i])
    torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-4)
    assert expected.shape == (3, 32, 4, 3)


def test_the_regressor_is_convolution_batchnorm_relu_then_a_bounded_linear_map():
    torch.manual_seed(0)
    model, x = ThetaRegressor((16, 12), 50, width=8), torch.randn(2, 192, 16, 12)
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    expected = x
    for conv, norm, stride in zip(convs, norms, (2, 2, 1, 1), strict=True):
        expected = F.conv2d(expected, conv.weight, conv.bias, stride=stride, padding=1)
        expected = normalised(expected, norm).clamp(min=0)
    expected = expected.reshape(2, -1) @ model.linear.weight.T + model.linear.bias
    torch.testing.assert_close(model(x), expected.tanh(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("size", "width", "map_size"),
    [((256, 192), 4, (16, 12)), ((128, 96), 8, (16, 12)), ((128, 64), 8, (16, 8)),
     ((512, 384), 2, (16, 12))],
)  # fmt: skip
def test_shapes_and_ranges(size, width, map_size):
    model = built(size=size, width=width, classes=CLASSES).eval()
    person, cloth = inputs(size)
    assert model.person_encoder(person).shape[2:] == map_size
    out = model(person, cloth, segment=True)
    assert out.offsets.shape == (2, 25, 2)
    assert out.grid.shape == (2, *size, 2)
    assert out.expected_segmentation.shape == (2, CLASSES, *size)
    assert out.offsets.abs().max() < 1


def test_theta_stays_bounded_whatever_the_regressor_says():
    model = built()
    with torch.no_grad():
        model.regressor.linear.weight *= 1e4
    offsets = model(*inputs()).offsets
    assert 0.99 < offsets.abs().max() <= 1


def test_the_grid_is_the_spline_through_the_offsets():
    out = built(points=3).eval()(*inputs())
    assert out.offsets.shape == (2, 9, 2)
    side = np.linspace(-1, 1, 3)
    control = np.array([(x, y) for y in side for x in side])
    pixels = np.array([(x, y) for y in np.linspace(-1, 1, 128) for x in np.linspace(-1, 1, 96)])
    for grid, offsets in zip(out.grid.detach(), out.offsets.detach().double().numpy(), strict=True):
        expected = thin_plate_spline(control, control + offsets, pixels)
        np.testing.assert_allclose(grid.reshape(-1, 2).numpy(), expected, atol=1e-5)


def test_theta_comes_from_the_correlation_of_person_with_cloth():
    model = built().eval()
    person, cloth = inputs()
    correlation = feature_correlation(model.person_encoder(person), model.cloth_encoder(cloth))
    torch.testing.assert_close(
        model(person, cloth).offsets.flatten(1), model.regressor(correlation), atol=1e-6, rtol=0
    )


def test_the_head_runs_only_when_asked():
    model = built(classes=CLASSES).eval()
    runs = []
    model.segmentation.register_forward_hook(lambda *_: runs.append(1))
    without = model(*inputs())
    assert not runs
    assert without.expected_segmentation is None
    asked = model(*inputs(), segment=True)
    assert len(runs) == 1
    assert asked.expected_segmentation is not None
    assert torch.equal(asked.grid, without.grid)
    assert built()(*inputs(), segment=True).expected_segmentation is None


def test_the_head_leaves_the_seeds_primary_weights_alone():
    bare, headed = built(seed=5), built(seed=5, classes=CLASSES)
    states = bare.state_dict(), headed.state_dict()
    assert set(states[1]) - set(states[0]) == {k for k in states[1] if "segmentation" in k}
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert not all(torch.equal(v, states[0][n]) for n, v in built(seed=6).state_dict().items())


def reached(loss, model):
    model.zero_grad()
    loss.backward()
    return {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().any()}


def names(model, *parts):
    return {n for n, _ in model.named_parameters() if n.split(".")[0] in parts}


def test_the_auxiliary_loss_trains_both_extractors_and_the_head_alone():
    model = built(classes=CLASSES)
    logits = model(*inputs(), segment=True).expected_segmentation
    loss = F.cross_entropy(logits, torch.randint(CLASSES, (2, 128, 96)))
    assert reached(loss, model) == names(model, "person_encoder", "cloth_encoder", "segmentation")


def test_the_primary_loss_trains_both_extractors_and_the_regressor_alone():
    model = built(classes=CLASSES)
    loss = model(*inputs(), segment=True).grid.square().mean()
    touched = reached(loss, model)
    assert touched <= names(model, "person_encoder", "cloth_encoder", "regressor")
    assert touched >= names(model, "person_encoder", "cloth_encoder")
    assert "regressor.linear.weight" in touched


def test_theta_the_grid_and_the_logits_are_float32_under_mixed_precision():
    model = built(classes=CLASSES).eval()
    with torch.autocast("cpu", torch.bfloat16):
        out = model(*inputs(), segment=True)
    assert {value.dtype for value in out} == {torch.float32}


@pytest.mark.parametrize(("height", "levels"), [(128, 3), (192, 4), (256, 4), (320, 4), (512, 5)])
def test_a_feature_map_has_16_rows_or_so(height, levels):
    assert feature_levels(height) == levels

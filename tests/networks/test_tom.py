import pytest
import torch
import torch.nn.functional as F
from torch import nn

from network_inputs import inputs, parameters
from vton_aux.networks.decoders import UNetDecoder
from vton_aux.networks.encoders import UNetEncoder
from vton_aux.networks.tom import TOM, compose

SMALL = {"size": (128, 96), "width": 8, "head_width": 8}
CLASSES = 7


def on_paper(**settings):
    with torch.device("meta"):
        return TOM(**settings)


def built(seed=0, **settings):
    torch.manual_seed(seed)
    return TOM(**{**SMALL, **settings})


def convolutions(model):
    return [m for m in model.modules() if isinstance(m, nn.Conv2d)]


def instance_normalised(x):
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


def test_the_papers_network_has_cp_vtons_parameters():
    model = on_paper()
    assert round(parameters(model) / 1e6, 2) == 21.35
    down = [(c.in_channels, c.out_channels) for c in convolutions(model.encoder)]
    assert down == [(25, 64), (64, 128), (128, 256), (256, 512), (512, 512), (512, 512)]
    assert {(c.kernel_size, c.stride) for c in convolutions(model.encoder)} == {((4, 4), (2, 2))}
    up = [(c.in_channels, c.out_channels) for c in convolutions(model.decoder)]
    assert up == [(128, 4), (256, 64), (512, 128), (1024, 256), (1024, 512), (512, 512)]
    assert {(c.kernel_size, c.stride) for c in convolutions(model.decoder)} == {((3, 3), (1, 1))}


def test_width_shrinks_every_layer_in_proportion():
    wide, narrow = on_paper(width=64), on_paper(width=16)
    assert narrow.encoder.out_channels == [16, 32, 64, 128, 128, 128]
    assert parameters(narrow) < parameters(wide) / 12


def test_the_small_size_has_five_levels():
    assert on_paper(size=(128, 96)).encoder.out_channels == [64, 128, 256, 512, 512]
    assert len(on_paper(size=(128, 64)).encoder.out_channels) == 6


def test_without_classes_there_is_no_head():
    model = on_paper()
    assert not [name for name in model.state_dict() if "segmentation" in name]
    assert model.segmentation is None
    headed = on_paper(classes=20)
    assert [name for name, _ in headed.named_parameters() if name.startswith("segmentation.")]


@pytest.mark.parametrize("output_norm", [True, False])
def test_the_unet_is_that_of_nested_blocks(output_norm):
    """Each block around the next finer one, as pix2pix nests them and CP-VTON normalises them."""
    torch.manual_seed(0)
    encoder = UNetEncoder(5, 4, levels=4)
    decoder = UNetDecoder(encoder.out_channels, 4, output_norm)
    down, up = convolutions(encoder), convolutions(decoder)

    def block(x, level):
        if level:
            x = torch.where(x > 0, x, 0.2 * x)
        x = F.conv2d(x, down[level].weight, down[level].bias, stride=2, padding=1)
        if 0 < level < 3:
            x = instance_normalised(x)
        if level < 3:
            x = torch.cat([x, block(x, level + 1)], dim=1)
        x = F.interpolate(x.clamp(min=0), scale_factor=2, mode="bilinear", align_corners=False)
        x = F.conv2d(x, up[level].weight, up[level].bias, padding=1)
        return instance_normalised(x) if level or output_norm else x

    image = torch.randn(2, 5, 64, 48)
    features = encoder(image)
    assert [f.shape[1:] for f in features] == [(4, 32, 24), (8, 16, 12), (16, 8, 6), (32, 4, 3)]
    torch.testing.assert_close(decoder(features), block(image, 0), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("size", "width"), [((256, 192), 4), ((128, 96), 8), ((128, 64), 8), ((512, 384), 2)]
)
def test_shapes_and_ranges(size, width):
    model = built(size=size, width=width, classes=CLASSES)
    with torch.no_grad():
        out = model(*inputs(size), segment=True)
    assert out.rendered.shape == (2, 3, *size)
    assert out.mask.shape == (2, 1, *size)
    assert out.expected_segmentation.shape == (2, CLASSES, *size)
    assert -1 <= out.rendered.min() < -0.5 < 0.5 < out.rendered.max() <= 1
    assert 0 <= out.mask.min() < 0.3 < 0.7 < out.mask.max() <= 1


def test_output_norm_standardises_each_output_before_its_activation():
    out = built(output_norm=True)(*inputs())
    before = torch.cat([out.rendered.double().atanh(), out.mask.double().logit()], dim=1)
    torch.testing.assert_close(before.mean((2, 3)), torch.zeros(2, 4).double(), atol=1e-3, rtol=0)
    deviation = before.std((2, 3), correction=0)
    torch.testing.assert_close(deviation, torch.ones(2, 4).double(), atol=1e-2, rtol=0)
    free = built(output_norm=False)(*inputs()).mask.logit()
    assert abs(free.std().item() - 1) > 0.1


def test_compose_is_equation_one():
    cloth, rendered = torch.tensor([0.8, -1.0]), torch.tensor([-0.4, 0.6])
    cloth, rendered = (v.reshape(1, 2, 1, 1).repeat(1, 1, 1, 3) for v in (cloth, rendered))
    mask = torch.tensor([0.0, 1.0, 0.25]).reshape(1, 1, 1, 3)
    expected = torch.tensor([[-0.4, 0.8, -0.1], [0.6, -1.0, 0.2]]).reshape(1, 2, 1, 3)
    torch.testing.assert_close(compose(cloth, rendered, mask), expected)


def test_another_number_of_channels_is_refused():
    network = TOM((128, 96), width=8)
    cloth = torch.zeros(1, 3, 128, 96)
    for channels in (21, 23, 24):
        with pytest.raises(ValueError, match=f"I_p has {channels} channels instead of 22"):
            network(torch.zeros(1, channels, 128, 96), cloth)


def test_the_head_runs_only_when_asked():
    model = built(classes=CLASSES)
    runs = []
    model.segmentation.register_forward_hook(lambda *_: runs.append(1))
    without = model(*inputs())
    assert not runs
    assert without.expected_segmentation is None
    asked = model(*inputs(), segment=True)
    assert len(runs) == 1
    assert asked.expected_segmentation is not None
    assert torch.equal(asked.rendered, without.rendered)
    assert built()(*inputs(), segment=True).expected_segmentation is None


def test_the_head_leaves_the_seeds_primary_weights_alone():
    bare, headed = built(seed=5).state_dict(), built(seed=5, classes=CLASSES).state_dict()
    assert set(headed) - set(bare) == {k for k in headed if "segmentation" in k}
    assert all(torch.equal(value, headed[name]) for name, value in bare.items())
    assert not all(torch.equal(v, bare[n]) for n, v in built(seed=6).state_dict().items())


def trained(loss, model):
    model.zero_grad()
    loss.backward()
    return {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().any()}


def names(model, *parts):
    return {n for n, _ in model.named_parameters() if n.split(".")[0] in parts}


def test_the_auxiliary_loss_trains_every_level_of_the_encoder_and_the_head_alone():
    model = built(classes=CLASSES)
    logits = model(*inputs(), segment=True).expected_segmentation
    loss = F.cross_entropy(logits, torch.randint(CLASSES, (2, 128, 96)))
    assert trained(loss, model) == names(model, "encoder", "segmentation")


def test_the_head_reads_each_level_of_the_encoder_by_itself():
    model = built(classes=CLASSES)
    features = [f.detach().requires_grad_() for f in model.encoder(torch.cat(inputs(), dim=1))]
    # but the finest, half the image's size: the head ends at a quarter
    model.segmentation(features[-1], features[-2:0:-1]).square().sum().backward()
    assert [f.grad is not None and bool(f.grad.any()) for f in features] == [False] + [True] * 4


def test_the_primary_loss_trains_the_encoder_and_the_decoder_alone():
    model = built(classes=CLASSES)
    out = model(*inputs(), segment=True)
    touched = trained(out.rendered.square().mean() + out.mask.square().mean(), model)
    assert touched <= names(model, "encoder", "decoder")
    weights = {n for n in names(model, "encoder", "decoder") if n.endswith("weight")}
    assert touched >= weights  # a bias before InstanceNorm has none


def test_pictures_and_logits_are_float32_under_mixed_precision():
    model = built(classes=CLASSES)
    with torch.autocast("cpu", torch.bfloat16):
        out = model(*inputs(), segment=True)
    assert {value.dtype for value in out} == {torch.float32}


def test_all_pixels_of_a_patch_begin_alike():
    logits = built(classes=CLASSES)(*inputs(), segment=True).expected_segmentation
    patches = logits.unflatten(3, (-1, 4)).unflatten(2, (-1, 4))
    assert torch.equal(patches, patches[:, :, :, :1, :, :1].expand_as(patches))
    assert logits.std() > 0

"""Figure 1 is the model that runs: every number in it is read from the modules."""

import re
from xml.etree import ElementTree

import pytest
import torch
from torch.utils.data import default_collate

from vton_aux.data.dataset import VITONDataset
from vton_aux.data.labels import LABEL_SETS
from vton_aux.data.layout import test_pairs as pairs_of
from vton_aux.errors import UserError
from vton_aux.evaluation.architecture import read_architecture
from vton_aux.evaluation.figure1 import figure_1
from vton_aux.networks.gmm import GMM
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.tom import TOMStage

SVG = "{http://www.w3.org/2000/svg}"
ARMS = {"baseline": (False, False), "tom_only": (False, True), "both": (True, True)}
SIZES = {(256, 192): (4, 6), (128, 96): (3, 5)}  # levels of the GMM's encoders and of the U-Net


@pytest.fixture(scope="module")
def read(root):
    def build(arm="both", size=(128, 96), labels="lip", **settings):
        gmm_aux, tom_aux = ARMS[arm]
        context = {"size": list(size), "labels": labels}
        small = {"width": 8, "head_width": 8, **settings}
        gmm = GMMStage(small, {**context, "aux": gmm_aux})
        stage = TOMStage({**small, "vgg": "random"}, {**context, "aux": tom_aux}, gmm.hparams)
        data = VITONDataset(
            root, "test", pairs_of(root, "unpaired"), "unpaired", size, LABEL_SETS[labels]
        )
        return stage, read_architecture(stage, default_collate([data[0]]))

    return build


def test_a_network_that_it_cannot_draw_is_told(read, root):
    stage, _ = read()
    stage.network = torch.nn.Identity()
    with pytest.raises(UserError, match="Identity: Figure 1 can draw CP-VTON's U-Net alone"):
        read_architecture(stage, {})


def texts(svg):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("size", SIZES)
def test_the_maps_are_those_of_the_size(read, size):
    (height, width), (gmm_levels, tom_levels) = size, SIZES[size]
    stage, of = read(size=size)
    small = (height >> gmm_levels, width >> gmm_levels)
    assert of.gmm.person[0] == (22, height, width)
    assert of.gmm.cloth[0] == (3, height, width)
    assert len(of.gmm.person) == 1 + gmm_levels + 2
    assert of.gmm.person[-1] == of.gmm.cloth[-1] == (64, *small)
    assert of.gmm.correlation == (small[0] * small[1], *small)
    assert [shape.channels for shape in of.gmm.regressor] == [64, 32, 16, 8]
    assert of.tom.encoder[0] == (25, height, width)
    assert [s.channels for s in of.tom.encoder[1:]] == stage.network.encoder.out_channels
    assert of.tom.decoder[-1] == (4, height, width)
    assert len(of.tom.decoder) == tom_levels
    for head in (of.gmm.head, of.tom.head):
        assert head.maps[-1] == (20, height, width)
    assert of.offsets.shape == (25, 2)
    assert all(picture.shape == (height, width, 3) for picture in of.pictures.values())


@pytest.mark.parametrize("arm", ARMS)
def test_heads_are_where_the_arm_has_them(read, arm):
    _, of = read(arm)
    assert (of.gmm.head is not None, of.tom.head is not None) == ARMS[arm]
    assert ("M_exp" in of.pictures) == ARMS[arm][1]
    svg = figure_1(of)
    heads = sum(ARMS[arm])
    assert texts(svg).count("LCE") == heads
    assert svg.count('stroke-dasharray="5 3.5"') > 0 or heads == 0
    assert ('stroke-dasharray="3 2"' in svg) == (heads > 0)
    assert ("Neither stage has an auxiliary head." in svg) == (heads == 0)


def test_the_features_of_the_unet_join_the_head_at_every_level(read):
    _, of = read()  # at 128x96
    assert of.tom.head.skips == [True] * 3
    assert of.gmm.head.skips == [False]
    for head in (of.tom.head, of.gmm.head):
        assert [(m.height, m.width) for m in head.maps[-2:]] == [(32, 24), (128, 96)]


def test_parameters_are_counted_apart_from_the_head(read):
    stage, of = read()
    total = sum(p.numel() for p in stage.network.parameters())
    assert of.tom.parameters + of.tom.head.parameters == total
    bare = GMM((128, 96), width=8)
    assert of.gmm.parameters == sum(p.numel() for p in bare.parameters())
    assert f"{of.gmm.parameters / 1e6:.2f} M parameters" in " ".join(texts(figure_1(of)))


def test_reading_leaves_the_model_as_it_was(read):
    stage, _ = read()
    assert not any(module._forward_hooks for module in stage.modules())
    assert not stage.training


def test_only_losses_with_a_weight_are_named(read):
    _, of = read(mask_weight=0.5, aux_weight=0.1)
    assert of.gmm.losses == ["L1", "0.5 mask L1"]
    assert of.tom.losses == ["L1", "VGG", "0.5 mask L1"]
    assert "0.1 · weighted" in texts(figure_1(of))


def test_labels_tell_the_logits(read):
    _, of = read(labels="coarse")
    assert of.tom.head.maps[-1].channels == 7


def test_the_drawing_is_whole_by_itself(read):
    _, of = read()
    svg = figure_1(of)
    drawing = ElementTree.fromstring(svg)
    assert drawing.find(f"{SVG}title").text
    links = [image.get("href") for image in drawing.iter(f"{SVG}image")]
    assert len(links) > 10
    assert all(link.startswith("data:image/jpeg;base64,") for link in links)
    assert not re.search(r"https?://", svg.replace("http://www.w3.org/2000/svg", ""))
    names = texts(svg)
    for name in ("Ip", "c", "Iwarp", "Igt-warp", "Irp", "Mcm", "Itry-on", "Ltom", "L1", "TPS"):
        assert name in names


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("size", SIZES)
def test_everything_lies_on_the_sheet(read, arm, size):
    _, of = read(arm, size)
    drawing = ElementTree.fromstring(figure_1(of))
    _, _, width, height = map(float, drawing.get("viewBox").split())
    for kind in ("image", "rect", "text"):
        for shape in drawing.iter(f"{SVG}{kind}"):
            x, y = float(shape.get("x", 0)), float(shape.get("y", 0))
            assert 0 <= x <= x + float(shape.get("width", 0)) <= width
            assert 0 <= y <= y + float(shape.get("height", 0)) <= height

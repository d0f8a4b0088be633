"""FID and KID through a feature module that is given by name."""

import math
import sys
import types

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import nn

from vton_aux.errors import UserError
from vton_aux.evaluation import features
from vton_aux.evaluation.features import SetDistance, build_features


class Means(nn.Module):
    """Channel means in [0, 1]."""

    def forward(self, images):
        return images.float().mean((2, 3)) / 255


def test_fid_is_the_frechet_distance_of_two_gaussians():
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(200, 5, generator=generator, dtype=torch.float64)
    made = torch.randn(200, 5, generator=generator, dtype=torch.float64) * 1.3 + 0.4
    distance = SetDistance(5, 200)
    for first in range(0, 200, 30):  # uneven batches
        distance.update(true[first : first + 30], made[first : first + 30])
    a, b = np.cov(true.T), np.cov(made.T)
    shift = (true.mean(0) - made.mean(0)).square().sum()
    expected = shift + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    assert distance.compute()["fid"] == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("images", [2, 3])
def test_the_kid_of_few_pictures_is_a_number(images):
    distance = SetDistance(8, images)
    distance.update(torch.rand(images, 8), torch.rand(images, 8))
    assert math.isfinite(distance.compute()["kid"])


def test_kid_is_unbiased_repeatable_and_leaves_the_global_generator_alone():
    generator = torch.Generator().manual_seed(1)
    true, made = torch.randn(2, 400, 8, generator=generator).unbind()
    values = []
    for _ in range(2):
        distance = SetDistance(8, 400)
        distance.update(true, made)
        torch.manual_seed(7)
        values.append(distance.compute()["kid"])
        after = torch.rand(1)
        torch.manual_seed(7)
        assert torch.rand(1) == after
    assert values[0] == values[1]
    assert abs(values[0]) < 0.02  # the same distribution
    distance = SetDistance(8, 400)
    distance.update(true, made + 1)
    assert distance.compute()["kid"] > 0.5


def test_features_are_found_by_name():
    module = build_features("vton_aux.evaluation.features:random_vgg")
    images = torch.randint(0, 256, (2, 3, 64, 48), dtype=torch.uint8)
    assert module(images).shape == (2, 256)
    again = build_features("vton_aux.evaluation.features:random_vgg")
    assert torch.equal(module(images), again(images))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vgg", "package.module:factory"),
        ("no.such.package:x", "no"),
        ("torch.nn:NoSuchThing", "NoSuchThing"),
        ("torch.nn:Linear", "missing"),
        ("builtins:dict", "dict"),
        (":x", "features=:x"),
    ],
)
def test_features_that_cannot_be_had_are_told(name, words):
    with pytest.raises(UserError, match=words):
        build_features(name)


def test_inception_without_its_packages_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch_fidelity", None)
    with pytest.raises(UserError, match=r"vton-aux\[fid\]"):
        build_features("inception")


@pytest.mark.parametrize("error", [EOFError("Ran out of input"), RuntimeError("two\n\tlines")])
def test_a_broken_inception_file_is_named_in_one_line(error, monkeypatch):
    def broken(*_):
        raise error

    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setattr("torchmetrics.image.fid.NoTrainInceptionV3", broken)
    with pytest.raises(UserError, match=r"inception: weights\.pth cannot be had \(") as told:
        build_features("inception", "weights.pth")
    assert type(error).__name__ in str(told.value)
    assert "\n" not in str(told.value)


def test_a_broken_alexnet_file_is_one_line(monkeypatch):
    def broken(*_, **__):
        raise EOFError("Ran out of input")

    monkeypatch.setattr(features, "LearnedPerceptualImagePatchSimilarity", broken)
    with pytest.raises(UserError, match=r"lpips=true: .*EOFError: Ran out of input"):
        features.build_lpips()

"""SSIM and MS-SSIM against torchmetrics and scikit-image."""

import pytest
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure as torchmetrics_ms_ssim,
)
from torchmetrics.functional.image import (
    structural_similarity_index_measure as torchmetrics_ssim,
)

from vton_aux.metrics.similarity import similarity


def pair(batch, size, noise=0.1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(batch, 3, *size, generator=generator)
    prediction = target + noise * torch.randn(target.shape, generator=generator)
    return prediction.clamp(0, 1), target


@pytest.mark.parametrize("noise", [0.01, 0.3, 3.0])
def test_the_means_are_those_of_torchmetrics(noise):
    prediction, target = pair(2, (256, 192), noise)
    found = similarity(prediction, target)
    for i in range(2):
        each = (prediction[i : i + 1], target[i : i + 1])
        ssim = torchmetrics_ssim(*each, data_range=1.0).item()
        ms_ssim = torchmetrics_ms_ssim(*each, data_range=1.0).item()
        assert found.ssim[i].item() == pytest.approx(ssim, abs=1e-5)
        assert found.ms_ssim[i].item() == pytest.approx(ms_ssim, abs=1e-5)


def test_negative_structure_counts_as_none_in_ms_ssim():
    _, target = pair(1, (192, 192))
    assert similarity(1 - target, target).ms_ssim.item() == 0
    expected = torchmetrics_ms_ssim(1 - target, target, data_range=1.0).item()
    assert expected == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [(256, 192), (128, 96), (64, 80)])
def test_without_the_border_it_is_scikit_images(size):
    prediction, target = pair(1, size)
    expected, full = structural_similarity(
        target[0].permute(1, 2, 0).numpy(), prediction[0].permute(1, 2, 0).numpy(),
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1,
        channel_axis=-1, full=True,
    )  # fmt: skip
    found = similarity(prediction, target)
    assert found.ssim_valid.item() == pytest.approx(expected, abs=1e-5)
    inside = full.mean(-1)[5:-5, 5:-5]
    assert found.ssim_map[0, 5:-5, 5:-5].numpy() == pytest.approx(inside, abs=1e-4)
    assert abs(found.ssim.item() - found.ssim_valid.item()) > 1e-6  # the border is told apart


def test_equal_pictures_are_exactly_one_and_small_ones_have_no_ms_ssim():
    _, target = pair(1, (128, 96))
    found = similarity(target, target)
    assert found.ssim.item() == 1
    assert found.ms_ssim is None


def test_no_bit_depends_on_the_batch():
    prediction, target = pair(3, (192, 192))
    together = similarity(prediction, target)
    for i in (2, 0):
        alone = similarity(prediction[i : i + 1], target[i : i + 1])
        assert torch.equal(alone.ssim[0], together.ssim[i])
        assert torch.equal(alone.ms_ssim[0], together.ms_ssim[i])


def test_shapes_that_do_not_fit_are_refused():
    prediction, target = pair(1, (64, 64))
    with pytest.raises(ValueError, match="differ"):
        similarity(prediction[:, :, :-1], target)
    with pytest.raises(ValueError, match="11"):
        similarity(prediction[..., :8], target[..., :8])

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

from vton_aux.metrics.image import image_scores
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


def test_a_white_wall_is_scored_as_in_double_precision():
    prediction, target = pair(1, (192, 176))
    prediction[..., :100] = target[..., :100] = 1  # torchmetrics in float32 is 1e-4 off there
    prediction[..., 40:60] = 0.99
    double = (prediction.double(), target.double())
    found = similarity(prediction, target)
    ssim = torchmetrics_ssim(*double, data_range=1.0).item()
    ms_ssim = torchmetrics_ms_ssim(*double, data_range=1.0).item()
    assert found.ssim.item() == pytest.approx(ssim, abs=2e-6)
    assert found.ms_ssim.item() == pytest.approx(ms_ssim, abs=2e-6)


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


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_no_bit_depends_on_the_batch_the_order_or_the_threads(threads):
    def scored(samples):
        images = prediction[samples], target[samples]
        return image_scores(*images, similarity(*images))

    prediction, target = pair(3, (256, 192))
    threads(2)
    together = scored([0, 1, 2])
    assert set(together) == {"ssim", "ssim_valid", "ms_ssim", "psnr"}
    for number in (1, 2):
        threads(number)
        for i in (2, 0):
            for name, value in scored([i]).items():
                assert torch.equal(value[0], together[name][i]), (name, i, number)


def test_shapes_that_do_not_fit_are_refused():
    prediction, target = pair(1, (64, 64))
    with pytest.raises(ValueError, match="differ"):
        similarity(prediction[:, :, :-1], target)
    with pytest.raises(ValueError, match="11"):
        similarity(prediction[..., :8], target[..., :8])

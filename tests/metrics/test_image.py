import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

from vton_aux.errors import UserError
from vton_aux.metrics.image import paired_scores


def pictures(batch=3, size=(48, 36), seed=0):
    """Smooth pictures and noisier or blurred copies of them."""
    rng = np.random.default_rng(seed)
    truth = gaussian_filter(rng.uniform(size=(batch, 3, *size)), (0, 0, 2, 2))
    truth = (truth - truth.min()) / np.ptp(truth)
    noise = np.linspace(0.02, 0.3, batch)[:, None, None, None]
    copy = np.clip(truth * 0.9 + noise * rng.normal(size=truth.shape), 0, 1)
    return torch.from_numpy(copy).float(), torch.from_numpy(truth).float()


def scored(prediction, target):
    return paired_scores(prediction, target, ["paired"] * len(target))


def test_psnr_is_scikit_images():
    prediction, target = pictures()
    expected = [
        peak_signal_noise_ratio(t.numpy(), p.numpy(), data_range=1)
        for p, t in zip(prediction, target, strict=True)
    ]
    assert len(set(np.round(expected))) == 3
    assert scored(prediction, target)["psnr"].tolist() == pytest.approx(expected, abs=1e-3)


def similarity_and_contrast(a, b):
    """Maps of SSIM and of its contrast-structure term under an 11-pixel Gaussian, by scipy."""

    def blurred(x):
        return gaussian_filter(x, (0, 1.5, 1.5), radius=(0, 5, 5), mode="mirror")

    mean_a, mean_b = blurred(a), blurred(b)
    variances = blurred(a * a) - mean_a**2 + blurred(b * b) - mean_b**2
    contrast = (2 * (blurred(a * b) - mean_a * mean_b) + 0.03**2) / (variances + 0.03**2)
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    return luminance * contrast, contrast


def test_ms_ssim_is_wangs_product_over_five_scales():
    prediction, target = pictures(batch=2, size=(256, 192))
    exponents = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    expected = []
    for a, b in zip(prediction.double().numpy(), target.double().numpy(), strict=True):
        score = 1.0
        for scale, exponent in enumerate(exponents):
            if scale:
                a, b = (x.reshape(3, x.shape[1] // 2, 2, -1, 2).mean((2, 4)) for x in (a, b))
            similarity, contrast = similarity_and_contrast(a, b)
            term = similarity if scale == 4 else contrast[:, 5:-5, 5:-5]
            score *= term.mean() ** exponent
        expected.append(score)
    found = scored(prediction, target)["ms_ssim"]
    assert found.tolist() == pytest.approx(expected, abs=1e-4)
    assert (found < 1).all()
    assert abs(expected[0] - expected[1]) > 0.02


def test_ms_ssim_is_left_out_of_small_pictures():
    assert set(scored(*pictures(batch=1, size=(128, 96)))) == {"ssim", "ssim_valid", "psnr"}
    full = {"ssim", "ssim_valid", "psnr", "ms_ssim"}
    assert set(scored(*pictures(batch=1, size=(256, 192)))) == full


def test_identical_pictures_are_perfect():
    _, target = pictures(batch=1, size=(256, 192))
    scores = scored(target, target.clone())
    assert scores["ssim"].item() == pytest.approx(1, abs=1e-6)
    assert scores["ms_ssim"].item() == pytest.approx(1, abs=1e-6)
    assert scores["psnr"].item() == 100  # the cap, so that a mean exists


def test_one_unpaired_sample_is_refused():
    prediction, target = pictures(batch=2)
    with pytest.raises(UserError, match="pairing=paired"):
        paired_scores(prediction, target, ["paired", "unpaired"])


@pytest.mark.parametrize("value", [-0.01, 1.01])
@pytest.mark.parametrize("place", ["prediction", "target"])
def test_values_outside_the_unit_range_are_refused(place, value):
    images = dict(zip(("prediction", "target"), pictures(batch=2), strict=True))
    images[place][1, 2, 3, 4] = value
    with pytest.raises(ValueError, match=place):
        scored(**images)

"""Region scores and bleeding on pictures whose truth is known by construction."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from vton_aux.metrics.image import image_scores
from vton_aux.metrics.regions import region_scores
from vton_aux.metrics.similarity import similarity

SIZE = (256, 192)
RED, SKIN, GREY = (0.8, 0.1, 0.1), (0.9, 0.7, 0.6), (0.5, 0.5, 0.5)


def scene():
    """A red garment with an arm across it before a grey wall: (1, 3, H, W) and its parse."""
    parse = torch.zeros(1, *SIZE, dtype=torch.long)
    parse[:, 60:220, 40:150] = 5
    parse[:, 120:140, 20:120] = 14
    colours = torch.tensor([GREY, RED, SKIN])
    index = torch.zeros_like(parse)
    index[parse == 5], index[parse == 14] = 1, 2
    noise = 0.01 * torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    return (colours[index].permute(0, 3, 1, 2) + noise).clamp(0, 1), parse


def scored(prediction, target, parse):
    return region_scores(prediction, target, parse, similarity(prediction, target).ssim_map)


def test_each_regions_scores_are_those_of_its_pixels():
    target, parse = scene()
    generator = torch.Generator().manual_seed(1)
    prediction = (target + 0.1 * torch.randn(target.shape, generator=generator)).clamp(0, 1)
    alike = similarity(prediction, target)
    scores = scored(prediction, target, parse)
    error = (prediction - target)[0].square().mean(0).numpy()
    for name, labels in (("garment", (5,)), ("skin", (14,)), ("background", (0,))):
        inside = np.isin(parse[0].numpy(), labels)
        expected = -10 * np.log10(error[inside].mean())
        assert scores[f"{name}_psnr"].item() == pytest.approx(expected, abs=1e-3)
        ssim = alike.ssim_map[0].numpy()[inside].mean()
        assert scores[f"{name}_ssim"].item() == pytest.approx(ssim, abs=1e-5)


def test_the_band_is_what_lies_within_three_pixels_of_another_region():
    target, parse = scene()
    prediction = target.clone()
    prediction[:, :, 57:63, 40:150] = 0  # three pixels on either side of the upper border
    scores = scored(prediction, target, parse)
    assert scores["band_psnr"] < scores["garment_psnr"]
    far = target.clone()
    far[:, :, 180:190, 80:90] = 0  # well inside the garment
    assert scored(far, target, parse)["band_psnr"].item() == 100


def test_the_photo_does_not_bleed_and_a_fault_elsewhere_does_not_count():
    target, parse = scene()
    assert scored(target, target, parse)["bleeding"].item() == 0
    assert scored(target, target, parse)["background_bleeding"].item() == 0
    shaded = target.clone()
    shaded[:, :, 180:190, 60:130] = torch.tensor(SKIN)[:, None, None]  # far from any skin
    assert scored(shaded, target, parse)["bleeding"].item() == 0


@pytest.mark.parametrize("pixels", [1, 2, 3])
def test_cloth_that_runs_into_the_arm_bleeds_by_that_many_pixels(pixels):
    target, parse = scene()
    prediction = target.clone()
    # the arm's lower border moves up: the garment covers the arm's lowest rows
    prediction[:, :, 140 - pixels : 140, 40:120] = torch.tensor(RED)[:, None, None]
    share = scored(prediction, target, parse)["bleeding"].item()
    # one of the arm's three borders with the garment; 2 x 3 pixels lie beside each
    length = 2 * 80 + 20
    assert share == pytest.approx(pixels * 80 / (6 * length), rel=0.1)
    assert scored(prediction, target, parse)["background_bleeding"].item() < 0.02


def test_skin_that_runs_into_the_cloth_bleeds_too_and_nothing_else_is_touched():
    target, parse = scene()
    prediction = target.clone()
    prediction[:, :, 140:142, 40:120] = torch.tensor(SKIN)[:, None, None]
    scores, photo = scored(prediction, target, parse), scored(target, target, parse)
    assert scores["bleeding"].item() == pytest.approx(2 * 80 / (6 * 180), rel=0.1)
    assert scores["band_psnr"] < photo["band_psnr"]
    assert scores["garment_psnr"] < photo["garment_psnr"]
    for same in ("skin_psnr", "background_psnr"):
        assert scores[same] == photo[same]


def test_a_garment_that_spills_over_the_wall_bleeds_into_the_background_alone():
    target, parse = scene()
    prediction = target.clone()
    prediction[:, :, 220:222, 40:150] = torch.tensor(RED)[:, None, None]
    scores = scored(prediction, target, parse)
    assert scores["bleeding"].item() == 0
    assert 0.02 < scores["background_bleeding"].item() < 0.1


def test_noise_hardly_bleeds_and_colours_that_know_no_border_bleed_by_half():
    target, parse = scene()
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(2))
    noisy = (target + 0.05 * noise).clamp(0, 1)
    assert scored(noisy, target, parse)["bleeding"] < 0.01
    blind = torch.full_like(target, 0.5)
    assert 0.4 < scored(blind, target, parse)["bleeding"] < 0.6


def blobs(height, width, seed):
    """A parse of blobs, a photo that does not quite follow it, and a prediction."""
    generator = np.random.default_rng(seed)

    def smooth(channels, sigma):
        noise = generator.standard_normal((channels, height, width))
        blurred = gaussian_filter(noise, (0, sigma, sigma))
        return blurred / blurred.std()

    fields = smooth(4, 8)
    parse = np.array([0, 5, 14, 2])[fields.argmax(0)]  # 2 is hair, of no region
    seen = np.roll(parse, 1, axis=1)
    colours = np.zeros((15, 3))
    colours[[0, 5, 14]] = GREY, RED, SKIN
    base = colours[seen]
    photo = base.transpose(2, 0, 1) + 0.25 * smooth(3, 3)
    prediction = photo + 0.3 * smooth(3, 2)
    photo, prediction = (
        torch.tensor(x.clip(0, 1), dtype=torch.float32)[None] for x in (photo, prediction)
    )
    return photo, prediction, torch.tensor(parse)[None]


def bleeding(prediction, photo, parse, r):
    """By the definition, a pixel at a time: those that count and those that show the other's."""
    p, t, parse = (x[0].double().numpy() for x in (prediction, photo, parse))
    regions = [parse == 5, parse == 14, parse == 0]
    found = {(a, b): [] for a in range(3) for b in range(3)}
    mirrored = [np.pad(of, 2 * r, mode="reflect") for of in regions]
    photo = np.stack([np.pad(of, 2 * r, mode="reflect") for of in t])

    def square(of, y, x, half):
        rows, columns = (slice(at + 2 * r - half, at + 2 * r + half + 1) for at in (y, x))
        return of[..., rows, columns]

    for a, b in found:
        for y, x in np.argwhere(regions[a]) if a != b else ():
            if not square(mirrored[b], y, x, r).any():
                continue
            around = square(photo, y, x, 2 * r)
            own, other = (around[:, square(mirrored[k], y, x, 2 * r)].mean(1) for k in (a, b))
            to = {
                name: [np.linalg.norm(of[:, y, x] - c) for c in (own, other)]
                for name, of in (("p", p), ("t", t))
            }
            if np.linalg.norm(own - other) >= 0.1 and to["t"][0] <= to["t"][1]:
                found[a, b].append(to["p"][1] < to["p"][0])
    between = found[0, 1] + found[1, 0]
    wall = found[0, 2] + found[1, 2] + found[2, 0] + found[2, 1]
    return np.mean(between), np.mean(wall)


@pytest.mark.parametrize(("height", "r"), [(256, 3), (128, 2), (64, 1)])
def test_bleeding_is_what_its_definition_counts(height, r):
    photo, prediction, parse = blobs(height, 96, seed=height)
    scores = region_scores(prediction, photo, parse, torch.zeros(1, height, 96))
    expected = bleeding(prediction, photo, parse, r)
    assert scores["bleeding"].item() == pytest.approx(expected[0], rel=0.01)
    assert scores["background_bleeding"].item() == pytest.approx(expected[1], rel=0.01)
    assert min(expected) > 0.05


def test_regions_of_one_colour_or_of_few_pixels_have_no_bleeding():
    target, parse = scene()
    plain = torch.full_like(target, 0.5)
    assert scored(plain, plain, parse)["bleeding"].isnan()
    parse[parse == 14] = 5
    parse[0, 0, :5] = 14
    scores = scored(target, target, parse)
    assert scores["skin_psnr"].isnan()
    assert not scores["garment_psnr"].isnan()


def test_a_batch_is_its_samples():
    target, parse = scene()
    prediction = target.roll(2, 3)
    both = scored(
        torch.cat([prediction, target]), torch.cat([target, target]), torch.cat([parse, parse])
    )
    for name, values in scored(prediction, target, parse).items():
        assert both[name][0].item() == pytest.approx(values.item(), abs=1e-6)


def test_a_shift_by_one_pixel_lowers_every_score():
    target, parse = scene()
    moved = target.roll(1, 3)
    scores = scored(moved, target, parse) | image_scores(moved, target, similarity(moved, target))
    for name, perfect in (scored(target, target, parse)).items():
        if "bleeding" not in name:
            assert scores[name] < perfect
    assert scores["ssim"] < 0.99


@pytest.mark.parametrize(
    ("label", "region"),
    [
        (6, "garment"),
        (7, "garment"),
        (13, "skin"),
        (15, "skin"),
        (16, "skin"),
        (17, "skin"),
        (20, "skin"),
    ],
)
def test_every_garment_and_all_skin_count(label, region):
    target, parse = scene()
    was = 5 if region == "garment" else 14
    other = parse.clone()
    other[parse == was] = label
    noise = 0.1 * torch.randn(target.shape, generator=torch.Generator().manual_seed(1))
    prediction = (target + noise).clamp(0, 1)
    first, second = scored(prediction, target, parse), scored(prediction, target, other)
    for name in (f"{region}_ssim", f"{region}_psnr", "bleeding"):
        assert torch.equal(first[name], second[name])

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from spline_oracle import thin_plate_spline
from vton_aux.networks.tps import ThinPlateSpline, warp

SIZES = [(24, 24), (33, 20)]


def lattice(height, width):
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    return np.stack([x, y], axis=-1)


def random_offsets(batch, points, scale=0.3, seed=0):
    return torch.from_numpy(
        np.random.default_rng(seed).uniform(-scale, scale, (batch, points**2, 2))
    ).float()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("points", [3, 5])
def test_the_grid_is_the_closed_forms_thin_plate_spline(size, points):
    control, pixels = lattice(points, points).reshape(-1, 2), lattice(*size).reshape(-1, 2)
    offsets = random_offsets(2, points)
    grids = ThinPlateSpline(size, points)(offsets)
    for grid, moved in zip(grids, offsets.double().numpy(), strict=True):
        expected = thin_plate_spline(control, control + moved, pixels).reshape(*size, 2)
        np.testing.assert_allclose(grid.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("size", [*SIZES, (256, 192)])
def test_zero_offsets_are_the_identity(size):
    grid = ThinPlateSpline(size)(torch.zeros(1, 25, 2))
    np.testing.assert_allclose(grid[0].numpy(), lattice(*size), atol=1e-5)
    image = torch.rand(1, 3, *size)
    for padding in ("border", "zeros"):
        torch.testing.assert_close(warp(image, grid, padding), image, atol=1e-3, rtol=0)


numbers = st.floats(-1, 1, width=32)


@settings(max_examples=25, deadline=None)
@given(st.lists(numbers, min_size=6, max_size=6))
def test_affine_movements_of_the_control_points_move_all_pixels_alike(values):
    matrix, shift = np.reshape(values[:4], (2, 2)), np.array(values[4:])
    control = lattice(5, 5).reshape(-1, 2)
    offsets = torch.from_numpy(control @ matrix + shift).float()[None]
    grid = ThinPlateSpline((9, 14))(offsets)[0].numpy()
    pixels = lattice(9, 14)
    np.testing.assert_allclose(grid, pixels + pixels @ matrix + shift, atol=1e-5)


def test_a_translation_of_the_grid_shifts_the_image_by_pixels():
    image = torch.rand(1, 1, 6, 11)
    offsets = torch.tensor([2 * 3 / 10, 0.0]).expand(1, 25, 2)  # 3 of the 10 gaps between columns
    warped = warp(image, ThinPlateSpline((6, 11))(offsets), "zeros")
    torch.testing.assert_close(warped[..., :8], image[..., 3:], atol=1e-4, rtol=0)
    assert warped[..., 8:].abs().max() < 1e-4


def test_control_points_go_where_their_offsets_say_row_by_row():
    offsets = random_offsets(2, 5, scale=0.9)
    grid = ThinPlateSpline((9, 13))(offsets)
    at_control = grid[:, ::2, ::3].numpy()  # every 2nd row and 3rd column is a control point's
    expected = lattice(5, 5) + offsets.numpy().reshape(2, 5, 5, 2)
    np.testing.assert_allclose(at_control, expected, atol=1e-5)


def test_the_grids_gradient_is_that_of_finite_differences():
    spline = ThinPlateSpline((6, 5), 3).double()
    # multiples of the step are exact in the float32 that forward casts to
    offsets = torch.randint(-32, 32, (1, 9, 2)).double() / 64
    step = 1 / 64
    assert torch.autograd.gradcheck(spline, offsets.requires_grad_(), eps=step, atol=1e-5)


def test_a_ramps_warp_pulls_on_every_control_point():
    height, width = 12, 10
    ramp = torch.from_numpy(lattice(height, width)[..., 0]).float()[None, None]  # value = x
    inward = -0.5 * torch.from_numpy(lattice(3, 3)).float().reshape(1, 9, 2)
    offsets = inward.requires_grad_()
    warp(ramp, ThinPlateSpline((height, width), 3)(offsets)).sum().backward()
    pull = offsets.grad[0]
    assert (pull[:, 0].abs() > 0.1).all()
    # moving all of them together moves every pixel's x by as much, and no pixel's y matters
    assert pull[:, 0].sum() == pytest.approx(height * width, rel=1e-3)
    assert pull[:, 1].abs().max() < 1e-3


def test_warp_reads_between_pixels_and_beyond_the_border():
    image = torch.tensor([[10.0, 20.0, 40.0]] * 3)[None, None]  # columns at x = -1, 0, 1
    x = torch.tensor([-3.0, -1.5, -1.0, -0.5, 0.25, 1.0, 1.25, 1.75])
    grid = torch.stack([x, torch.zeros_like(x)], dim=-1)[None, None]
    border = warp(image, grid, "border")[0, 0, 0]
    zeros = warp(image, grid, "zeros")[0, 0, 0]
    assert border.tolist() == [10, 10, 10, 15, 25, 40, 40, 40]
    assert zeros.tolist() == [0, 5, 10, 15, 25, 40, 30, 10]
    assert torch.equal(warp(image, grid), warp(image, grid, "border"))


@pytest.mark.parametrize(("padding", "mode"), [("border", "nearest"), ("zeros", "grid-constant")])
def test_warp_is_scipys_bilinear_sampling(padding, mode):
    rng = np.random.default_rng(1)
    image, grid = rng.uniform(size=(2, 9, 7)), rng.uniform(-1.4, 1.4, (5, 6, 2))
    rows, columns = (grid[..., 1] + 1) / 2 * 8, (grid[..., 0] + 1) / 2 * 6
    expected = [map_coordinates(c, [rows, columns], order=1, mode=mode) for c in image]
    warped = warp(torch.from_numpy(image)[None], torch.from_numpy(grid)[None], padding)
    np.testing.assert_allclose(warped[0].numpy(), expected, atol=1e-5)


def test_the_warp_stays_in_float32_under_mixed_precision():
    spline, offsets = ThinPlateSpline((40, 30)), random_offsets(1, 5).bfloat16()
    image = torch.rand(1, 3, 40, 30).bfloat16()
    plain_grid = spline(offsets.float())
    plain = F.grid_sample(image.float(), plain_grid, padding_mode="border", align_corners=True)
    with torch.autocast("cpu", torch.bfloat16):
        grid = spline(offsets)
        warped = warp(image, grid)
    assert grid.dtype == warped.dtype == torch.float32
    assert torch.equal(grid, plain_grid)
    assert torch.equal(warped, plain)


def test_the_splines_constants_are_not_in_a_checkpoint():
    spline = ThinPlateSpline((8, 6))
    assert not spline.state_dict()
    assert not list(spline.parameters())

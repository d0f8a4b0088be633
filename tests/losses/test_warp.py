import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vton_aux.losses.warp import grid_regularity, total_variation

numbers = st.floats(-1, 1, width=32)


def lattice(height, width):
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    return np.stack([x, y], axis=-1)


def test_total_variation_is_the_mean_difference_of_neighbours():
    offsets = np.random.default_rng(0).normal(size=(2, 3, 3, 2))
    right = [
        abs(offsets[b, i, j + 1, c] - offsets[b, i, j, c]) for b, i, j, c in np.ndindex(2, 3, 2, 2)
    ]
    below = [
        abs(offsets[b, i + 1, j, c] - offsets[b, i, j, c]) for b, i, j, c in np.ndindex(2, 2, 3, 2)
    ]
    found = total_variation(torch.from_numpy(offsets).reshape(2, 9, 2), 3)
    assert found.item() == pytest.approx((np.mean(right) + np.mean(below)) / 2)


def test_total_variation_by_hand():
    offsets = torch.zeros(1, 4, 2)
    offsets[0, 3, 0] = 0.8  # one corner of 2 x 2 points moves right: 1 of 4 differences a direction
    assert total_variation(offsets, 2).item() == pytest.approx(0.2)


@settings(max_examples=20, deadline=None)
@given(numbers, numbers)
def test_total_variation_is_zero_for_a_translation_alone(x, y):
    shift = torch.tensor([x, y]).expand(2, 25, 2)
    assert total_variation(shift, 5) == 0
    scaled = shift + 0.1 * torch.from_numpy(lattice(5, 5)).float().reshape(25, 2)
    assert total_variation(scaled, 5) > 0.01


def test_grid_regularity_is_the_mean_second_difference():
    height, width = 5, 7
    grid = np.random.default_rng(1).normal(size=(2, height, width, 2))
    down = [
        np.abs(grid[b, i - 1, j] - 2 * grid[b, i, j] + grid[b, i + 1, j]).sum()
        for b in range(2) for i in range(1, height - 1) for j in range(width)
    ]  # fmt: skip
    across = [
        np.abs(grid[b, i, j - 1] - 2 * grid[b, i, j] + grid[b, i, j + 1]).sum()
        for b in range(2) for i in range(height) for j in range(1, width - 1)
    ]  # fmt: skip
    found = grid_regularity(torch.from_numpy(grid))
    assert found.item() == pytest.approx(np.mean(down) + np.mean(across))


def test_grid_regularity_of_a_parabola_by_hand():
    x, y = torch.meshgrid(torch.arange(6.0), torch.arange(4.0), indexing="xy")
    grid = torch.stack([3 * x**2, y], dim=-1)[None]
    assert grid_regularity(grid).item() == pytest.approx(6)
    assert grid_regularity(grid.transpose(1, 2)).item() == pytest.approx(6)


@settings(max_examples=20, deadline=None)
@given(st.lists(numbers, min_size=6, max_size=6))
def test_grid_regularity_is_zero_for_affine_warps_alone(values):
    matrix, shift = np.reshape(values[:4], (2, 2)), np.array(values[4:])
    affine = lattice(12, 9) @ matrix + shift
    assert grid_regularity(torch.from_numpy(affine)[None]) < 1e-12
    bent = affine + 0.2 * lattice(12, 9) ** 2
    assert grid_regularity(torch.from_numpy(bent)[None]) > 1e-3

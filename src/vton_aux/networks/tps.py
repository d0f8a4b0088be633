"""Thin-plate spline warps.

Convention: coordinates are (x, y) in [-1, 1], corners at the centres of the corner pixels
(`align_corners=True`). The spline is a backward map: for each pixel of the output it says where
to sample the input.
"""

import torch
import torch.nn.functional as F
from kornia.geometry import create_meshgrid
from torch import Tensor, nn


class ThinPlateSpline(nn.Module):
    """The spline through a regular grid of control points moved by offsets (CP-VTON's TPS).

    The kernel is U(r) = r^2 log r^2 with an affine part. The spline is linear in its targets, so
    it is one constant matrix `basis` (H*W, N), computed in float64, times the moved points.

    Args:
        size: (H, W) of the sampling grid.
        points: control points a side; N = points^2.
    """

    basis: Tensor
    control: Tensor

    def __init__(self, size: tuple[int, int], points: int = 5) -> None:
        super().__init__()
        self.size, self.points = size, points
        control = regular_grid((points, points)).reshape(-1, 2)  # (N, 2)
        pixels = regular_grid(size).reshape(-1, 2)  # (H*W, 2)
        basis = _evaluate(pixels, control) @ _solve(control)
        self.register_buffer("control", control.float(), persistent=False)
        self.register_buffer("basis", basis.float(), persistent=False)

    def forward(self, offsets: Tensor) -> Tensor:
        """Sampling grid of moved control points, always in float32.

        Args:
            offsets: (B, N, 2) movement of each control point, row by row.

        Returns:
            (B, H, W, 2) where each pixel samples the input.
        """
        with torch.autocast(offsets.device.type, enabled=False):
            targets = self.control + offsets.float()  # (B, N, 2)
            # one product for the batch: B of them, two columns wide each, take three times as long
            grid = self.basis @ targets.permute(1, 0, 2).flatten(1)  # (H*W, B*2)
        return grid.view(*self.size, -1, 2).permute(2, 0, 1, 3)


def warp(image: Tensor, grid: Tensor, padding: str = "border") -> Tensor:
    """Sample `image` (B, C, H, W) bilinearly at `grid` (B, H', W', 2), in float32.

    `padding` is "border" (cloth) or "zeros" (mask) for what lies outside the image.
    """
    with torch.autocast(image.device.type, enabled=False):
        sampled: Tensor = F.grid_sample(
            image.float(), grid.float(), "bilinear", padding_mode=padding, align_corners=True
        )
        return sampled


def regular_grid(size: tuple[int, int]) -> Tensor:
    """(H, W, 2) float64 coordinates (x, y) of a regular grid over [-1, 1]^2."""
    return create_meshgrid(*size, dtype=torch.float64)[0]


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    squared = (a[:, None] - b).square().sum(-1)
    kernel: Tensor = torch.xlogy(squared, squared)  # r^2 log r^2, 0 at r = 0
    return kernel


def _solve(control: Tensor) -> Tensor:
    """(N + 3, N): coefficients of the kernel and affine parts from the N targets."""
    n = len(control)
    affine = torch.cat([torch.ones(n, 1, dtype=control.dtype), control], dim=1)
    system = torch.zeros(n + 3, n + 3, dtype=control.dtype)
    system[:n, :n] = _kernel(control, control)
    system[:n, n:] = affine
    system[n:, :n] = affine.T
    inverse: Tensor = torch.linalg.inv(system)
    return inverse[:, :n]


def _evaluate(at: Tensor, control: Tensor) -> Tensor:
    """(P, N + 3): kernel and affine parts at P places."""
    return torch.cat([_kernel(at, control), torch.ones(len(at), 1, dtype=at.dtype), at], dim=1)

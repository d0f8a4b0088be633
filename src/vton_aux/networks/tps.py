"""Thin-plate spline warps.

Convention: coordinates are (x, y) in [-1, 1], corners at the centres of the corner pixels
(`align_corners=True`). The spline is a backward map: for each pixel of the output it says where
to sample the input.
"""

import numpy as np
import torch
import torch.nn.functional as F
from kornia.geometry import create_meshgrid
from scipy.interpolate import RBFInterpolator
from torch import Tensor, nn


class ThinPlateSpline(nn.Module):
    """The spline through a regular grid of control points moved by offsets (CP-VTON's TPS).

    The kernel is U(r) = r^2 log r with an affine part. The spline is linear in its targets, so it
    is one constant matrix `basis` (H*W, N), computed in float64, times the moved points.

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
        of_each = RBFInterpolator(control, np.eye(len(control)), kernel="thin_plate_spline")
        basis = torch.from_numpy(of_each(pixels))  # column k: control point k at 1, the others at 0
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
    """(H, W, 2) float64 coordinates (x, y) of a regular grid over [-1, 1]^2, on the CPU."""
    return create_meshgrid(*size, device=torch.device("cpu"), dtype=torch.float64)[0]

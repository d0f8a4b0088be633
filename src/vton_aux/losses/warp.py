"""Optional regularisers of the warp; both are off by default, as in the paper."""

from kornia.losses import total_variation as neighbours_apart
from torch import Tensor


def total_variation(offsets: Tensor, points: int) -> Tensor:
    """Mean absolute difference of neighbouring control points' offsets.

    CP-VTON's paper mentions it (section 3.2); its public code has none. 0 for a translation.

    Args:
        offsets: (B, points^2, 2).
        points: control points a side.
    """
    grid = offsets.reshape(-1, points, points, 2).permute(0, 3, 1, 2)
    variation: Tensor = neighbours_apart(grid, reduction="mean").mean() / 2
    return variation


def grid_regularity(grid: Tensor) -> Tensor:
    """Mean absolute second difference of the sampling grid along rows and columns.

    The grid regularisation of CP-VTON+ (section 3.1): neighbouring grid gaps should be equal.
    0 for any affine warp. In units of [-1, 1] coordinates.

    Args:
        grid: (B, H, W, 2).
    """
    down = grid.diff(n=2, dim=1).abs().sum(-1).mean()
    across = grid.diff(n=2, dim=2).abs().sum(-1).mean()
    return down + across

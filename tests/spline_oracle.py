"""The thin-plate spline in closed form: U(r) = r^2 log r and an affine part, one linear system."""

import numpy as np


def thin_plate_spline(control, targets, at):
    """Values (P, 2) at `at` (P, 2) of the spline that is `targets` (N, 2) at `control` (N, 2)."""
    n = len(control)
    affine = np.column_stack([np.ones(n), control])
    system = np.block([[_kernel(control, control), affine], [affine.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.concatenate([targets, np.zeros((3, 2))]))
    return (
        _kernel(at, control) @ weights[:n] + np.column_stack([np.ones(len(at)), at]) @ weights[n:]
    )


def _kernel(a, b):
    r = np.linalg.norm(a[:, None] - b, axis=-1)
    return r**2 * np.log(np.where(r > 0, r, 1))

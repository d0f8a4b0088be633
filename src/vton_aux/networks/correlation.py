"""The correlation layer between two feature maps."""

import torch
from torch import Tensor


def feature_correlation(person: Tensor, cloth: Tensor) -> Tensor:
    """Cosine of every person position with every cloth position (CP-VTON's correlation layer).

    Features are L2-normalised over channels (epsilon 1e-6 under the root) and multiplied, in
    float32: in bfloat16 GMM's first gradients point elsewhere.

    Args:
        person: (B, C, h, w) features of I_p.
        cloth: (B, C, h, w) features of the shop cloth.

    Returns:
        (B, h*w, h, w) float32: channel i*w + j at (k, l) is person (i, j) . cloth (k, l).
    """
    with torch.autocast(person.device.type, enabled=False):
        a, b = person.float().flatten(2), cloth.float().flatten(2)  # (B, C, h*w)
        products = a.transpose(1, 2) @ b  # (B, h*w, h*w), far fewer numbers to divide than features
        correlation = products / (_length(a)[:, :, None] * _length(b)[:, None])
    return correlation.reshape(*correlation.shape[:2], *cloth.shape[2:])


def _length(features: Tensor) -> Tensor:
    """(B, C, P) -> (B, P)."""
    return (features.square().sum(dim=1) + 1e-6).sqrt()

"""Geometric matching module: where to sample the shop cloth so that it fits the body."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vton_aux.networks.convolution import Conv2d
from vton_aux.networks.correlation import feature_correlation
from vton_aux.networks.decoders import SegmentationDecoder
from vton_aux.networks.encoders import FeatureExtractor, scaled
from vton_aux.networks.tps import ThinPlateSpline


class GMMOutput(NamedTuple):
    """theta as offsets (B, N, 2), the sampling grid (B, H, W, 2), logits of M_exp or None."""

    offsets: Tensor
    grid: Tensor
    expected_segmentation: Tensor | None


def feature_levels(height: int) -> int:
    """Stride-2 convolutions that bring `height` to about 16 rows: CP-VTON's 4 at 256, 3 at 128."""
    return max(1, round(math.log2(height / 16)))


class ThetaRegressor(nn.Module):
    """From the correlation map to the offsets of the control points, within (-1, 1).

    Args:
        size: (h, w) of the feature maps; the correlation has h*w channels.
        outputs: number of values.
        width: 64 is CP-VTON's.
    """

    def __init__(self, size: tuple[int, int], outputs: int, width: int = 64) -> None:
        super().__init__()
        channels = size[0] * size[1]
        layers: list[nn.Module] = []
        for out, stride in ((512, 2), (256, 2), (128, 1), (64, 1)):
            grown = scaled(out, width)
            kernel = 4 if stride == 2 else 3
            layers += [Conv2d(channels, grown, kernel, stride=stride, padding=1)]
            layers += [nn.BatchNorm2d(grown), nn.ReLU()]
            channels = grown
        self.layers = nn.Sequential(*layers)
        self.linear = nn.Linear(channels * (size[0] // 4) * (size[1] // 4), outputs)

    def forward(self, correlation: Tensor) -> Tensor:
        """(B, h*w, h, w) -> (B, outputs) in (-1, 1)."""
        features = self.layers(correlation).flatten(1)
        return torch.tanh(self.linear(features))


class GMM(nn.Module):
    """CP-VTON's geometric matching module, with or without the auxiliary head.

    I_p and the cloth each pass a feature extractor; their correlation gives theta, theta the
    thin-plate spline. The auxiliary head decodes the concatenated features of both extractors
    to M_exp (the paper, section 2). It is built last, so the same seed gives the primary parts
    the same weights with and without it.

    Args:
        size: (H, W) of the images.
        person_channels: channels of I_p.
        width: 64 is CP-VTON's.
        points: control points a side.
        classes: classes of M_exp; 0 builds no auxiliary head.
        head_width: channels inside the auxiliary head.
    """

    def __init__(
        self,
        size: tuple[int, int] = (256, 192),
        person_channels: int = 22,
        width: int = 64,
        points: int = 5,
        classes: int = 0,
        head_width: int = 64,
    ) -> None:
        super().__init__()
        levels = feature_levels(size[0])
        feature_size = (size[0] >> levels, size[1] >> levels)
        self.person_encoder = FeatureExtractor(person_channels, width, levels)
        self.cloth_encoder = FeatureExtractor(3, width, levels)
        self.regressor = ThetaRegressor(feature_size, 2 * points**2, width)
        self.spline = ThinPlateSpline(size, points)
        self.segmentation: SegmentationDecoder | None = None
        if classes:
            deepest = 2 * self.person_encoder.out_channels
            patch = 2 ** min(levels, 2)  # the head decodes to a quarter of the image's size
            self.segmentation = SegmentationDecoder(
                deepest, [0] * (levels - 2), classes, head_width, patch
            )

    def forward(self, person: Tensor, cloth: Tensor, segment: bool = False) -> GMMOutput:
        """Match `cloth` (B, 3, H, W) to I_p `person` (B, person_channels, H, W), both in [-1, 1].

        M_exp is computed where `segment` is true and the head exists.
        """
        person_features = self.person_encoder(person)  # (B, C, h, w)
        cloth_features = self.cloth_encoder(cloth)  # (B, C, h, w)
        with torch.autocast(person.device.type, enabled=False):
            theta = self.regressor(feature_correlation(person_features, cloth_features))
        offsets = theta.unflatten(1, (-1, 2))  # (B, N, 2)
        logits = None
        if segment and self.segmentation is not None:
            features = torch.cat([person_features, cloth_features], dim=1)
            logits = self.segmentation(features, [None] * len(self.segmentation.smooth))
        # sampling at NaN crashes on its way back on a CPU
        return GMMOutput(offsets, self.spline(offsets.nan_to_num()), logits)

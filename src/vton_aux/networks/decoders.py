"""Decoders: TOM's U-Net decoder and the auxiliary segmentation decoder."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vton_aux.networks.convolution import Conv2d
from vton_aux.networks.normalisation import InstanceNorm
from vton_aux.networks.upsampled_conv import UpsampledConv
from vton_aux.networks.upsampling import joined, repeated, shuffled


class UNetDecoder(nn.Module):
    """TOM's primary decoder: ReLU, bilinear x2, 3x3 convolution, InstanceNorm, skip.

    Args:
        encoder_channels: channels of the encoder's features, finest first.
        channels: output channels.
        output_norm: InstanceNorm on the output too. CP-VTON's public code has it; it forces each
            output channel, the mask's logits among them, to mean 0 and variance 1 before the
            tanh and the sigmoid.
    """

    def __init__(
        self, encoder_channels: Sequence[int], channels: int, output_norm: bool = True
    ) -> None:
        super().__init__()
        outputs = [channels, *encoder_channels[:-1]]  # finest first
        deepest = len(outputs) - 1
        self.levels = nn.ModuleList()
        for level, (skip, out) in enumerate(zip(encoder_channels, outputs, strict=True)):
            inputs = skip if level == deepest else 2 * skip
            block: list[nn.Module] = [UpsampledConv(inputs, out)]
            if level > 0 or output_norm:
                block += [InstanceNorm()]
            self.levels.append(nn.Sequential(*block))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Encoder features, finest first -> (B, channels, H, W), before any activation."""
        x = self.levels[-1](F.relu(features[-1]))
        for level, skip in zip(self.levels[-2::-1], features[-2::-1], strict=True):
            x = level(joined(F.relu(skip), F.relu(x)))
        decoded: Tensor = x
        return decoded


class SegmentationDecoder(nn.Module):
    """The auxiliary head: from encoder features to the logits of M_exp.

    The paper draws a decoder and says no more of it. This one is narrow, because it serves the
    encoder only while training: the deepest features are projected to `width` channels; each
    level repeats every position twice a side, adds a 1x1 projection of the encoder's features
    where there are any, and applies a 3x3 convolution and ReLU. Then each position of the last
    level predicts the logits of its patch of pixels at once (a sub-pixel convolution, Shi et al.
    2016), which spares it the levels where a channel costs most. All pixels of a patch begin alike
    (Aitken et al. 2017), or the borders of M_exp stay ragged.

    There is no normalisation: it costs time, and one without scales of its own keeps the logits
    small. In 150 steps of GMM on four samples the loss falls 60 times without, 5 times with
    InstanceNorm and 9 to 11 times with GroupNorm or BatchNorm.

    Args:
        deepest: channels of the deepest features.
        skips: channels of the finer features from coarse to fine, 0 where a level has none.
        classes: number of classes.
        width: channels inside; a multiple of 8.
        patch: pixels a side that a position of the last level predicts.
    """

    def __init__(
        self, deepest: int, skips: Sequence[int], classes: int, width: int = 64, patch: int = 4
    ) -> None:
        super().__init__()
        self.project = Conv2d(deepest, width, 1)
        self.lateral = nn.ModuleList(
            Conv2d(skip, width, 1) if skip else nn.Identity() for skip in skips
        )
        self.smooth = nn.ModuleList(
            nn.Sequential(Conv2d(width, width, 3, padding=1), nn.ReLU()) for _ in skips
        )
        self.classify = Conv2d(width, classes * patch**2, 1)
        with torch.no_grad():
            for values in (self.classify.weight, self.classify.bias):
                assert values is not None
                values.copy_(values[:classes].repeat(patch**2, *[1] * (values.dim() - 1)))
        self.patch = patch

    def forward(self, deepest: Tensor, skips: Sequence[Tensor | None]) -> Tensor:
        """Features -> logits at `patch` times the size of the last level, (B, classes, H, W)."""
        x = self.project(deepest)
        for lateral, smooth, skip in zip(self.lateral, self.smooth, skips, strict=True):
            x = repeated(x)
            if skip is not None:
                x = x + lateral(skip)
            x = smooth(x)
        return shuffled(self.classify(x), self.patch).float()

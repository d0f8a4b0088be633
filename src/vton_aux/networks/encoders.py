"""Encoders shared by a primary head and an auxiliary head."""

from torch import Tensor, nn

from vton_aux.networks.convolution import Conv2d
from vton_aux.networks.normalisation import InstanceNorm


def scaled(channels: int, width: int) -> int:
    """`channels` of the paper-size network (width 64) at another `width`, at least 1."""
    return max(1, channels * width // 64)


class FeatureExtractor(nn.Module):
    """GMM's feature extractor: stride-2 convolutions, then two 3x3 ones.

    Each convolution is followed by ReLU and BatchNorm, the last by ReLU alone; weights are drawn
    from N(0, 0.02), BatchNorm scales from N(1, 0.02), as in CP-VTON.

    Args:
        channels: input channels.
        width: channels after the first convolution; they double up to 8 * width.
        levels: number of stride-2 convolutions.
    """

    def __init__(self, channels: int, width: int = 64, levels: int = 4) -> None:
        super().__init__()
        self.out_channels = 8 * width
        layers: list[nn.Module] = []
        for level in range(levels):
            grown = width * min(2**level, 8)
            layers += [Conv2d(channels, grown, 4, stride=2, padding=1), nn.ReLU()]
            layers += [nn.BatchNorm2d(grown)]
            channels = grown
        layers += [Conv2d(channels, self.out_channels, 3, padding=1), nn.ReLU()]
        layers += [nn.BatchNorm2d(self.out_channels)]
        layers += [Conv2d(self.out_channels, self.out_channels, 3, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.layers.apply(_initialise)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, 8 * width, H / 2^levels, W / 2^levels)."""
        features: Tensor = self.layers(image)
        return features


class UNetEncoder(nn.Module):
    """TOM's encoder: `levels` stride-2 convolutions with LeakyReLU 0.2 before each but the first.

    All but the first and the last are followed by InstanceNorm.

    Args:
        channels: input channels.
        width: channels after the first convolution; they double up to 8 * width.
        levels: number of stride-2 convolutions.
    """

    def __init__(self, channels: int, width: int = 64, levels: int = 6) -> None:
        super().__init__()
        self.out_channels = [width * min(2**level, 8) for level in range(levels)]
        self.levels = nn.ModuleList()
        for level, grown in enumerate(self.out_channels):
            block: list[nn.Module] = [] if level == 0 else [nn.LeakyReLU(0.2)]
            block += [Conv2d(channels, grown, 4, stride=2, padding=1)]
            if 0 < level < levels - 1:
                block += [InstanceNorm()]
            self.levels.append(nn.Sequential(*block))
            channels = grown

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, channels, H, W) -> the features of each level, finest first."""
        features = []
        for level in self.levels:
            image = level(image)
            features.append(image)
        return features


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)

"""Try-on module: render the person and fuse the warped cloth into it."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vton_aux.networks.aligned import missing_channels
from vton_aux.networks.decoders import SegmentationDecoder, UNetDecoder
from vton_aux.networks.encoders import UNetEncoder


class TOMOutput(NamedTuple):
    """I_rp (B, 3, H, W) in [-1, 1], M_cm (B, 1, H, W) in [0, 1], logits of M_exp or None."""

    rendered: Tensor
    mask: Tensor
    expected_segmentation: Tensor | None


def unet_levels(size: tuple[int, int]) -> int:
    """CP-VTON's 6 where 64 divides both sides, else 5 (128x96)."""
    return 6 if size[0] % 64 == 0 and size[1] % 64 == 0 else 5


def compose(warped_cloth: Tensor, rendered: Tensor, mask: Tensor) -> Tensor:
    """I_try-on = M_cm * I_warp + (1 - M_cm) * I_rp, equation (1)."""
    return mask * warped_cloth + (1 - mask) * rendered


class TOM(nn.Module):
    """CP-VTON's try-on module, with or without the auxiliary head.

    A U-Net reads I_p and the warped cloth; four output channels are the rendered person (tanh)
    and the composition mask (sigmoid). The auxiliary head decodes the features of the U-Net's
    encoder, up to those at a quarter of the size, to M_exp (the paper, section 2). It is built
    last, so the same seed gives the U-Net the same weights with and without it.

    Args:
        size: (H, W) of the images.
        person_channels: channels of I_p.
        width: 64 is CP-VTON's.
        output_norm: see `UNetDecoder`.
        classes: classes of M_exp; 0 builds no auxiliary head.
        head_width: channels inside the auxiliary head.
    """

    def __init__(
        self,
        size: tuple[int, int] = (256, 192),
        person_channels: int = 22,
        width: int = 64,
        output_norm: bool = True,
        classes: int = 0,
        head_width: int = 64,
    ) -> None:
        super().__init__()
        self.person_channels = person_channels
        self.encoder = UNetEncoder(person_channels + 3, width, unet_levels(size))
        channels = self.encoder.out_channels
        self.decoder = UNetDecoder(channels, 4, output_norm)
        self.segmentation: SegmentationDecoder | None = None
        if classes:
            skips = channels[-2:0:-1]  # up to a quarter of the image's size
            self.segmentation = SegmentationDecoder(channels[-1], skips, classes, head_width)

    def forward(self, person: Tensor, warped_cloth: Tensor, segment: bool = False) -> TOMOutput:
        """Render I_p `person` (B, person_channels, H, W) in `warped_cloth` (B, 3, H, W).

        Both in [-1, 1]. M_exp is computed where `segment` is true and the head exists. Compiled for
        a GPU, I_p may have a multiple of 8 channels, of which the first count.

        Raises:
            ValueError: I_p has another number of channels.
        """
        # I_p is channels-last; joined with a cloth in another format or type it is copied slowly
        cloth = warped_cloth.to(person.dtype, memory_format=torch.channels_last)
        count, found = self.person_channels, person.shape[1]
        if found not in (count, count + missing_channels(count, person.device)):
            raise ValueError(f"I_p has {found} channels instead of {count}")
        person = person[:, :count]
        features = self.encoder(torch.cat([person, cloth], dim=1))
        decoded = self.decoder(features).float().contiguous()  # (B, 4, H, W), two slices of which:
        logits = None
        if segment and self.segmentation is not None:
            logits = self.segmentation(features[-1], features[-2:0:-1])
        return TOMOutput(torch.tanh(decoded[:, :3]), torch.sigmoid(decoded[:, 3:]), logits)

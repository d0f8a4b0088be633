"""Any `vton-aux` command with a normalisation in the auxiliary heads.

    python experiments/heads/with_norm.py none|group|affine train KEY=VALUE ...

`none` leaves them as they are. `group` puts GroupNorm (groups of 8 channels) and `affine`
InstanceNorm with scales and shifts of its own between each level's convolution and its ReLU.
"""

import sys
from pathlib import Path

from torch import nn

import vton_aux.train
from vton_aux.cli import main
from vton_aux.fit import fit
from vton_aux.networks.decoders import SegmentationDecoder

NORMS = {
    "none": lambda channels: [],
    "group": lambda channels: [nn.GroupNorm(channels // 8, channels)],
    "affine": lambda channels: [nn.GroupNorm(channels, channels)],
}


def normalise(kind):
    """Have all heads built from now on with the norm `kind`."""
    build = SegmentationDecoder.__init__

    def built(self, *arguments, **named):
        build(self, *arguments, **named)
        for level, (convolution, relu) in enumerate(self.smooth):
            norms = NORMS[kind](convolution.out_channels)
            self.smooth[level] = nn.Sequential(convolution, *norms, relu)

    SegmentationDecoder.__init__ = built


def run(folder: Path, malloc: bool) -> None:
    """Train in this process, where the heads are changed."""
    fit(folder)


if __name__ == "__main__":
    normalise(sys.argv[1])
    vton_aux.train._run = run
    sys.argv = ["vton-aux", *sys.argv[2:]]
    main()

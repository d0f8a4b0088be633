"""Pairs of a VITON folder as a torch dataset of uint8 samples."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from vton_aux.data.augment import Augmentation
from vton_aux.data.labels import LabelSet
from vton_aux.data.layout import Pair, Pairing, Split, files_of
from vton_aux.data.sample import Sample, read_sample


class Draw(NamedTuple):
    """A sample's place in the data set, and the number of its draw, which seeds augmentation."""

    sample: int
    number: int


class VITONDataset(Dataset[dict[str, Any]]):
    """Samples of `pairs`, read at `size` = (height, width).

    An item is a dictionary of
        person, cloth: (3, H, W) uint8 RGB
        parse: (H, W) uint8 raw LIP labels
        cloth_mask: (1, H, W) uint8, 0 or 1
        joints: (18, 3) float32: x, y in pixels, found (0 or 1)
        person_name, cloth_name: file names
        pairing: "paired" where the person wears this very cloth in the photo, else "unpaired".
    Nothing derived is in it: `PersonRepresentation` computes I_p and the targets on the device.

    Raises:
        UserError: on reading a missing or broken file; the message names it.
    """

    def __init__(
        self,
        root: Path,
        split: Split,
        pairs: Sequence[Pair],
        pairing: Pairing,
        size: tuple[int, int],
        labels: LabelSet,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.root, self.split, self.pairs, self.pairing = root, split, pairs, pairing
        self.size, self.labels = size, labels
        self.augmentation = augmentation

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, item: int | Draw) -> dict[str, Any]:
        chosen, number = item if isinstance(item, Draw) else (item, 0)
        pair = self.pairs[chosen]
        files = files_of(self.root, self.split, pair)
        sample = read_sample(files, self.size, len(self.labels.class_of))
        if self.augmentation is not None:
            sample = self.augmentation(sample, number)
        return {
            **tensors_of(sample),
            "person_name": pair.person,
            "cloth_name": pair.cloth,
            "pairing": self.pairing,
        }


def tensors_of(sample: Sample) -> dict[str, Tensor]:
    """The arrays of `sample` as tensors, images channels first, masks with a channel."""
    return {
        "person": torch.from_numpy(sample["person"]).permute(2, 0, 1),
        "parse": torch.from_numpy(sample["parse"]),
        "joints": torch.from_numpy(sample["joints"]),
        "cloth": torch.from_numpy(sample["cloth"]).permute(2, 0, 1),
        "cloth_mask": torch.from_numpy(sample["cloth_mask"])[None],
    }


class StepSampler(Sampler[Draw]):
    """All draws of a training run in one stream: epoch after epoch, each in a new order.

    The stream is a pure function of `seed`, so arms that share a seed see the same batches, and a
    run resumed after `start` draws goes on exactly where it stopped. Rank r of a distributed run
    takes every `world`-th draw, beginning with r.

    Args:
        samples: number of samples of the data set.
        draws: length of the stream a rank, the part before `start` included.
        start: draws that this rank has taken before.
    """

    def __init__(
        self, samples: int, draws: int, seed: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        self.samples, self.draws, self.seed, self.start = samples, draws, seed, start
        self.rank, self.world = rank, world

    def __len__(self) -> int:
        return self.draws

    def __iter__(self) -> Iterator[Draw]:
        order: list[int] = []
        current = -1
        for draw in range(self.start, self.draws):
            number = draw * self.world + self.rank
            epoch, place = divmod(number, self.samples)
            if epoch != current:
                generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
                order = torch.randperm(self.samples, generator=generator).tolist()
                current = epoch
            yield Draw(order[place], self.seed * 1_000_000_007 + number)

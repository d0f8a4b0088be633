"""Pairs of a VITON folder as a torch dataset of uint8 samples."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from vton_aux.data.augment import Augmentation
from vton_aux.data.flip import drawn_flips
from vton_aux.data.labels import LabelSet
from vton_aux.data.layout import Pair, Pairing, Split, files_of
from vton_aux.data.packed import PackedSplit
from vton_aux.data.sample import Sample, read_sample, stacked


class Draw(NamedTuple):
    """A sample's place in the data set, and the number of its draw, which seeds augmentation."""

    sample: int
    number: int


class VITONDataset(Dataset[dict[str, Any]]):
    """Samples of `pairs` at `size` = (height, width), read a whole batch at a time.

    A batch is a dictionary of
        person, cloth: (B, 3, H, W) uint8 RGB, channels last in memory
        parse: (B, H, W) uint8 raw LIP labels
        cloth_mask: (B, 1, H, W) uint8, 0 or 1
        joints: (B, 18, 3) float32: x, y in pixels, found (0 or 1)
        person_name, cloth_name: file names
        pairing: "paired" where the person wears this very cloth in the photo, else "unpaired"
        flip: (B,) bool, only where `flip` > 0: whose person `flip.flip_persons` is to mirror.
    An item is the same without the dimension B. Nothing derived is in it: `PersonRepresentation`
    computes I_p and the targets on the device.

    `DataLoader` gets batches ready made and must leave them alone: `collate_fn=as_read`.

    Args:
        augmentation: changes each sample, as its draw's number tells.
        packed: the decoded split, which is read instead of the files.
        flip: probability that a draw is flipped.

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
        packed: PackedSplit | None = None,
        flip: float = 0.0,
    ) -> None:
        self.root, self.split, self.pairs, self.pairing = root, split, pairs, pairing
        self.size, self.labels = size, labels
        self.augmentation, self.packed, self.flip = augmentation, packed, flip

    @property
    def copies(self) -> bool:
        """Whether a batch is only copied from the packed data, neither decoded nor augmented."""
        return self.packed is not None and self.augmentation is None

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, item: int | Draw) -> dict[str, Any]:
        return {key: values[0] for key, values in self.__getitems__([item]).items()}

    def __getitems__(self, items: Sequence[int | Draw]) -> dict[str, Any]:
        """The batch of `items`."""
        draws = [item if isinstance(item, Draw) else Draw(item, 0) for item in items]
        pairs = [self.pairs[draw.sample] for draw in draws]
        numbers = [draw.number for draw in draws]
        batch: dict[str, Any] = {
            **self.content(pairs, numbers),
            "person_name": [pair.person for pair in pairs],
            "cloth_name": [pair.cloth for pair in pairs],
            "pairing": [self.pairing] * len(pairs),
        }
        if self.flip > 0:
            batch["flip"] = drawn_flips(numbers, self.flip)
        return batch

    def content(self, pairs: Sequence[Pair], numbers: Sequence[int]) -> dict[str, Tensor]:
        """Images, labels and joints of `pairs`, augmented as the draws' `numbers` tell."""
        if self.packed is not None and self.copies:
            return tensors_of(self.packed.gather(pairs))
        samples = [self._sample(*each) for each in zip(pairs, numbers, strict=True)]
        return tensors_of(stacked(samples))

    def _sample(self, pair: Pair, number: int) -> Sample:
        if self.packed is not None:
            sample = self.packed.sample(pair)
        else:
            files = files_of(self.root, self.split, pair)
            sample = read_sample(files, self.size, len(self.labels.class_of))
        return sample if self.augmentation is None else self.augmentation(sample, number)


def as_read(batch: Any) -> Any:
    """The `collate_fn` of a data set that makes its batches itself."""
    return batch


def tensors_of(samples: Mapping[str, npt.NDArray[Any]]) -> dict[str, Tensor]:
    """Arrays of samples, with a batch dimension in front, as tensors; see `channels_first`."""
    return channels_first({name: torch.from_numpy(array) for name, array in samples.items()})


def channels_first(samples: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Views of a batch of `Sample`s with channels first, masks with a channel."""
    return {
        **samples,
        "person": samples["person"].permute(0, 3, 1, 2),
        "cloth": samples["cloth"].permute(0, 3, 1, 2),
        "cloth_mask": samples["cloth_mask"][:, None],
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

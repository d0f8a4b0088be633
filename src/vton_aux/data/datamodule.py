"""Training and validation loaders over a VITON folder, and its test set."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.overrides.distributed import UnrepeatedDistributedSampler
from torch.utils.data import DataLoader, Sampler

from vton_aux.data.augment import Augmentation
from vton_aux.data.content import fingerprint
from vton_aux.data.dataset import Draw, StepSampler, VITONDataset, as_read
from vton_aux.data.flip import flip_persons
from vton_aux.data.labels import LABEL_SETS
from vton_aux.data.layout import (
    Pair,
    Pairing,
    Split,
    check_files,
    files_of,
    read_pairs,
    test_pairs,
    wears_another,
)
from vton_aux.data.packed import PackedSplit
from vton_aux.data.resident import ResidentSplit, RowDataset
from vton_aux.data.sample import warn_of_other_shape
from vton_aux.data.split import split_validation
from vton_aux.errors import UserError

SMALL = (128, 96)  # VITON at half size; its U-Net has five levels instead of six


def check_size(size: Sequence[int]) -> tuple[int, int]:
    """`size` as (height, width).

    Raises:
        UserError: a side is not a positive multiple of 64, and it is not 128x96.
    """
    if len(size) == 2 and all(side > 0 and side % 64 == 0 for side in size):
        return size[0], size[1]
    if tuple(size) == SMALL:
        return SMALL
    raise UserError(
        f"data.size={list(size)}: height and width must be divisible by 64 "
        "([256,192] is VITON's own; [128,96], its half, is the one exception)"
    )


def check_resident(packed: bool, augment: Mapping[str, Sequence[Any]]) -> None:
    """Check that data may be resident.

    Raises:
        UserError: they are not packed, or samples are augmented one by one.
    """
    if not packed:
        raise UserError("data.resident=true: needs the packed data; give a folder as data.cache")
    for kind, transforms in augment.items():
        if transforms:
            raise UserError(
                f"data.augment.{kind} changes one sample at a time on the CPU, which "
                "data.resident=true does without; leave one out (data/augment=flip goes with it)"
            )


def _outlive_sigterm(worker: int) -> None:
    """Leave a SIGTERM to all processes, as SLURM sends it, to the one that trains: it finishes its
    step, for which it needs its loader processes, and ends them itself (`fit.main`)."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class VITONDataModule(pl.LightningDataModule):
    """Loaders of one VITON folder.

    The validation set is cut out of train (`split_validation`) and is paired; the test set is
    paired or unpaired. Training loaders run over the whole training in one pass (`StepSampler`).
    Under DDP each rank reads its own part and no sample is repeated in validation. The trainer's
    hooks of this class flip persons and fill resident batches on the device.

    Args:
        root: the VITON folder.
        size: (height, width) in pixels.
        labels: key of `LABEL_SETS`.
        batch_size: samples a batch and process.
        workers: loader processes that decode or augment; 0 does it in the training process, as is
            done with packed samples that are not augmented.
        val_fraction: share of the distinct training images that go to validation.
        split_seed: seed of that choice.
        augment: `geometry` and `colour`, lists of albumentations transforms (training only).
        flip: probability that a training person is mirrored.
        seed: seed of the order of the training samples and of their augmentation.
        pairing: of the test set.
        packed: folder of a split's decoded samples (`cache.pack_split`) by split; a split that is
            not among them is read from its files.
        resident: keep the packed train split on the device (`ResidentSplit`); one upload serves
            training and validation.

    Raises:
        UserError: the folder, a pair list or a file is missing or malformed, the size is wrong, or
            `resident` goes with what it cannot do.
    """

    def __init__(
        self,
        root: str | Path,
        size: Sequence[int] = (256, 192),
        labels: str = "lip",
        batch_size: int = 4,
        workers: int = 0,
        val_fraction: float = 0.05,
        split_seed: int = 0,
        augment: Mapping[str, Sequence[Any]] | None = None,
        flip: float = 0.0,
        seed: int = 0,
        pairing: Pairing = "paired",
        packed: Mapping[str, str | Path] | None = None,
        resident: bool = False,
    ) -> None:
        super().__init__()
        self.root, self.size, self.labels = Path(root), check_size(size), LABEL_SETS[labels]
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self.val_fraction, self.split_seed = val_fraction, split_seed
        self.augment, self.flip, self.pairing = augment or {}, flip, pairing
        self.packed = {split: PackedSplit(Path(f)) for split, f in (packed or {}).items()}
        self.resident = resident
        if resident:
            check_resident("train" in self.packed, self.augment)
        self.steps, self.start_step = 0, 0
        self._split: tuple[list[Pair], list[Pair]] | None = None
        self._on_device: dict[torch.device, ResidentSplit] = {}

    def train_and_validation_pairs(self) -> tuple[list[Pair], list[Pair]]:
        """The pairs of both sides, checked; computed once.

        Raises:
            UserError: a file is missing, a person is paired with another cloth than its own, or
                the validation set leaves no training pair.
        """
        if self._split is None:
            pairs = read_pairs(self.root, "train")
            if other := [pair for pair in pairs if wears_another(pair)]:
                raise UserError(
                    f"{self.root / 'train_pairs.txt'}: {len(other):,} of {len(pairs):,} pairs have "
                    f"another cloth than the person wears, as {' '.join(other[0])}; a training "
                    "wants each person with its own, 000001_0.jpg with 000001_1.jpg"
                )
            check_files(self.root, "train", pairs)
            self._split = split_validation(self.root, pairs, self.val_fraction, self.split_seed)
            if not self._split[0]:
                raise UserError(
                    f"{self.root}: no training pair is left beside the validation set; "
                    f"data.val_fraction={self.val_fraction} is too large for {len(pairs)} pairs, "
                    "or all of them share a photo or a cloth"
                )
            warn_of_other_shape(files_of(self.root, "train", pairs[0]).image, self.size)
        return self._split

    def check_processes(self, world: int) -> None:
        """Check that each of so many processes gets an image of the validation set.

        Raises:
            UserError: one would get none.
        """
        images = len(self.train_and_validation_pairs()[1])
        if images < world:
            raise UserError(
                f"data.val_fraction={self.val_fraction}: {images} validation images for {world} "
                "processes; raise it or take fewer processes"
            )

    def training_fingerprint(self) -> str:
        """`fingerprint` of both sides: it changes with the data and with the cut between them."""
        train, validation = self.train_and_validation_pairs()
        return fingerprint(self.root, "train", [*train, *validation])

    def train_dataset(self) -> VITONDataset:
        """Augmented samples of the training side."""
        augmentation = Augmentation(**self.augment) if any(self.augment.values()) else None
        pairs = self.train_and_validation_pairs()[0]
        return self._dataset("train", pairs, "paired", augmentation, self.flip)

    def val_dataset(self) -> VITONDataset:
        """Samples of the validation side, each distinct image once."""
        return self._dataset("train", self.train_and_validation_pairs()[1], "paired")

    def test_dataset(self) -> VITONDataset:
        """Samples of the test set in `pairing`."""
        pairs = test_pairs(self.root, self.pairing)
        check_files(self.root, "test", pairs)
        return self._dataset("test", pairs, self.pairing)

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """One pass over `steps` batches, going on after `start_step` of them."""
        data, (rank, world) = self._rows_of(self.train_dataset()), self._place()
        sampler = StepSampler(
            len(data),
            draws=self.steps * self.batch_size,
            seed=self.seed,
            start=self.start_step * self.batch_size,
            rank=rank,
            world=world,
        )
        return self._loader(data, sampler)

    def val_dataloader(self) -> DataLoader[dict[str, Any]]:
        """The validation set in order; see `check_processes`."""
        rank, world = self._place()
        self.check_processes(world)
        data = self._rows_of(self.val_dataset())
        sampler = UnrepeatedDistributedSampler(data, num_replicas=world, rank=rank, shuffle=False)
        return self._loader(data, sampler)

    def transfer_batch_to_device(
        self, batch: dict[str, Any], device: torch.device, dataloader_idx: int
    ) -> dict[str, Any]:
        """The batch on the device; of resident data, gathered there."""
        moved: dict[str, Any] = super().transfer_batch_to_device(batch, device, dataloader_idx)
        if "person_row" not in moved:
            return moved
        if device not in self._on_device:
            self._on_device[device] = ResidentSplit(self.packed["train"], device)
        return self._on_device[device].fill(moved)

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """The batch with the persons flipped that it says."""
        if "flip" not in batch:
            return batch
        rest = dict(batch)
        return flip_persons(rest, rest.pop("flip"))

    def _dataset(
        self,
        split: Split,
        pairs: list[Pair],
        pairing: Pairing,
        augmentation: Augmentation | None = None,
        flip: float = 0.0,
    ) -> VITONDataset:
        return VITONDataset(
            self.root, split, pairs, pairing, self.size, self.labels, augmentation,
            self.packed.get(split), flip,
        )  # fmt: skip

    def _rows_of(self, data: VITONDataset) -> VITONDataset:
        """`data`, or where they are resident the rows of them."""
        return RowDataset(**vars(data)) if self.resident else data

    def _loader(
        self, data: VITONDataset, sampler: Sampler[Draw] | Sampler[int]
    ) -> DataLoader[dict[str, Any]]:
        # to receive a batch from a worker takes several times as long as to copy it here
        workers = 0 if data.copies else self.workers
        return DataLoader(
            data,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=workers,
            collate_fn=as_read,
            worker_init_fn=None if self.trainer is None else _outlive_sigterm,
            pin_memory=self.trainer is not None
            and self.trainer.strategy.root_device.type == "cuda",
            persistent_workers=workers > 0,
        )

    def _place(self) -> tuple[int, int]:
        """Rank and number of processes."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

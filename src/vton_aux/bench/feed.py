"""Batches as a training gets them: read, and on the device."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.packed import PackedSplit
from vton_aux.errors import UserError


def feed(
    device: torch.device,
    root: str,
    packed: str | None = None,
    resident: bool = False,
    workers: int = 0,
    batch: int = 4,
    pairs: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Batches in training order, as many as one likes.

    Args:
        device: where the batch is to lie.
        root: a VITON folder.
        packed: folder of its packed training split; without, the files are read.
        resident: whether the packed split lies on the device.
        workers: loader processes.
        batch: samples a batch.
        pairs: how many of the folder's pairs to read; all by default.

    Raises:
        UserError: there are fewer.
    """
    folders = {} if packed is None else {"train": packed}
    module = VITONDataModule(
        root, batch_size=batch, workers=workers, packed=folders, resident=resident
    )
    if pairs is not None:
        train, validation = module.train_and_validation_pairs()
        if len(train) < pairs:
            raise UserError(f"{root}: {len(train)} training pairs beside validation, not {pairs}")
        module._split = train[:pairs], validation
    module.steps = 10**7
    if packed is not None:
        for array in PackedSplit(Path(packed)).arrays.values():
            array.max()  # into the page cache: what is measured is not the disk
    loader = module.train_dataloader()
    return (module.transfer_batch_to_device(found, device, 0) for found in loader)

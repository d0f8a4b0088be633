"""The packed data on the training device: an epoch touches no disk and no CPU memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vton_aux.data.dataset import VITONDataset, channels_first
from vton_aux.data.layout import Pair
from vton_aux.data.packed import CLOTH, PERSON, PackedSplit

_CHUNK = 256  # rows that are copied at a time


class RowDataset(VITONDataset):
    """Yields the rows of the packed data, of which `ResidentSplit` makes the batch.

    In place of the images, labels and joints a batch holds
        person_row, cloth_row: (B,) int64.
    """

    def content(self, pairs: Sequence[Pair], numbers: Sequence[int]) -> dict[str, Tensor]:
        """The rows of `pairs`."""
        assert self.packed is not None
        persons, cloths = self.packed.rows(pairs)
        return {"person_row": torch.tensor(persons), "cloth_row": torch.tensor(cloths)}


class ResidentSplit:
    """All arrays of `packed` on `device`.

    At 256x192 a distinct person takes 196,824 bytes and a distinct cloth 196,608: 2.7 GB for
    VITON's training set, on each device.
    """

    def __init__(self, packed: PackedSplit, device: torch.device) -> None:
        self.arrays = {name: _upload(array, device) for name, array in packed.arrays.items()}

    def fill(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of `RowDataset`, on the device, as the batch of `VITONDataset`."""
        rest = dict(batch)
        persons, cloths = rest.pop("person_row"), rest.pop("cloth_row")
        rows = {**dict.fromkeys(PERSON, persons), **dict.fromkeys(CLOTH, cloths)}
        gathered = {name: self.arrays[name].index_select(0, row) for name, row in rows.items()}
        return {**channels_first(gathered), **rest}


def _upload(array: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    dtype = torch.from_numpy(array[:0].copy()).dtype
    tensor = torch.empty(array.shape, dtype=dtype, device=device)
    for start in range(0, len(array), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        tensor[chunk] = torch.from_numpy(array[chunk].copy())  # torch warns of read-only arrays
    return tensor

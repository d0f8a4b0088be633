"""Decoded samples of one split as memory-mapped arrays, each distinct person and cloth once.

FOLDER/person, cloth        (N, H, W, 3) uint8 RGB
FOLDER/parse, cloth_mask    (N, H, W) uint8
FOLDER/joints               (N, 18, 3) float32
FOLDER/header.json          the row of each file name; shape and digest of each array
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vton_aux.data.content import file_digest
from vton_aux.data.layout import Pair
from vton_aux.data.sample import Sample
from vton_aux.errors import UserError

HEADER = "header.json"
PERSON = {"person": np.uint8, "parse": np.uint8, "joints": np.float32}
CLOTH = {"cloth": np.uint8, "cloth_mask": np.uint8}
ARRAYS = {**PERSON, **CLOTH}
Array = npt.NDArray[Any]


class PackedSplit:
    """What `cache.pack_split` wrote to `folder`.

    The arrays are mapped on first use, in each process by itself, so a pickled one is small.

    Attributes:
        persons, cloths: row of each file name.

    Raises:
        UserError: the header cannot be read, or an array has not the size that it tells.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            header = json.loads((folder / HEADER).read_text())
            self.persons: dict[str, int] = header["persons"]
            self.cloths: dict[str, int] = header["cloths"]
            self._shapes: dict[str, list[int]] = header["shapes"]
            self._digests: dict[str, str] = header["digests"]
            sizes = {name: self._bytes(name) for name in ARRAYS}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(folder / HEADER, f"it cannot be read ({error})") from None
        for name, wanted in sizes.items():
            path = folder / name
            found = path.stat().st_size if path.is_file() else 0
            if found != wanted:
                raise _damaged(path, f"{found:,} bytes instead of {wanted:,}")

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "arrays"}

    @property
    def bytes(self) -> int:
        """Size of all arrays together."""
        return sum(self._bytes(name) for name in ARRAYS)

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """Each array, read-only."""
        # plain arrays: indexing a memmap costs twice as much, beside the bytes that it copies
        return {
            name: np.asarray(
                np.memmap(self.folder / name, dtype, "r", shape=tuple(self._shapes[name]))
            )
            for name, dtype in ARRAYS.items()
        }

    def rows(self, pairs: Sequence[Pair]) -> tuple[list[int], list[int]]:
        """The rows of the persons and of the cloths.

        Raises:
            UserError: a name is not among those packed.
        """
        try:
            return (
                [self.persons[pair.person] for pair in pairs],
                [self.cloths[pair.cloth] for pair in pairs],
            )
        except KeyError as error:
            raise UserError(
                f"{self.folder}: {error.args[0]} was not packed; these are the samples of another "
                "data set"
            ) from None

    def gather(self, pairs: Sequence[Pair]) -> dict[str, Array]:
        """The samples of `pairs`, each array of `Sample` with a batch dimension in front.

        Raises:
            UserError: a name is not among those packed.
        """
        persons, cloths = self.rows(pairs)
        arrays = self.arrays
        return {
            **{name: arrays[name][persons] for name in PERSON},
            **{name: arrays[name][cloths] for name in CLOTH},
        }

    def sample(self, pair: Pair) -> Sample:
        """One sample; see `gather`."""
        arrays = {name: array[0] for name, array in self.gather([pair]).items()}
        return cast(Sample, arrays)

    def verify(self) -> None:
        """Read every byte.

        Raises:
            UserError: an array is not what was packed; the message names its file.
        """
        for name, digest in self._digests.items():
            if file_digest(self.folder / name) != digest:
                raise _damaged(self.folder / name, "its bytes are not those that were packed")

    def _bytes(self, name: str) -> int:
        return math.prod(self._shapes[name]) * np.dtype(ARRAYS[name]).itemsize


def write_header(
    folder: Path,
    persons: Mapping[str, int],
    cloths: Mapping[str, int],
    shapes: Mapping[str, Iterable[int]],
) -> None:
    """Write the header of the arrays that lie in `folder`."""
    header = {
        "persons": persons,
        "cloths": cloths,
        "shapes": {name: list(shape) for name, shape in shapes.items()},
        "digests": {name: file_digest(folder / name) for name in ARRAYS},
    }
    (folder / HEADER).write_text(json.dumps(header))


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path}: the packed data are damaged, {reason}; delete the folder {path.parent} and they "
        "are packed again"
    )

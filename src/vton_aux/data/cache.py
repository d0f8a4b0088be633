"""Splits decoded once and found again by all that decides what the decoding gives.

CACHE/SPLIT-HxW-KEY/    a packed split (see `packed`)
CACHE/SPLIT-*.part      one that is being packed, or the rest of one whose process was killed
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
from tqdm import tqdm

from vton_aux.data.content import content_hashes, fingerprint
from vton_aux.data.layout import (
    Pair,
    SampleFiles,
    Split,
    check_files,
    files_of,
    missing_files,
    names_own_cloth,
    own_cloth,
    read_pairs,
)
from vton_aux.data.packed import CLOTH, PERSON, PackedSplit, write_header
from vton_aux.data.pose import JOINTS
from vton_aux.data.sample import read_cloth, read_person
from vton_aux.errors import UserError
from vton_aux.files import alone, key_of, whole_folder
from vton_aux.version import code_version

FORMAT = 1  # of the packed folder
_PART = re.compile(r"(train|test)-\d+x\d+-[0-9a-f]{12}\..*part")
_CHUNK = 64  # file sets that are decoded at a time


def pack_split(
    root: Path, split: Split, size: tuple[int, int], raw_labels: int, cache: Path
) -> PackedSplit:
    """The samples of a split, decoded now where `cache` does not hold them yet.

    Of several processes one packs and the others wait for it.

    Args:
        size: (height, width).
        raw_labels: labels that a parse may hold, see `read_parse`.
        cache: folder of packed splits.

    Raises:
        UserError: a file of the data is missing or broken, the disk is too small, or the packed
            split is damaged.
        OSError: the system cannot read or write something; the error names it.
    """
    pairs = _all_pairs(root, split)
    key = _key(root, split, pairs, size, raw_labels)
    folder = cache / f"{split}-{size[0]}x{size[1]}-{key}"
    if not folder.is_dir():
        with alone(cache, lock=cache / ".lock"):
            for rest in filter(lambda path: _PART.fullmatch(path.name), cache.iterdir()):
                shutil.rmtree(rest)
            if not folder.is_dir():
                with whole_folder(folder) as part:
                    _pack(root, split, pairs, size, raw_labels, part)
                    if _key(root, split, pairs, size, raw_labels) != key:
                        raise UserError(f"{root}: the data changed while they were packed")
    return PackedSplit(folder)


def _key(
    root: Path, split: Split, pairs: Sequence[Pair], size: tuple[int, int], raw_labels: int
) -> str:
    data = fingerprint(root, split, pairs)
    decoder = [code_version("data/sample.py"), cv2.__version__, PIL.__version__]
    return key_of([FORMAT, decoder, data, split, size, raw_labels])


def _all_pairs(root: Path, split: Split) -> list[Pair]:
    """The listed pairs, and in test everyone in their own cloth, where that is there."""
    pairs = read_pairs(root, split)
    check_files(root, split, pairs)
    if split == "train":
        return pairs
    persons = dict.fromkeys(pair.person for pair in pairs)
    own = [Pair(person, own_cloth(person)) for person in persons if names_own_cloth(person)]
    missing = set(missing_files(root, split, own))
    return [*pairs, *(p for p in own if not {*vars(files_of(root, split, p)).values()} & missing)]


@dataclass
class _Half:
    """The persons or the cloths of a split.

    Attributes:
        files: of each name.
        kinds: those of the files that are read.
        read: decodes them into `arrays`.
        arrays: their names.
        row_bytes: of one row of all of them.
    """

    files: dict[str, SampleFiles]
    kinds: tuple[str, ...]
    read: Callable[[SampleFiles], Mapping[str, Any]]
    arrays: Sequence[str]
    row_bytes: int

    @cached_property
    def contents(self) -> dict[str, tuple[str, ...]]:
        """Digests of the files of each name."""
        paths = {name: [getattr(f, kind) for kind in self.kinds] for name, f in self.files.items()}
        digests = content_hashes((p for each in paths.values() for p in each), "finding copies")
        return {name: tuple(digests[p] for p in each) for name, each in paths.items()}

    @cached_property
    def distinct(self) -> dict[tuple[str, ...], SampleFiles]:
        """Files of each content."""
        return {content: self.files[name] for name, content in self.contents.items()}

    def write(self, folder: Path, bar: "tqdm[Any]") -> tuple[dict[str, int], dict[str, list[int]]]:
        """Write the arrays; return the row of each name and the shapes."""
        row_of: dict[tuple[str, ...], int] = {}
        known: dict[bytes, int] = {}
        shapes: dict[str, list[int]] = {}
        with ExitStack() as stack:
            streams = {n: stack.enter_context((folder / n).open("wb")) for n in self.arrays}
            for content, values in self._decoded():
                # what was decoded counts: VITON's copies of a parse differ as files, not in labels
                digest = _digest(values[name] for name in self.arrays)
                if digest not in known:
                    known[digest] = len(known)
                    for name, stream in streams.items():
                        stream.write(values[name])
                        shapes[name] = [len(known), *values[name].shape]
                row_of[content] = known[digest]
                bar.update()
            for stream in streams.values():
                stream.flush()
                os.fsync(stream.fileno())
        return {name: row_of[content] for name, content in self.contents.items()}, shapes

    def _decoded(self) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        sources = list(self.distinct.items())
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(sources), _CHUNK):
                chunk = sources[start : start + _CHUNK]
                values = pool.map(self.read, (files for _, files in chunk))
                for (content, _), sample in zip(chunk, values, strict=True):
                    yield content, {name: np.ascontiguousarray(sample[name]) for name in sample}


def _pack(
    root: Path,
    split: Split,
    pairs: Sequence[Pair],
    size: tuple[int, int],
    raw_labels: int,
    folder: Path,
) -> None:
    """Decode the split into `folder`, which is empty."""
    files = {pair: files_of(root, split, pair) for pair in pairs}
    pixels = size[0] * size[1]
    persons = _Half(
        {pair.person: f for pair, f in files.items()},
        ("image", "parse", "pose"),
        lambda f: read_person(f, size, raw_labels),
        tuple(PERSON),
        row_bytes=pixels * 4 + len(JOINTS) * 3 * 4,
    )
    cloths = _Half(
        {pair.cloth: f for pair, f in files.items()},
        ("cloth", "cloth_mask"),
        lambda f: read_cloth(f, size),
        tuple(CLOTH),
        row_bytes=pixels * 4,
    )
    _check_space(folder.parent, sum(len(h.distinct) * h.row_bytes for h in (persons, cloths)))
    total = len(persons.distinct) + len(cloths.distinct)
    with tqdm(total=total, desc=f"packing {split}", unit="file set") as bar:
        person_rows, person_shapes = persons.write(folder, bar)
        cloth_rows, cloth_shapes = cloths.write(folder, bar)
    write_header(folder, person_rows, cloth_rows, {**person_shapes, **cloth_shapes})


def _check_space(cache: Path, needed: int) -> None:
    free = shutil.disk_usage(cache).free
    if free < needed:
        raise UserError(
            f"{cache}: packing the data takes up to {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB "
            "are free there; make room, give another folder as data.cache, or null to read the "
            "files each time"
        )


def _digest(arrays: Iterable[Any]) -> bytes:
    total = hashlib.blake2b(digest_size=16)
    for array in arrays:
        total.update(array)
    return total.digest()

"""Files by their content: copies of one image, and the fingerprint of a data set."""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vton_aux.data.layout import Pair, Split, files_of, read_pairs
from vton_aux.files import key_of

_SETTLED = 2_000_000_000  # nanoseconds; a later change may fall into one tick of the file's clock
_known: dict[tuple[Any, ...], str] = {}
Kind = Callable[[], Any]  # of hash
_BLAKE2 = partial(hashlib.blake2b, digest_size=16)


def file_digest(path: Path, kind: Kind = _BLAKE2) -> str:
    """Digest of the file's bytes, as hex; the file may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def content_hash(path: Path, kind: Kind = _BLAKE2) -> str:
    """`file_digest`, read once a process, unless the file's size or times tell of a change."""
    stat = path.stat()
    state = (kind, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    digest = _known.get(state)
    if digest is None:
        digest = file_digest(path, kind)
        if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) > _SETTLED:
            _known[state] = digest
    return digest


def content_hashes(paths: Iterable[Path], label: str) -> dict[Path, str]:
    """The digest of every file, with a progress bar named `label` when it takes a while."""
    distinct = list(dict.fromkeys(paths))
    return {path: content_hash(path) for path in tqdm(distinct, desc=label, delay=2, leave=False)}


def training_photos(root: Path) -> str:
    """12 hex digits of the contents of all photos that may be trained on, whatever their names."""
    files = (files_of(root, "train", pair) for pair in read_pairs(root, "train"))
    digests = content_hashes((of.image for of in files), "looking at the training photos")
    return key_of(sorted({*digests.values()}))


def fingerprint(root: Path, split: Split, pairs: Sequence[Pair]) -> str:
    """16 hex digits that change with any pair, file name or byte of the files of `pairs`."""
    paths = [path for pair in pairs for path in vars(files_of(root, split, pair)).values()]
    digests = content_hashes(paths, "fingerprint of the data")
    total = hashlib.blake2b(digest_size=8)
    for pair in pairs:
        total.update(f"{pair.person} {pair.cloth}\n".encode())
    for path in sorted(digests):
        total.update(f"{path.relative_to(root).as_posix()} {digests[path]}\n".encode())
    return total.hexdigest()

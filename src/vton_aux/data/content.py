"""Files by their content: copies of one image, and the fingerprint of a data set."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from vton_aux.data.layout import Pair, Split, files_of

_SETTLED = 2_000_000_000  # nanoseconds; a later change may fall into one tick of the file's clock
_known: dict[tuple[int, ...], str] = {}


def content_hash(path: Path) -> str:
    """128-bit BLAKE2 digest of the file's bytes, as hex.

    A file is read once a process, unless its size or its times tell of a change.
    """
    stat = path.stat()
    state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    digest = _known.get(state)
    if digest is None:
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
        if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) > _SETTLED:
            _known[state] = digest
    return digest


def content_hashes(paths: Iterable[Path], label: str) -> dict[Path, str]:
    """The digest of every file, with a progress bar named `label` when it takes a while."""
    distinct = list(dict.fromkeys(paths))
    return {path: content_hash(path) for path in tqdm(distinct, desc=label, delay=2, leave=False)}


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

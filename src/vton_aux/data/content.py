"""Files by their content: copies of one image, and the fingerprint of a data set."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from vton_aux.data.layout import Pair, Split, files_of


def content_hash(path: Path) -> str:
    """128-bit BLAKE2 digest of the file's bytes, as hex."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


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

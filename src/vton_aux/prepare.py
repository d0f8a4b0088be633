"""The data that a configuration names, made ready: written if synthetic, decoded if cached."""

from pathlib import Path

from filelock import FileLock

from vton_aux.config import DataConfig
from vton_aux.data.cache import pack_split
from vton_aux.data.datamodule import check_size
from vton_aux.data.labels import LABEL_SETS
from vton_aux.data.layout import Split
from vton_aux.data.packed import PackedSplit
from vton_aux.data.synthetic import write_dataset
from vton_aux.files import lock_file


def prepare_data(data: DataConfig) -> None:
    """Write the synthetic data set where the configuration asks for one that is not there yet."""
    root = Path(data.root)
    if data.generate is None or root.is_dir():
        return
    print(f"writing {data.generate.train + data.generate.test} synthetic pairs to {root}")
    with FileLock(lock_file(root)):
        if not root.is_dir():
            wanted = data.generate
            write_dataset(
                root, train=wanted.train, test=wanted.test, seed=wanted.seed,
                size=check_size(data.size),
            )  # fmt: skip


def pack(data: DataConfig, split: Split, size: tuple[int, int], labels: str) -> PackedSplit | None:
    """The decoded split where the configuration keeps one (data.cache), made now if need be.

    Raises:
        UserError: see `pack_split`.
    """
    if data.cache is None:
        return None
    root, cache = Path(data.root).resolve(), Path(data.cache).resolve()
    return pack_split(root, split, size, len(LABEL_SETS[labels].class_of), cache)

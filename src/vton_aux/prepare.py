"""The data that a configuration names, made ready: written if synthetic, decoded if cached."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vton_aux.config import DataConfig, config_folder
from vton_aux.data.cache import pack_split
from vton_aux.data.datamodule import check_size
from vton_aux.data.labels import LABEL_SETS
from vton_aux.data.layout import Split
from vton_aux.data.packed import PackedSplit
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError
from vton_aux.files import alone
from vton_aux.overrides import of_keys


def check_root(data: DataConfig, overrides: Sequence[str]) -> None:
    """Check that a folder which the person named is there, lest a typo in it be taken for a wish.

    Args:
        overrides: of the command line; data=synthetic or a key of data.generate is that wish.

    Raises:
        UserError: `data.root` is not the place of synthetic data, no such folder exists, and nobody
            asked for synthetic data.
    """
    if data.generate is None or Path(data.root).is_dir():
        return
    if not of_keys(overrides, "data=", "data.generate") and not in_its_place(data):
        raise UserError(
            f"data.root={data.root}: there is no such folder (data=synthetic beside it would write "
            "a synthetic VITON there)"
        )


def in_its_place(data: DataConfig) -> bool:
    """Whether these are synthetic data in the folder that is named by their size and number."""
    if data.generate is None:
        return False
    own: Any = OmegaConf.load(Path(config_folder(), "data", "synthetic.yaml"))
    own = OmegaConf.merge(own, {"generate": asdict(data.generate), "size": list(data.size)})
    return bool(data.root == own.root)


def prepare_data(data: DataConfig) -> None:
    """Write the synthetic data set where the configuration asks for one that is not there yet."""
    root = Path(data.root)
    if data.generate is None or root.is_dir():
        return
    print(f"writing {data.generate.train + data.generate.test} synthetic pairs to {root}")
    with alone(root):
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

"""`vton-aux data check DIR`, `vton-aux data pack DIR` and `vton-aux data synthesize DIR`."""

import argparse
from pathlib import Path

from vton_aux.data.cache import pack_split
from vton_aux.data.check import check_dataset, describe
from vton_aux.data.labels import LABEL_SETS
from vton_aux.data.layout import Split
from vton_aux.data.synthetic import write_dataset


def main(arguments: list[str]) -> int:
    """Run a data command; 0 when all is well, 1 when the folder has problems.

    Raises:
        UserError: the folder or a pair list is missing, or the arguments make no data set.
    """
    parser = argparse.ArgumentParser(prog="vton-aux data")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="read every file and tell what is wrong")
    check.add_argument("dir", type=Path, help="a VITON folder")
    pack = commands.add_parser("pack", help="decode both splits ahead of training and evaluation")
    pack.add_argument("dir", type=Path, help="a VITON folder")
    pack.add_argument("--size", type=int, nargs=2, default=(256, 192), metavar=("HEIGHT", "WIDTH"))
    pack.add_argument("--labels", choices=LABEL_SETS, default="lip")
    pack.add_argument("--cache", type=Path, default=Path("data/cache"), help="where it goes")
    pack.add_argument("--verify", action="store_true", help="read every byte of it again")
    synthesize = commands.add_parser("synthesize", help="write a synthetic VITON")
    synthesize.add_argument("dir", type=Path, help="a folder that does not exist yet")
    synthesize.add_argument("--train", type=int, default=1000, help="training pairs")
    synthesize.add_argument("--test", type=int, default=64, help="test pairs")
    synthesize.add_argument("--seed", type=int, default=0)
    synthesize.add_argument(
        "--size", type=int, nargs=2, default=(256, 192), metavar=("HEIGHT", "WIDTH")
    )
    chosen = parser.parse_args(arguments)
    if chosen.command == "synthesize":
        height, width = chosen.size
        write_dataset(
            chosen.dir, train=chosen.train, test=chosen.test, seed=chosen.seed, size=(height, width)
        )
        print(f"{chosen.dir}: {chosen.train} training and {chosen.test} test pairs")
        return 0
    if chosen.command == "pack":
        # imported here: it brings torch and Lightning, which take seconds
        from vton_aux.data.datamodule import check_size

        _pack(chosen.dir, check_size(chosen.size), chosen.labels, chosen.cache, chosen.verify)
        return 0
    reports = check_dataset(chosen.dir)
    print("\n".join(describe(chosen.dir, reports)))
    return 1 if any(report.problems for report in reports.values()) else 0


def _pack(root: Path, size: tuple[int, int], labels: str, cache: Path, verify: bool) -> None:
    splits: tuple[Split, ...] = ("train", "test")
    for split in splits:
        packed = pack_split(root, split, size, len(LABEL_SETS[labels].class_of), cache)
        if verify:
            packed.verify()
        print(
            f"{packed.folder}: {len(packed.persons):,} persons and {len(packed.cloths):,} cloths, "
            f"{packed.bytes / 1e9:.2f} GB{', every byte as packed' if verify else ''}"
        )

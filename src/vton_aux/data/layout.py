"""The VITON folder: where each file of a pair lies, and the pair lists.

    ROOT/{train,test}/{image,image-parse,pose,cloth,cloth-mask}/, ROOT/{train,test}_pairs.txt

A line of a pair list is `PERSON.jpg CLOTH.jpg`. A person `NNNNNN_0.jpg` wears the cloth
`NNNNNN_1.jpg`, so the paired test set follows from the names, and `test_pairs.txt` is the
unpaired one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from vton_aux.errors import UserError

Split = Literal["train", "test"]
Pairing = Literal["paired", "unpaired"]
FOLDERS = ("image", "image-parse", "pose", "cloth", "cloth-mask")


class Pair(NamedTuple):
    """File names of a person image and of a shop cloth."""

    person: str
    cloth: str


@dataclass(frozen=True)
class SampleFiles:
    """The five files of one pair; `cloth_mask` may be absent for one's own photos."""

    image: Path
    parse: Path
    pose: Path
    cloth: Path
    cloth_mask: Path | None


def names_own_cloth(person: str) -> bool:
    """Whether the name tells the cloth that the person wears: it ends in `_0` before its suffix."""
    return person.rpartition(".")[0].endswith("_0")


def own_cloth(person: str) -> str:
    """The shop cloth that `person` wears in the photo: 000001_0.jpg -> 000001_1.jpg.

    Raises:
        UserError: the name does not tell, see `names_own_cloth`.
    """
    stem, dot, suffix = person.rpartition(".")
    if not names_own_cloth(person):
        raise UserError(
            f"{person}: a person's name must end in _0 (000001_0.jpg), else the cloth it wears "
            "in the photo is not known"
        )
    return f"{stem[:-1]}1{dot}{suffix}"


def wears_another(pair: Pair) -> bool:
    """Whether the person's name tells another cloth than the pair's: no true picture of the two."""
    return names_own_cloth(pair.person) and own_cloth(pair.person) != pair.cloth


def files_of(root: Path, split: Split, pair: Pair) -> SampleFiles:
    """Paths of the five files of `pair`."""
    folder, stem = root / split, pair.person.rpartition(".")[0]
    return SampleFiles(
        image=folder / "image" / pair.person,
        parse=folder / "image-parse" / f"{stem}.png",
        pose=folder / "pose" / f"{stem}_keypoints.json",
        cloth=folder / "cloth" / pair.cloth,
        cloth_mask=folder / "cloth-mask" / pair.cloth,
    )


def read_pairs(root: Path, split: Split) -> list[Pair]:
    """The pair list of a split, as it stands in the file.

    Raises:
        UserError: the root or the list is missing or empty, a line is not two names, or a name
            is not a plain file name.
    """
    if not root.is_dir():
        raise UserError(
            f"{root}: data.root is no folder; give the VITON folder, or make one with "
            f"`vton-aux data synthesize {root}`"
        )
    path = root / f"{split}_pairs.txt"
    if not path.is_file():
        raise UserError(f"{path}: the pair list is missing")
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: the pair list cannot be read ({error})") from None
    pairs = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        names = line.split()
        if len(names) != 2:
            raise UserError(f"{path}:{number}: `{line}` should be PERSON.jpg CLOTH.jpg")
        for name in names:
            if name == ".." or Path(name).name != name or "\\" in name:
                raise UserError(f"{path}:{number}: {name} is not a plain file name")
        pairs.append(Pair(*names))
    if not pairs:
        raise UserError(f"{path}: the pair list is empty")
    return pairs


def test_pairs(root: Path, pairing: Pairing) -> list[Pair]:
    """The test set: `unpaired` as listed, `paired` with each listed person in its own cloth."""
    pairs = read_pairs(root, "test")
    if pairing == "unpaired":
        return pairs
    return [Pair(person, own_cloth(person)) for person in dict.fromkeys(p.person for p in pairs)]


def missing_files(root: Path, split: Split, pairs: Sequence[Pair]) -> list[Path]:
    """The files that `pairs` name and that do not exist; one listing a folder, so it is quick.

    Raises:
        UserError: one of the five folders is missing.
    """
    present = {}
    for name in FOLDERS:
        folder = root / split / name
        if not folder.is_dir():
            raise UserError(f"{folder}: the folder is missing from the data set")
        present[folder] = {path.name for path in folder.iterdir()}
    wanted = dict.fromkeys(
        path for pair in pairs for path in vars(files_of(root, split, pair)).values()
    )
    return [path for path in wanted if path.name not in present[path.parent]]


def check_files(root: Path, split: Split, pairs: Sequence[Pair]) -> None:
    """Raise `UserError` naming the first missing file, before any training starts."""
    missing = missing_files(root, split, pairs)
    if missing:
        raise UserError(
            f"{missing[0]}: the file is missing ({len(missing)} missing in {split}; "
            f"see `vton-aux data check {root}`)"
        )

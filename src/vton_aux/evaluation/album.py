"""The pictures of an evaluation's samples, read from the data set and from the evaluation."""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vton_aux.data.layout import Pair, SampleFiles, Split, files_of
from vton_aux.data.sample import UInt8, read_photo, resize_photo
from vton_aux.data.synthetic.write import UNPAIRED
from vton_aux.evaluation.runs import Evaluation
from vton_aux.evaluation.score import pictures_by_stem, read_pixels


class Sample(NamedTuple):
    """A row of an evaluation's table: file names, and whether the cloth is the person's own."""

    person: str
    cloth: str
    pairing: str


class Album:
    """The pictures, all at the evaluation's size, to which the models saw them brought too.

    Raises:
        UserError: on reading a picture that is missing or broken; the message names it.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.summary = summary = evaluation.summary
        self.root = Path(summary["data"]["root"])
        self.split: Split = "test" if summary["split"] == "test" else "train"
        self.size = (int(summary["size"][0]), int(summary["size"][1]))
        self.folder = evaluation.path
        self.made = Path(summary["system"].get("predictions") or evaluation.path / "images")

    @property
    def missing(self) -> str | None:
        """The folder without which there is nothing to show, or None."""
        lost = [folder for folder in (self.root, self.made) if not folder.is_dir()]
        return str(lost[0]) if lost else None

    @cached_property
    def _made(self) -> dict[str, Path]:
        return pictures_by_stem(self.made)

    @property
    def has_warps(self) -> bool:
        """Whether there are warped cloths, as a checkpoint's evaluation keeps them."""
        return (self.folder / "warps").is_dir()

    @property
    def synthetic(self) -> bool:
        """Whether the data set is one that the package drew."""
        return self.summary.get("truth") == UNPAIRED or (self.root / "test" / UNPAIRED).is_dir()

    def person(self, sample: Sample) -> UInt8:
        """The photo."""
        return self._read(self._files(sample).image)

    def cloth(self, sample: Sample) -> UInt8:
        """The shop cloth."""
        return self._read(self._files(sample).cloth)

    def tryon(self, sample: Sample) -> UInt8:
        """I_try-on, as the system made it."""
        stem = Path(sample.person).stem
        return self._read(self._made.get(stem, self.made / f"{stem}.png"))

    def pasted(self, sample: Sample) -> UInt8:
        """The warped cloth pasted on the photo, as in Figure 2."""
        warp = read_pixels(self.folder / "warps" / f"{Path(sample.person).stem}.png")
        return np.where(warp[..., 3:] > 127, warp[..., :3], self.person(sample))

    def truth(self, sample: Sample) -> UInt8 | None:
        """The person in this very cloth: the photo of a paired sample; of an unpaired one only
        synthetic data have it."""
        if sample.pairing == "paired":
            return self.person(sample)
        path = self.root / self.split / UNPAIRED / f"{Path(sample.person).stem}.jpg"
        return self._read(path) if path.is_file() else None

    def _files(self, sample: Sample) -> SampleFiles:
        return files_of(self.root, self.split, Pair(sample.person, sample.cloth))

    def _read(self, path: Path) -> UInt8:
        return resize_photo(read_photo(path), self.size)

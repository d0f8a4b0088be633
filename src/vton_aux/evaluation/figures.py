"""Figures 1 to 3 and the galleries of a set of evaluations, chosen alike for files and report."""

import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from torch.utils.data import default_collate

from vton_aux.data.dataset import VITONDataset
from vton_aux.data.layout import Pair, Pairing, Split, test_pairs
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError, one_line
from vton_aux.evaluation import gallery
from vton_aux.evaluation.album import Album
from vton_aux.evaluation.architecture import read_architecture
from vton_aux.evaluation.comparison import Seed
from vton_aux.evaluation.figure1 import figure_1
from vton_aux.evaluation.gallery import Sheet
from vton_aux.evaluation.runs import Evaluation
from vton_aux.evaluation.systems import System, beginning_with, gather, main_system
from vton_aux.files import check_writable, write_text
from vton_aux.pictures import save_png
from vton_aux.stages.checkpoint import load_tryon
from vton_aux.stages.tom import TOMStage

RANKED_BY = ("ssim", "psnr")  # the galleries' score: the first that there is


def write_figures(
    evaluations: Sequence[Evaluation], output: Path, people: int, against: str = "baseline"
) -> list[Path]:
    """Write what can be drawn of the evaluations into the folder `output`; return the files.

    Args:
        people: rows of a figure and of a gallery.
        against: the system with which the galleries compare.

    Raises:
        UserError: the evaluations cannot stand side by side, a picture is missing or broken, or
            the folder cannot be written.
    """
    systems = beginning_with(against, gather(evaluations))
    for evaluation in evaluations:
        if lost := Album(evaluation).missing:
            raise UserError(f"{lost}: missing; if it was moved, put a link there")
    check_writable(output / "architecture.svg")
    files = []
    model = model_shown(systems)
    if model is not None:
        try:
            write_text(output / "architecture.svg", architecture_of(model))
            files.append(output / "architecture.svg")
        except UserError as error:
            print(f"no architecture.svg: {one_line(error)}", file=sys.stderr)
    for name, of in _sheets(systems, people).items():
        files.append(output / f"{name}.png")
        save_png(gallery.picture_of(of), files[-1])
    return files


def _sheets(systems: Sequence[System], people: int) -> dict[str, Sheet]:
    _, side_by_side = shown_side_by_side(systems)
    second, third = gallery.figures(side_by_side, people)
    sheets = {"figure2": second, "figure3": third}
    ranked = ranked_galleries(systems[0], main_system(systems[1:] or systems), people)
    sheets |= ranked[1] if ranked else {}
    return {name: of for name, of in sheets.items() if of is not None}


def model_shown(systems: Sequence[System]) -> Evaluation | None:
    """Of the system that Figure 1 draws: `both`, else the last one whose model is known."""
    models = [s for s in systems if s.summary.get("checkpoint")]
    if not models:
        return None
    _, found = shown_side_by_side([main_system(models)])
    return next(iter(found.values()))


def shown_side_by_side(systems: Sequence[System]) -> tuple[str, dict[str, Evaluation]]:
    """Unpaired evaluations where there are any, as in the paper's figures; else paired ones."""
    for pairing in ("unpaired", "paired"):
        found = _first_seeds(systems, pairing)
        if found:
            return pairing, found
    raise ValueError("systems without evaluations")


def ranked_galleries(
    baseline: System, system: System, people: int
) -> tuple[str, dict[str, Sheet], dict[str, Evaluation]] | None:
    """The score that ranks, the galleries, and the evaluations that they show; None without a
    paired score of each.

    The systems are the baseline and another one, or twice the same, which then stands alone.
    """
    evaluations = _first_seeds([baseline, system], "paired")
    if {baseline.title, system.title} - set(evaluations):
        return None
    for score in RANKED_BY:
        if all(score in evaluation.table for evaluation in evaluations.values()):
            return score, gallery.galleries(evaluations, score, people), evaluations
    return None


def architecture_of(evaluation: Evaluation, own_data: bool = True) -> str:
    """Figure 1 of the evaluation's model, with a sample on its way through it.

    Args:
        own_data: take the evaluation's first sample, where its data are there; else a person is
            drawn for it.

    Raises:
        UserError: the checkpoint is missing or broken, or so is the sample.
    """
    stage = load_tryon(Path(evaluation.summary["system"]["checkpoint"]))
    album = Album(evaluation)
    if own_data and album.root.is_dir():
        person, cloth, pairing = evaluation.table.index[0]
        return _draw(stage, album.root, album.split, Pair(person, cloth), pairing)
    with tempfile.TemporaryDirectory() as folder:
        root, (height, width) = Path(folder) / "people", stage.context.size
        write_dataset(root, train=1, test=2, size=(height, width), progress=False)
        return _draw(stage, root, "test", test_pairs(root, "unpaired")[0], "unpaired")


def _draw(stage: TOMStage, root: Path, split: Split, pair: Pair, pairing: Pairing) -> str:
    height, width = stage.context.size
    data = VITONDataset(root, split, [pair], pairing, (height, width), stage.labels)
    return figure_1(read_architecture(stage, default_collate([data[0]])))


def _first_seeds(systems: Sequence[System], pairing: str) -> dict[str, Evaluation]:
    """An evaluation of each system by its title: of the lowest seed that all have, else its own."""
    found = {system.title: system.evaluations.get(pairing, {}) for system in systems}
    known = {title: of for title, of in found.items() if of}
    shared = set.intersection(*(set(of) for of in known.values())) if known else set()
    return {title: of[_lowest(shared or of)] for title, of in known.items()}


def _lowest(seeds: Iterable[Seed]) -> Seed:
    return min(seeds, key=lambda seed: (seed is None, seed or 0))

"""Runs side by side: one table of their scores and one sheet of their try-ons."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from vton_aux.data.sample import read_photo
from vton_aux.errors import UserError
from vton_aux.pictures import sheet

ARMS = {"baseline": "CP-VTON", "tom_only": "only TOM", "both": "Both", "gmm_only": "only GMM"}


def read_summary(run: Path) -> dict[str, Any]:
    """What RUN/summary.json holds.

    Raises:
        UserError: there is none: the run is not finished, or it is no run.
    """
    path = run / "summary.json"
    if not path.is_file():
        raise UserError(f"{path}: missing; {run} is no finished run")
    summary: dict[str, Any] = json.loads(path.read_text())
    return summary


def ablation_table(runs: Sequence[Path], evaluations: Sequence[Path]) -> pd.DataFrame:
    """A column a run: warp IoU and M_exp's IoU on validation, paired scores of its evaluation.

    Args:
        runs: run folders of `vton-aux train`.
        evaluations: the folder of the paired evaluation of each run's TOM.
    """
    columns = {}
    for run, evaluation in zip(runs, evaluations, strict=True):
        summary, scores = read_summary(run), read_summary(evaluation)["scores"]
        gmm, tom = summary["gmm"]["validation"], summary["tom"]["validation"]
        columns[ARMS.get(summary["arm"], summary["arm"])] = {
            "SSIM": scores["ssim"],
            "MS-SSIM": scores.get("ms_ssim"),
            "PSNR": scores["psnr"],
            "GMM warp IoU (val)": gmm["warp_iou"],
            "GMM M_exp mIoU (val)": gmm.get("segmentation_iou"),
            "TOM M_exp mIoU (val)": tom.get("segmentation_iou"),
        }
    table = pd.DataFrame(columns)
    return table.dropna(how="all").map(lambda value: "" if pd.isna(value) else f"{value:.4f}")


def markdown(table: pd.DataFrame) -> str:
    """The table as Markdown."""
    head = ["", *table.columns]
    rows = [[name, *row] for name, row in zip(table.index, table.to_numpy().tolist(), strict=True)]
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "| " + " | ".join(str(cell).ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in [head, *rows]
    ]
    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def arms_sheet(
    persons: Sequence[tuple[Path, Path]], evaluations: Mapping[str, Path], truth: Path | None = None
) -> Image.Image:
    """A row a person: photo, cloth, then the try-on of each evaluation.

    Args:
        persons: the photo and the shop cloth of each row.
        evaluations: column header -> folder of an evaluation.
        truth: folder of the true pictures of these unpaired samples, where there are any.
    """
    columns = {
        "person": [read_photo(photo) for photo, _ in persons],
        "shop cloth": [read_photo(cloth) for _, cloth in persons],
    }
    for name, folder in evaluations.items():
        columns[name] = [read_photo(folder / "images" / f"{p.stem}.png") for p, _ in persons]
    if truth is not None:
        columns["truth"] = [read_photo(truth / p.name) for p, _ in persons]
    return sheet(columns)

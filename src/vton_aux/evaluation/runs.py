"""The evaluations that lie on disk: found and read."""

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vton_aux.errors import UserError, one_line
from vton_aux.evaluation.comparison import Seed
from vton_aux.evaluation.known_scores import SCORES
from vton_aux.evaluation.protocol import PROTOCOLS

IMAGE = ["person", "cloth", "pairing"]  # what makes a row of the table a sample
PAIRINGS = ("paired", "unpaired")
NEEDED = (
    "system.kind", "system.name", "data.fingerprint", "split", "pairing", "size", "metric_settings",
    "images", "protocols",
)  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """A folder of `vton-aux evaluate`: its summary, and its table once that is asked for."""

    path: Path
    summary: dict[str, Any]

    @property
    def name(self) -> str:
        """The system; an arm's name unless the person gave another."""
        return str(self.summary["system"]["name"])

    @property
    def pairing(self) -> str:
        """ "paired" or "unpaired"."""
        return str(self.summary["pairing"])

    @property
    def seed(self) -> Seed:
        """Of the training; None where it is not known."""
        seed: Seed = self.summary["system"].get("seed")
        return seed

    @property
    def settings(self) -> dict[str, str]:
        """What it was trained with, see `flat_settings`; empty where that is not known."""
        return self.summary["system"].get("settings") or {}

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a sample, with the index `IMAGE`.

        Raises:
            UserError: there is no table, or it is not the summary's.
        """
        path = self.path / "scores.parquet"
        if not path.is_file():
            raise UserError(f"{path}: missing; evaluate again")
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({one_line(error)}); evaluate again") from None
        means = {name for p in self.summary["protocols"].values() for name in p.get("means") or {}}
        columns = [*IMAGE, *self.summary["protocols"], *sorted(means)]
        missing = [name for name in columns if name not in table]
        if missing:
            raise UserError(f"{path}: has no column {', '.join(missing)}; evaluate again")
        if len(table) != self.summary["images"] or set(table["pairing"]) - {self.pairing}:
            raise UserError(
                f"{path}: is not the table of its summary.json ({self.summary['images']} "
                f"{self.pairing} images); evaluate again"
            )
        table = table.set_index(IMAGE)
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()][0]
            raise UserError(f"{path}: {' '.join(twice)} stands there twice; evaluate again")
        return table

    def rows(self, protocol: str) -> pd.DataFrame:
        """The samples that count under `protocol`."""
        return self.table[self.table[protocol]]

    def count(self, flag: str, protocol: str | None = None) -> int | None:
        """How many samples (of a protocol) have the flag; None where the table does not tell, or
        where it goes without saying."""
        rows = self.table if protocol is None else self.rows(protocol)
        if flag not in rows or (flag, self.pairing) == ("own_cloth", "paired"):
            return None
        return int(rows[flag].sum())

    def scores(self, protocol: str) -> pd.DataFrame:
        """The scores of these samples, a column a score; an infinite one (PSNR of equal pictures)
        is NaN, as no mean can hold it."""
        rows = self.rows(protocol)
        known = rows[[name for name in SCORES if name in rows]].astype(float)
        return known.replace([np.inf, -np.inf], np.nan).dropna(axis="columns", how="all")

    def photos(self, protocol: str) -> "pd.Series[Any] | None":
        """The number of each sample's photo, one for all its copies; None in older tables."""
        return self.rows(protocol).get("photo")

    def pooled(self, protocol: str, score: str) -> float | None:
        """A score that the summary holds, as it is no mean over images: FID, KID, M_exp's IoU."""
        value: float | None = self.summary["protocols"][protocol].get(score)
        return value


def read_evaluation(path: Path) -> Evaluation:
    """The evaluation in folder `path`.

    Raises:
        UserError: summary.json is missing, broken or lacks a key.
    """
    file = path / "summary.json"
    if not file.is_file():
        raise UserError(f"{path}: unfinished, has no summary.json; evaluate again or move it")
    summary = _read_json(file)
    for key in NEEDED:
        if value_at(summary, key) is None:
            raise UserError(f"{file}: has no {key}; evaluate again")
    unknown = set(summary["protocols"]) - set(PROTOCOLS)
    if unknown or summary["pairing"] not in PAIRINGS:
        raise UserError(f"{file}: has an unknown protocol or pairing; evaluate again")
    return Evaluation(path, summary)


def find_evaluations(paths: Sequence[Path]) -> list[Evaluation]:
    """The evaluations in and below the folders, each once.

    Raises:
        UserError: a folder is missing or holds no evaluation, or an evaluation is unfinished or
            broken.
    """
    found: dict[Path, Evaluation] = {}
    for path in paths:
        if not path.is_dir():
            missing = "is a file, no folder" if path.exists() else "there is no such folder"
            raise UserError(f"{path}: {missing}")
        folders = [Path(f) for f, _, files in os.walk(path) if _holds_evaluation(Path(f), files)]
        if not folders:
            raise UserError(f"{path}: holds no evaluation; `vton-aux evaluate` makes them")
        found |= {folder.resolve(): read_evaluation(folder) for folder in sorted(folders)}
    return list(found.values())


def _holds_evaluation(folder: Path, files: Collection[str]) -> bool:
    if "summary.json" in files:
        known = _read_json(folder / "summary.json").keys()
        return "protocols" in known or ("inputs.json" in files and "stage" not in known)
    # a stage that is being trained has a job beside its inputs
    return "scores.parquet" in files or ("inputs.json" in files and "job.json" not in files)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({one_line(error)})") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no JSON object")
    return content


def value_at(content: Any, key: str) -> Any:
    """The value at `key`, whose dots go down into the mappings; None where there is none."""
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content

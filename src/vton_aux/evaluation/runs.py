"""The evaluations that lie on disk: found, read, and checked for whether they may be compared."""

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vton_aux.device import FULL
from vton_aux.errors import UserError, one_line
from vton_aux.evaluation.comparison import Seed
from vton_aux.evaluation.known_scores import SCORES
from vton_aux.evaluation.protocol import PROTOCOLS
from vton_aux.evaluation.settings import differing

ARMS = {"baseline": "CP-VTON", "tom_only": "only TOM", "both": "Both", "gmm_only": "only GMM"}
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


@dataclass(frozen=True)
class System:
    """What fills a column: an arm or another system, all its seeds, paired and unpaired."""

    name: str
    evaluations: Mapping[str, Mapping[Seed, Evaluation]]  # by pairing and seed

    @property
    def title(self) -> str:
        """The name in print, the paper's for an arm."""
        return ARMS.get(self.name, self.name)

    @property
    def seeds(self) -> list[Seed]:
        """Of all its evaluations."""
        return sorted({e.seed for e in self.all}, key=lambda seed: (seed is None, seed))

    @property
    def summary(self) -> dict[str, Any]:
        """Facts of the system that all its evaluations agree on."""
        facts: dict[str, Any] = self.all[0].summary["system"]
        return facts

    @property
    def settings(self) -> dict[str, str]:
        """`Evaluation.settings`, in which they agree."""
        return self.all[0].settings

    def differs_in(self, other: "System") -> list[str]:
        """In what two systems differ beside the heads, as far as both tell."""
        told = {"steps": "steps", "trained_on": "training data", "labels": "labels"}
        mine, theirs = self.summary, other.summary
        known = {key: word for key, word in told.items() if mine.get(key) and theirs.get(key)}
        words = [word for key, word in known.items() if mine[key] != theirs[key]]
        settings = differing(self.settings, other.settings)
        return words + [
            f"{name} ({one} against {another})"
            for name, (one, another) in settings.items()
            if not name.endswith(".steps")
        ]

    @property
    def all(self) -> list[Evaluation]:
        """Its evaluations in one list."""
        return [e for of in self.evaluations.values() for e in of.values()]

    def gmms(self, pairing: str) -> dict[Seed, str | None]:
        """seed -> the key of its GMM; None where that is not known."""
        of = self.evaluations.get(pairing, {})
        return {s: e.summary["system"].get("gmm_key") for s, e in of.items()}

    def scores(self, pairing: str, protocol: str) -> dict[Seed, pd.DataFrame]:
        """seed -> `Evaluation.scores`."""
        return {s: e.scores(protocol) for s, e in self.evaluations.get(pairing, {}).items()}

    def photos(self, pairing: str, protocol: str) -> "pd.Series[Any] | None":
        """`Evaluation.photos`, which all its evaluations have in common."""
        return next(iter(self.evaluations[pairing].values())).photos(protocol)

    def pooled(self, pairing: str, protocol: str, score: str) -> dict[Seed, float]:
        """seed -> `Evaluation.pooled`, of the seeds that have it."""
        values = {
            s: e.pooled(protocol, score) for s, e in self.evaluations.get(pairing, {}).items()
        }
        return {s: value for s, value in values.items() if value is not None}


def beginning_with(against: str, systems: Sequence[System]) -> list[System]:
    """The systems, first the one with which the others are compared.

    Raises:
        UserError: it is not among them; without a baseline nothing is compared.
    """
    ordered = sorted(systems, key=lambda system: system.name != against)
    if against not in ("baseline", ordered[0].name):
        names = ", ".join(system.name for system in ordered)
        raise UserError(f"--against {against}: not among these systems, which are {names}")
    return ordered


def main_system(systems: Sequence[System]) -> System:
    """The one that a headline and galleries are about: `both`, else the last one in the paper's
    order."""
    return next((s for s in systems if s.name == "both"), systems[-1])


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
        if _get(summary, key) is None:
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


def check_comparable(evaluations: Iterable[Evaluation], across_pairings: bool = False) -> None:
    """Raise unless the scores of the evaluations may stand in one row.

    What one of them does not know (the features of FID, the settings of a score that it lacks) is
    no difference.

    Args:
        across_pairings: look only at what paired and unpaired evaluations must agree in.

    Raises:
        UserError: two of them differ; the message names both and the key.
    """
    known: dict[str, tuple[Any, Evaluation]] = {}
    for evaluation in evaluations:
        for key, value in _conditions(evaluation.summary, across_pairings).items():
            if value is None:
                continue
            expected, other = known.setdefault(key, (value, evaluation))
            if value != expected:
                raise UserError(
                    f"{other.path} and {evaluation.path} differ in {key} ({expected} and {value}); "
                    "their scores cannot stand in one table"
                )


def gather(evaluations: Collection[Evaluation]) -> list[System]:
    """The systems in the order of the paper's table, others after them by name.

    Raises:
        UserError: evaluations that differ in data, protocol or settings, two evaluations of one
            system and seed, or seeds of one system that were not trained alike.
    """
    check_comparable(evaluations, across_pairings=True)
    for pairing in PAIRINGS:
        check_comparable(e for e in evaluations if e.pairing == pairing)
    arms = [*ARMS]
    names = sorted(
        {e.name for e in evaluations},
        key=lambda name: (arms.index(name) if name in arms else len(arms), name),
    )
    return [_system(name, [e for e in evaluations if e.name == name]) for name in names]


def _system(name: str, evaluations: Sequence[Evaluation]) -> System:
    found: dict[str, dict[Seed, Evaluation]] = {}
    for evaluation in evaluations:
        if apart := differing(evaluations[0].settings, evaluation.settings):
            told = (f"{setting} ({' and '.join(two)})" for setting, two in apart.items())
            raise UserError(
                f"{evaluations[0].path} and {evaluation.path} were trained with other "
                f"{', '.join(told)}, so {name} is no one system; leave one out, or evaluate one "
                "with name=OTHER"
            )
        for key in ("system.kind", "system.steps", "system.trained_on", "system.recipe"):
            values = [_get(e.summary, key) for e in (evaluations[0], evaluation)]
            if values[0] != values[1]:
                raise UserError(
                    f"{evaluations[0].path} and {evaluation.path} differ in {key} ({values[0]} and "
                    f"{values[1]}), so {name} is no one system; leave one out "
                    f"({_older(evaluations[0], evaluation)} is older), or evaluate one with "
                    "name=OTHER"
                )
        seeds = found.setdefault(evaluation.pairing, {})
        if evaluation.seed in seeds:
            raise UserError(
                f"{seeds[evaluation.seed].path} and {evaluation.path} are both {name}, seed "
                f"{evaluation.seed}, {evaluation.pairing}; leave one out "
                f"({_older(seeds[evaluation.seed], evaluation)} is older), or evaluate one with "
                "name=OTHER"
            )
        seeds[evaluation.seed] = evaluation
    return System(name, found)


def _older(*evaluations: Evaluation) -> Path:
    return min((e.path for e in evaluations), key=lambda p: (p / "summary.json").stat().st_mtime)


def _conditions(summary: Mapping[str, Any], across_pairings: bool) -> dict[str, Any]:
    always = {key: summary.get(key) for key in ("split", "size", "features")}
    if summary["system"]["kind"] == "checkpoint":
        always["system.precision"] = summary["system"].get("precision", FULL)
    if across_pairings:
        return always
    settings = {f"metric_settings.{key}": v for key, v in summary["metric_settings"].items()}
    return {
        **always,
        "protocols": sorted(summary["protocols"]),
        "pairing": summary["pairing"],
        "truth": summary.get("truth"),
        "data.fingerprint": summary["data"]["fingerprint"],
        **settings,
    }


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


def _get(content: Any, key: str) -> Any:
    """The value at `key`, whose dots go down into the mappings; None where there is none."""
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content

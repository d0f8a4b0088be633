"""The systems that fill the columns of a table, and which evaluations may stand in one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vton_aux.device import FULL
from vton_aux.errors import UserError
from vton_aux.evaluation.comparison import Seed
from vton_aux.evaluation.runs import PAIRINGS, Evaluation, value_at
from vton_aux.evaluation.settings import differing

ARMS = {"baseline": "CP-VTON", "tom_only": "only TOM", "both": "Both", "gmm_only": "only GMM"}


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
            values = [value_at(e.summary, key) for e in (evaluations[0], evaluation)]
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

"""What the numbers of the report rest on: data, systems, settings, commands.

Every function returns plain values for the template.
"""

import shlex
from collections.abc import Sequence
from typing import Any

from vton_aux.device import FULL
from vton_aux.evaluation.album import Album
from vton_aux.evaluation.dress import INPUTS
from vton_aux.evaluation.runs import Evaluation
from vton_aux.evaluation.systems import System
from vton_aux.files import read_object
from vton_aux.overrides import override

COUNTS = {
    "official": "rows",
    "seen_in_training": "photo also in the training set",
    "copy": "copy of an earlier row's photo",
    "clean": "clean: neither",
    "own_cloth": "the person's own cloth",
    "cloth_seen": "cloth also in the training set",
}
Plain = dict[str, Any]


def data(systems: Sequence[System]) -> Plain:
    """What the test set holds, defects included, a column a pairing."""
    found: dict[str, Evaluation] = {}
    for system in systems:
        for evaluation in system.all:
            found.setdefault(evaluation.pairing, evaluation)
    columns = list(found)
    rows = []
    for column, words in COUNTS.items():
        values = [evaluation.count(column) for evaluation in found.values()]
        if any(value is not None for value in values):
            rows.append({"name": words, "values": values})
    if not rows:
        rows = [{"name": "rows", "values": [len(e.table) for e in found.values()]}]
    first = next(iter(found.values()))
    return {
        "columns": columns,
        "rows": rows,
        "root": first.summary["data"]["root"],
        "fingerprints": {p: e.summary["data"]["fingerprint"] for p, e in found.items()},
        "own": found["unpaired"].count("own_cloth") if "unpaired" in found else None,
        "split": first.summary["split"],
    }


def systems(systems: Sequence[System]) -> list[Plain]:
    """Where each column comes from."""
    rows = []
    for system in systems:
        facts = system.summary
        steps = facts.get("steps") or {}
        rows.append(
            {
                "title": system.title,
                "kind": "trained here" if facts["kind"] == "checkpoint" else "pictures alone",
                "seeds": ", ".join("?" if seed is None else str(seed) for seed in system.seeds),
                "steps": ", ".join(f"{s.upper()} {n:,}" for s, n in steps.items()) or "unknown",
                "trained_on": facts.get("trained_on") or "unknown",
                "places": list(
                    dict.fromkeys(
                        str(e.summary["system"].get("checkpoint") or Album(e).made)
                        for e in system.all
                    )
                ),
            }
        )
    return rows


def settings(systems: Sequence[System]) -> Plain | None:
    """The settings of the models: those in which they differ, and all others."""
    found = {system.title: system.settings for system in systems if system.settings}
    if not found:
        return None
    names = sorted({name for of in found.values() for name in of})
    rows = [{"name": name, "values": [of.get(name, "") for of in found.values()]} for name in names]
    return {
        "systems": list(found),
        "differ": [row for row in rows if len(set(row["values"])) > 1],
        "equal": [(row["name"], row["values"][0]) for row in rows if len(set(row["values"])) == 1],
    }


def metric_settings(evaluations: Sequence[Evaluation]) -> dict[str, str]:
    """How each score is computed."""
    found: dict[str, str] = {}
    for evaluation in evaluations:
        found |= {name: str(value) for name, value in evaluation.summary["metric_settings"].items()}
    return found


def commands(evaluations: Sequence[Evaluation]) -> list[str]:
    """The evaluations again, and this report."""
    lines = [_evaluate(evaluation) for evaluation in evaluations]
    paths = " ".join(shlex.quote(str(e.path)) for e in evaluations)
    return [*lines, f"vton-aux report {paths}"]


def _evaluate(evaluation: Evaluation) -> str:
    summary, inputs = evaluation.summary, read_object(evaluation.path / INPUTS)
    system = summary["system"]
    precision = system.get("precision")
    height, width = summary["size"]
    cut = inputs if summary["split"] == "val" else {}
    words = {
        "checkpoint": system.get("checkpoint"),
        "predictions": None if system.get("checkpoint") else system.get("predictions"),
        "name": system["name"] if system["name"] != system.get("arm") else None,
        "data": "viton",
        "data.root": summary["data"]["root"],
        "data.size": None if system.get("checkpoint") else [height, width],
        "split": None if summary["split"] == "test" else summary["split"],
        "data.val_fraction": cut.get("val_fraction"),
        "data.split_seed": cut.get("split_seed"),
        "pairing": summary["pairing"],
        "limit": inputs.get("limit"),
        "batch_size": inputs.get("batch_size"),
        "precision": None if precision == FULL else precision,
        "compile": inputs.get("compile") or None,
        "features": summary.get("features"),
        "features_weights": summary.get("features_weights"),
        "lpips": True if "lpips" in evaluation.table else None,
    }
    given = [override(key, value) for key, value in words.items() if value is not None]
    return shlex.join(["vton-aux", "evaluate", *given])

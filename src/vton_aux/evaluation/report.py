"""The report: one HTML file of the evaluations' numbers and pictures, which needs no network."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from vton_aux.errors import UserError, one_line
from vton_aux.evaluation import gallery
from vton_aux.evaluation import report_numbers as numbers
from vton_aux.evaluation import report_pictures as pictures
from vton_aux.evaluation.album import Album
from vton_aux.evaluation.figures import (
    architecture_of,
    compared_system,
    model_shown,
    ranked_galleries,
    shown_side_by_side,
)
from vton_aux.evaluation.gallery import Sheet
from vton_aux.evaluation.protocol import PROTOCOLS
from vton_aux.evaluation.runs import ARMS, Evaluation, System
from vton_aux.evaluation.statistics import SCORES
from vton_aux.evaluation.table1 import Table, make_tables
from vton_aux.stages.checkpoint import read_checkpoint

TEMPLATES = Path(__file__).parent / "templates"
COUNTS = {
    "official": "rows",
    "seen_in_training": "photo also in the training set",
    "copy": "copy of an earlier row's photo",
    "clean": "clean: neither",
    "own_cloth": "the person's own cloth",
}
Plain = dict[str, Any]


def make_report(evaluations: Sequence[Evaluation], people: int = 6) -> str:
    """The HTML of these evaluations.

    Args:
        people: rows of a figure and of a gallery; 0 leaves every picture of the data set out.

    Raises:
        UserError: the evaluations cannot stand in one table, or a picture is broken.
    """
    tables = make_tables(evaluations)
    main = numbers.primary(tables)
    absent: list[str] = []
    shown = _pictures(main.systems, people, absent)
    strata = numbers.strata(main)
    classes = numbers.classes(main)
    if not strata:
        absent.append(
            "Parts of the test set: no paired scores of a system and a baseline to compare."
        )
    if classes is None:
        absent.append("IoU of M_exp: no auxiliary head in TOM, or no paired evaluation of one.")
    album, compared = Album(evaluations[0]), numbers.main_system(main)
    content = {
        "question": _question(main),
        "finding": numbers.finding(main),
        "badges": _badges(main),
        "cards": numbers.cards(main),
        "tables": [numbers.table_1(table) for table in _main_first(tables, main)],
        "intervals": [numbers.intervals(t) for t in _main_first(tables, main) if t.comparisons],
        "strata": strata,
        "classes": classes,
        **shown,
        "main": compared.title if compared else None,
        "baseline": main.systems[0].title,
        "protocol": main.protocol,
        "protocols": {t.protocol: PROTOCOLS[t.protocol] for t in tables},
        "data": _data(main.systems),
        "systems": _systems(main.systems),
        "settings": _settings(main.systems),
        "metrics": _metric_settings(evaluations),
        "commands": _commands(evaluations),
        "absent": absent,
        "synthetic": album.synthetic,
        "real_pictures": bool(people) and not album.synthetic and album.missing is None,
        "css": Markup((TEMPLATES / "report.css").read_text()),
        "js": Markup((TEMPLATES / "report.js").read_text()),
    }
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"symbols": symbols, "whole": _whole}
    return environment.get_template("report.html.j2").render(content)


def symbols(text: str) -> Markup:
    """The paper's symbols set as such: M_exp as an M with a subscript."""
    return Markup(re.sub(r"\b([A-Z])_([a-z-]+)", r"<i>\1</i><sub>\2</sub>", str(escape(text))))


def _whole(text: str) -> str:
    """Names such as CP-VTON stay on one line."""
    return text.replace("-", "\N{NON-BREAKING HYPHEN}")


def _question(table: Table) -> str:
    system = numbers.main_system(table)
    if system is not None and system.name in ARMS:
        return "Does predicting the person's segmentation make virtual try-on better?"
    return "How do these try-ons compare?"


def _badges(table: Table) -> list[tuple[str, str]]:
    first = table.systems[0].all[0]
    height, width = first.summary["size"]
    seeds = {len(s.seeds) for s in table.systems if None not in s.seeds}
    several = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else str(*seeds or "?")
    return [
        ("data", "synthetic" if Album(first).synthetic else "real photos"),
        ("images", f"{numbers.images_of(table):,} {table.protocol}"),
        ("size", f"{height} by {width}"),
        ("seeds a system", several),
    ]


def _main_first(tables: Sequence[Table], main: Table) -> list[Table]:
    return [main, *(table for table in tables if table is not main)]


def _pictures(systems: Sequence[System], people: int, absent: list[str]) -> Plain:
    """Figures 1 to 3 and the galleries, as far as there are pictures."""
    shown: Plain = dict.fromkeys(
        ("figure_1", "figure_1_of", "figure_2", "figure_3", "galleries", "order")
    )
    shown |= _figure_1(systems, bool(people), absent)
    pairing, side_by_side = shown_side_by_side(systems)
    missing = next((m for e in side_by_side.values() if (m := Album(e).missing)), None)
    if not people or missing:
        why = f"{missing} is not on this machine." if missing else "made with --people 0."
        absent.append(f"Figures 2 and 3, galleries: {why}")
        return shown
    second, third = gallery.figures(side_by_side, people)
    shown |= {"figure_3": pictures.figure(third), "order": _order(third, pairing)}
    if second is None:
        absent.append("Figure 2: none of the systems kept its warped cloths.")
    else:
        shown["figure_2"] = pictures.figure(second)
    shown["galleries"] = _galleries(systems, people, absent)
    return shown


def _figure_1(systems: Sequence[System], own_data: bool, absent: list[str]) -> Plain:
    model = model_shown(systems)
    if model is None:
        absent.append("Figure 1: pictures alone do not tell the model that made them.")
        return {}
    try:
        drawing = architecture_of(model, own_data)
    except UserError as error:
        absent.append(f"Figure 1: {one_line(error)}.")
        return {}
    return {"figure_1": Markup(drawing), "figure_1_of": ARMS.get(model.name, model.name)}


def _order(sheet: Sheet, pairing: str) -> str:
    """How the rows of Figures 2 and 3 were chosen."""
    worn = "in the own cloth" if pairing == "paired" else "in another cloth"
    if not sheet.by_difficulty:
        return f"People {worn}, spread evenly over the test set."
    return (
        f"People {worn}, spread evenly from the cloth whose shape is nearest to the worn one "
        f"(difficulty {sheet.numbers[0]:.2f}) to the farthest ({sheet.numbers[-1]:.2f})."
    )


def _galleries(systems: Sequence[System], people: int, absent: list[str]) -> Plain | None:
    """Best, worst, gain and loss of the main system on paired samples."""
    found = ranked_galleries(systems[0], compared_system(systems), people)
    if found is None:
        absent.append("Galleries: they rank by a paired score, and there is none.")
        return None
    score, sheets, evaluations = found
    titles, name = [*evaluations], SCORES[score].name
    last = titles[-1]
    rules = {
        "gain": (f"Where {last} gains most", f"largest gain in {name} over {titles[0]}", "better"),
        "loss": (f"Where {last} loses most", f"largest loss in {name} to {titles[0]}", "worse"),
        "best": (f"Where {last} is best", f"highest {name} of {last}", "best"),
        "worst": (f"Where {last} is worst", f"lowest {name} of {last}", "worst"),
    }
    if len(titles) == 1:
        del rules["gain"], rules["loss"]
    seeds = sorted({e.seed for e in evaluations.values() if e.seed is not None})
    return {
        "before": titles[0] if len(titles) > 1 else None,
        "after": last,
        "seed": ", ".join(map(str, seeds)),
        "sheets": [
            {
                "title": title,
                "words": words,
                "none": f"There is no image on which {last} is {kind}.",
                "items": pictures.gallery(sheets[rule], titles) if rule in sheets else [],
            }
            for rule, (title, words, kind) in rules.items()
        ],
    }


def _data(systems: Sequence[System]) -> Plain:
    """What the test set holds, defects included, a column a pairing."""
    found = {}
    for system in systems:
        for evaluation in system.all:
            found.setdefault(evaluation.pairing, evaluation)
    columns = list(found)
    rows = []
    for column, words in COUNTS.items():
        values = [int(e.table[column].sum()) if column in e.table else None for e in found.values()]
        if any(value is not None for value in values):
            rows.append({"name": words, "values": values})
    if not rows:
        rows = [{"name": "rows", "values": [len(e.table) for e in found.values()]}]
    first = next(iter(found.values()))
    own = found["unpaired"].table if "unpaired" in found else None
    return {
        "columns": columns,
        "rows": rows,
        "root": first.summary["data"]["root"],
        "fingerprints": {p: e.summary["data"]["fingerprint"] for p, e in found.items()},
        "own": 0 if own is None or "own_cloth" not in own else int(own["own_cloth"].sum()),
        "split": first.summary["split"],
    }


def _systems(systems: Sequence[System]) -> list[Plain]:
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


def _settings(systems: Sequence[System]) -> Plain | None:
    """The settings in the checkpoints: those in which the systems differ, and all others."""
    found: dict[str, dict[str, str]] = {}
    for system in systems:
        path = system.summary.get("checkpoint")
        if path and Path(path).is_file():
            found[system.title] = _flat(read_checkpoint(Path(path))["hyper_parameters"])
    if not found:
        return None
    names = sorted({name for of in found.values() for name in of})
    rows = [{"name": name, "values": [of.get(name, "") for of in found.values()]} for name in names]
    return {
        "systems": list(found),
        "differ": [row for row in rows if len(set(row["values"])) > 1],
        "equal": [(row["name"], row["values"][0]) for row in rows if len(set(row["values"])) == 1],
    }


def _flat(arguments: Mapping[str, Any]) -> dict[str, str]:
    """`gmm.width` and so on; where a stage came from stands elsewhere."""
    stages = {"tom": arguments, "gmm": arguments.get("gmm", {})}
    flat = {}
    for stage, of in stages.items():
        context = {
            k: v
            for k, v in of.get("context", {}).items()
            if k not in ("provenance", "size", "labels")
        }
        for name, value in {**of.get("settings", {}), **context}.items():
            flat[f"{stage}.{name}"] = json.dumps(value)
    return flat


def _metric_settings(evaluations: Sequence[Evaluation]) -> dict[str, str]:
    found: dict[str, str] = {}
    for evaluation in evaluations:
        found |= {name: str(value) for name, value in evaluation.summary["metric_settings"].items()}
    features = {e.summary.get("features") for e in evaluations} - {None}
    return found | {"features of FID and KID": ", ".join(sorted(features)) or "none"}


def _commands(evaluations: Sequence[Evaluation]) -> list[str]:
    """The evaluations again, and this report."""
    lines = [_evaluate(evaluation) for evaluation in evaluations]
    paths = " ".join(shlex.quote(str(e.path)) for e in evaluations)
    return [*lines, f"vton-aux report {paths}"]


def _evaluate(evaluation: Evaluation) -> str:
    summary = evaluation.summary
    system = summary["system"]
    height, width = summary["size"]
    words = {
        "checkpoint": system.get("checkpoint"),
        "predictions": None if system.get("checkpoint") else system.get("predictions"),
        "name": system["name"] if system["name"] != system.get("arm") else None,
        "data": "viton",
        "data.root": summary["data"]["root"],
        "data.size": None if system.get("checkpoint") else f"[{height},{width}]",
        "split": None if summary["split"] == "test" else summary["split"],
        "pairing": summary["pairing"],
        "features": summary.get("features"),
    }
    given = [f"{key}={value}" for key, value in words.items() if value is not None]
    return shlex.join(["vton-aux", "evaluate", *given])

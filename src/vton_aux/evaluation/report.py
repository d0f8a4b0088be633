"""The report: one HTML file of the evaluations' numbers and pictures, which needs no network."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from vton_aux.errors import UserError, one_line
from vton_aux.evaluation import gallery
from vton_aux.evaluation import report_basis as basis
from vton_aux.evaluation import report_numbers as numbers
from vton_aux.evaluation import report_pictures as pictures
from vton_aux.evaluation.album import Album
from vton_aux.evaluation.figures import (
    architecture_of,
    model_shown,
    ranked_galleries,
    shown_side_by_side,
)
from vton_aux.evaluation.gallery import Sheet
from vton_aux.evaluation.known_scores import SCORES
from vton_aux.evaluation.protocol import PROTOCOLS
from vton_aux.evaluation.runs import Evaluation
from vton_aux.evaluation.systems import ARMS, System, main_system
from vton_aux.evaluation.table1 import Table, make_tables

TEMPLATES = Path(__file__).parent / "templates"
Plain = dict[str, Any]


def make_report(
    evaluations: Sequence[Evaluation], people: int = 6, against: str = "baseline"
) -> str:
    """The HTML of these evaluations.

    Args:
        against: the system with which the others are compared.
        people: rows of a figure and of a gallery; 0 leaves every picture of the data set out.

    Raises:
        UserError: the evaluations cannot stand in one table, or a picture is broken.
    """
    tables = make_tables(evaluations, against=against)
    main = numbers.primary(tables)
    absent: list[str] = []
    compared = numbers.compared_system(main)
    shown = _pictures(main.systems, compared or main_system(main.systems), people, absent)
    strata = numbers.strata(main)
    classes = numbers.classes(main)
    if not strata:
        absent.append(
            "Parts of the test set: no paired scores of a system and a baseline to compare."
        )
    if classes is None:
        absent.append("IoU of M_exp: no auxiliary head in TOM, or no paired evaluation of one.")
    album = Album(evaluations[0])
    content = {
        "question": _question(compared),
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
        "data": basis.data(main.systems),
        "systems": basis.systems(main.systems),
        "settings": basis.settings(main.systems),
        "metrics": basis.metric_settings(evaluations),
        "commands": basis.commands(evaluations),
        "absent": absent,
        "synthetic": album.synthetic,
        "real_pictures": bool(people) and not album.synthetic and album.root.is_dir(),
        "size": f"{album.size[0]} by {album.size[1]}",
        "features": main.features,
        "ratio": f"{album.size[1]} / {album.size[0]}",
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


def _question(system: System | None) -> str:
    if system is not None and system.name in ARMS:
        return "Does predicting the person's segmentation make virtual try-on better?"
    return "How do these try-ons compare?"


def _badges(table: Table) -> list[tuple[str, str]]:
    first = table.systems[0].all[0]
    height, width = first.summary["size"]
    seeds = {len(s.seeds) for s in table.systems if None not in s.seeds}
    several = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else str(*seeds or "?")
    return [
        ("data", "synthetic" if Album(first).synthetic else "photos"),
        ("images", f"{table.images:,} {table.protocol}"),
        ("size", f"{height} by {width}"),
        ("seeds a system", several),
    ]


def _main_first(tables: Sequence[Table], main: Table) -> list[Table]:
    return [main, *(table for table in tables if table is not main)]


def _pictures(systems: Sequence[System], main: System, people: int, absent: list[str]) -> Plain:
    """Figures 1 to 3 and the galleries of `main`, as far as there are pictures."""
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
    shown["galleries"] = _galleries(systems[0], main, people, absent)
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


def _galleries(first: System, main: System, people: int, absent: list[str]) -> Plain | None:
    """Best, worst, gain and loss of the main system on paired samples."""
    found = ranked_galleries(first, main, people)
    if found is None:
        absent.append("Galleries: they rank by a paired score, and there is none.")
        return None
    score, sheets, evaluations = found
    titles, name = [*evaluations], SCORES[score].name
    last = titles[-1]
    difference = f"{name} of {last} against {titles[0]}"
    rules = {
        "gain": ("Largest gains", difference, f"no image on which {last} is better"),
        "loss": ("Largest losses", difference, f"no image on which {last} is worse"),
        "best": ("Best", f"{name} of {last}", "no image to rank"),
        "worst": ("Worst", f"{name} of {last}", "no image to rank"),
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
                "none": f"There is {none}.",
                "items": pictures.gallery(sheets[rule], titles) if rule in sheets else [],
            }
            for rule, (title, words, none) in rules.items()
        ],
    }

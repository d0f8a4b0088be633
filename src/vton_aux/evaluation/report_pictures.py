"""The pictures of the report as values for the template."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vton_aux.evaluation.album import Sample
from vton_aux.evaluation.gallery import CLOTH, PERSON, TRUTH, Sheet
from vton_aux.evaluation.svg import data_url

Plain = dict[str, Any]


def figure(of: Sheet) -> Plain:
    """Figure 2 or 3: a row a sample."""
    names = list(of.columns)
    rows = []
    for number, sample in enumerate(of.samples):
        cells = [
            {
                "url": data_url(of.columns[name][number], "WEBP"),
                "alt": _words(name, sample),
                "note": of.notes.get(name, [""] * len(of.samples))[number],
            }
            for name in names
        ]
        rows.append({"name": _stem(sample.person), "cells": cells})
    return {"columns": names, "rows": rows}


def gallery(of: Sheet, titles: Sequence[str]) -> list[Plain]:
    """Pictures to slide over each other: the photo or the first system, and the last one."""
    items = []
    for number, sample in enumerate(of.samples):
        made = [_picture(of, title, number, sample) for title in titles]
        items.append(
            {
                "person": _stem(sample.person),
                "photo": _picture(of, PERSON, number, sample),
                "cloth": _picture(of, CLOTH, number, sample),
                "before": made[0] if len(made) > 1 else None,
                "after": made[-1],
                "said": of.said[number],
            }
        )
    return items


def _picture(of: Sheet, name: str, number: int, sample: Sample) -> Plain:
    return {
        "name": name,
        "url": data_url(of.columns[name][number], "WEBP"),
        "alt": _words(name, sample),
        "note": of.notes[name][number].rpartition(" ")[2] if name in of.notes else "",
    }


def _words(column: str, sample: Sample) -> str:
    person, cloth = _stem(sample.person), _stem(sample.cloth)
    known = {
        PERSON: f"Photo of person {person}",
        CLOTH: f"Shop cloth {cloth}",
        TRUTH: f"True picture of person {person} in cloth {cloth}",
    }
    return known.get(column, f"{column}: person {person} in cloth {cloth}")


def _stem(name: str) -> str:
    return Path(name).stem

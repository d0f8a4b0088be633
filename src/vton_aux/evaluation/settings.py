"""The settings that a model was trained with, and in which of them two models differ."""

import json
from collections.abc import Mapping
from typing import Any

HEADS = ("gmm.aux", "tom.aux")  # the method itself
OF_A_HEAD = ("aux_weight", "skin_weight", "background_weight", "head_width")


def flat_settings(arguments: Mapping[str, Any]) -> dict[str, str]:
    """`gmm.width` and so on as JSON; where a stage came from stands elsewhere.

    Args:
        arguments: a TOM's hyper-parameters.
    """
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


def differing(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """The settings that both have, differ in and read, the heads themselves left out."""
    common = [name for name in first if name in second and name not in HEADS]
    return [
        name
        for name in common
        if first[name] != second[name] and (_read(name, first) and _read(name, second))
    ]


def _read(name: str, settings: Mapping[str, str]) -> bool:
    """Whether a model of these settings reads this one."""
    stage, _, own = name.partition(".")
    return own not in OF_A_HEAD or settings.get(f"{stage}.aux") == "true"

"""The settings that a model was trained with, and in which of them two models differ."""

import json
from collections.abc import Mapping
from typing import Any

from vton_aux.stages.settings import OF_A_HEAD

HEADS = ("gmm.aux", "tom.aux")  # the method itself


def flat_settings(arguments: Mapping[str, Any]) -> dict[str, str]:
    """`gmm.width` and so on as JSON, with how the stage was trained; where from stands elsewhere.

    Args:
        arguments: a TOM's hyper-parameters.
    """
    stages = {"tom": arguments, "gmm": arguments.get("gmm", {})}
    flat = {}
    for stage, of in stages.items():
        context = dict(of.get("context", {}))
        training = context.pop("provenance", {}).get("training", {})
        for apart in ("size", "labels"):
            context.pop(apart, None)
        for name, value in {**of.get("settings", {}), **context, **training}.items():
            flat[f"{stage}.{name}"] = json.dumps(value)
    return flat


def differing(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """The settings that both have, read and differ in, the heads themselves left out."""
    return [
        name
        for name in first
        if name in second
        and name not in HEADS
        and first[name] != second[name]
        and all(_read(name, settings) for settings in (first, second))
    ]


def _read(name: str, settings: Mapping[str, str]) -> bool:
    """Whether a model of these settings reads this one."""
    stage, _, own = name.partition(".")
    if own == "vgg":
        return float(settings[f"{stage}.perceptual_weight"]) != 0
    return own not in OF_A_HEAD or settings.get(f"{stage}.aux") == "true"

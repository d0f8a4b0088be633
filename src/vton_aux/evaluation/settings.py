"""The settings that a model was trained with, and in which of them two models differ."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vton_aux.stages.settings import OF_A_HEAD, GMMSettings, TOMSettings

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


def differing(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The settings that both read and differ in, and the two values; the heads are left out.

    A setting that one of them lacks, being of another version, is at its default there.
    """
    if not (first and second):
        return {}  # another system's pictures
    usual = {
        f"{stage}.{name}": json.dumps(value)
        for stage, settings in (("gmm", GMMSettings()), ("tom", TOMSettings()))
        for name, value in asdict(settings).items()
    }
    one, other = {**usual, **first}, {**usual, **second}
    return {
        name: (one[name], other[name])
        for name in one
        if name in other
        and name not in HEADS
        and one[name] != other[name]
        and all(_read(name, settings) for settings in (one, other))
    }


def _read(name: str, settings: Mapping[str, str]) -> bool:
    """Whether a model of these settings reads this one."""
    stage, _, own = name.partition(".")
    if own == "vgg":
        return float(settings[f"{stage}.perceptual_weight"]) != 0
    return own not in OF_A_HEAD or settings.get(f"{stage}.aux") == "true"

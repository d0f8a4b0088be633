"""Hydra's overrides: of which keys they are, and values as their grammar reads them."""

import re
from collections.abc import Iterable
from pathlib import Path

_PLAIN = re.compile(r"[A-Za-z/.][\w./:@%+-]*", re.ASCII)
_WORDS = ("true", "false", "null", "inf", "nan")  # which are no text to Hydra


def of_keys(overrides: Iterable[str], *keys: str) -> list[str]:
    """The overrides that begin with one of `keys`, whether or not with a + or ~ before it."""
    return [word for word in overrides if word.lstrip("+~").startswith(keys)]


def quoted(value: str | Path) -> str:
    """The value of an override as Hydra's grammar reads any text."""
    text = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + "\\'" * bool(found[2]), str(value))
    return f"'{text}'"


def override(key: str, value: object) -> str:
    """KEY=VALUE, text quoted where Hydra would not read it as it is."""
    if isinstance(value, bool):
        return f"{key}={str(value).lower()}"
    if not isinstance(value, str | Path):
        return f"{key}={value}".replace(" ", "")
    plain = _PLAIN.fullmatch(str(value)) and str(value).lower() not in _WORDS
    return f"{key}={value if plain else quoted(value)}"

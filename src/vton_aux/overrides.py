"""Values as Hydra's grammar of overrides reads them."""

import re
from pathlib import Path

_PLAIN = re.compile(r"[\w./:@%+-]+|\[[\d,]+\]")


def quoted(value: str | Path) -> str:
    """The value of an override as Hydra's grammar reads any text."""
    text = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + "\\'" * bool(found[2]), str(value))
    return f"'{text}'"


def override(key: str, value: object) -> str:
    """KEY=VALUE, the value quoted where Hydra would read another than the text."""
    text = str(value)
    return f"{key}={text if _PLAIN.fullmatch(text) else quoted(text)}"

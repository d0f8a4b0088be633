"""Results on disk that are whole or not there at all, and made once."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when the block ends without error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    yield part
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write `path` whole or not at all."""
    with whole(path) as part:
        part.write_text(text)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def lock_file(path: Path) -> Path:
    """Where the lock for making `path` lies, beside it; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + ".lock")

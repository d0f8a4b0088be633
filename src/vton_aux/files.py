"""Results on disk that are whole or not there at all, and made once."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vton_aux.errors import UserError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when the block ends without error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    yield part
    part.replace(path)


def check_writable(path: Path) -> None:
    """Check that a file can be written there, before the work whose result it gets.

    Raises:
        UserError: it cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        reason = "a folder" if path.is_dir() else "no permission"
        raise UserError(f"{path}: cannot be written ({reason})")


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

"""Results on disk that are whole or not there at all, and made once."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from vton_aux.errors import UserError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when the block ends without error.

    An error of the system that names no file, as that of a full disk, names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with _named(path):
            yield part
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """`whole` of a folder: a new one beside `path`, which must be missing or empty at the end.

    Each process has its own, PATH.*.part, of which a killed one leaves the rest.
    """
    part = path.with_name(f"{path.name}.{uuid4().hex[:8]}.part")
    part.mkdir(parents=True)
    try:
        with _named(path):
            yield part
            part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def check_writable(path: Path) -> None:
    """Check that a file can be written there, before the work whose result it gets.

    Raises:
        UserError: it cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next(parent for parent in path.parents if parent.exists())
        raise UserError(f"{path}: cannot be written ({file} is no folder)") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        reason = "a folder" if path.is_dir() else "no permission"
        raise UserError(f"{path}: cannot be written ({reason})")


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write `path` whole or not at all."""
    with whole(path) as part:
        part.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write `path` whole or not at all."""
    with whole(path) as part:
        part.write_text(text)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object that the file holds; empty where it is missing, broken or holds none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def key_of(value: Any) -> str:
    """12 hex digits of plain values, for the name of what is made of them."""
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@contextmanager
def alone(path: Path, lock: Path | None = None) -> Iterator[None]:
    """Make `path` while no other process does: the others wait here, and say so.

    Args:
        path: a file or folder.
        lock: the file that is locked; by default beside `path`. Its folder is made.
    """
    lock = lock or _lock(path)
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        print(f"{path}: another process is at work on it; waiting", flush=True)
        held.acquire()
    try:
        yield
    finally:
        held.release()


def is_held(path: Path) -> bool:
    """Whether a process is at work on `path`, `alone`."""
    lock = _lock(path)
    if not lock.exists():
        return False
    try:
        with FileLock(lock).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")

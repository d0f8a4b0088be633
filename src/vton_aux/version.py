"""Which version of the code made a result."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

# what a result depends on, beside its inputs
STAGE = ("fit.py", "data/cache.py")
MODEL = ("stages/tom.py",)  # the pictures of a checkpoint
DRESSING = ("evaluation/dress.py",)
SCORING = ("evaluation/score.py", "evaluation/summary.py")


def code_version(*files: str) -> str:
    """16 hex digits that change with what the code of `files` does.

    It counts with all that it imports of this package. Comments, docstrings, the layout of the
    lines and Python's own version do not count.

    Args:
        files: beside this one.
    """
    here = Path(__file__).parent
    found: dict[Path, bytes] = {}
    todo = [here / file for file in files]
    while todo:
        path = todo.pop()
        if path not in found and path.is_file():
            stat = path.stat()
            found[path], imports = _read(path, here, stat.st_mtime_ns, stat.st_size)
            todo += imports
    digest = hashlib.blake2b(digest_size=8)
    for path, meaning in sorted(found.items()):
        digest.update(path.relative_to(here).as_posix().encode() + meaning)
    return digest.hexdigest()


@cache
def _read(path: Path, here: Path, *state: int) -> tuple[bytes, list[Path]]:
    """What the file does, and what its imports may run; again where its `state` is another."""
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # it counts as it stands
        return content, []
    return _plain(_without_docstrings(tree)).encode(), [*_imports(tree, path, here)]


def _imports(tree: ast.Module, path: Path, here: Path) -> Iterator[Path]:
    """What an import of this package in `tree` may run; a name may be no module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ".".join([here.name, *path.relative_to(here).parts[: -node.level or None]])
            module = ".".join(filter(None, [package if node.level else "", node.module or ""]))
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, *parts = name.split(".")
            if top == here.name:
                for count in range(len(parts) + 1):
                    place = here.joinpath(*parts[:count])
                    yield place / "__init__.py"
                    yield place.with_suffix(".py")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del node.body[0]
    return tree


def _plain(node: Any) -> str:
    """`ast.dump` without empty fields, of which each version of Python has others."""
    if isinstance(node, list):
        return f"[{','.join(map(_plain, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.JoinedStr):  # its text is cut up in other ways too
        text = (str(v.value) if isinstance(v, ast.Constant) else _plain(v) for v in node.values)
        return f"JoinedStr({''.join(text)!r})"
    fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
    return f"{type(node).__name__}({','.join(f'{name}={_plain(value)}' for name, value in fields)})"

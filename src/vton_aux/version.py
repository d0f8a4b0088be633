"""Which version of the code made a result."""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# what a result depends on, beside its inputs
STAGE = ("fit.py", "data/cache.py")
MODEL = ("stages/tom.py",)  # the pictures of a checkpoint
DRESSING = ("evaluation/dress.py",)
SCORING = ("evaluation/score.py", "evaluation/summary.py")


def code_version(*files: str) -> str:
    """16 hex digits that change with what the code of `files` does.

    It counts with all that it imports, of this package and of modules of the person's own: what is
    neither Python's nor installed. Comments, docstrings, the layout of the lines and Python's own
    version do not count.

    Args:
        files: beside this one.
    """
    here = Path(__file__).parent
    found: dict[tuple[str, Path], bytes] = {}
    todo = [(here / file, here) for file in files]
    while todo:
        path, base = todo.pop()
        if not path.is_file():
            continue
        key = path.relative_to(base).as_posix(), base
        if key not in found:
            stat = path.stat()
            found[key], imports = _read(path, base, here, stat.st_mtime_ns, stat.st_size)
            todo += imports
    digest = hashlib.blake2b(digest_size=8)
    for (name, _), meaning in sorted(found.items()):
        digest.update(name.encode() + meaning)
    return digest.hexdigest()


@cache
def _read(path: Path, base: Path, here: Path, *state: int) -> tuple[bytes, list[tuple[Path, Path]]]:
    """What the file does, and what its imports may run; again where its `state` is another."""
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # it counts as it stands
        return content, []
    return _plain(_without_docstrings(tree)).encode(), [*_imports(tree, path, base, here)]


def _imports(tree: ast.Module, path: Path, base: Path, here: Path) -> Iterator[tuple[Path, Path]]:
    """The files that an import in `tree` may run, each with its base; a name may be no module."""
    outer = [here.name] if base == here else []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ".".join([*outer, *path.relative_to(base).parts[: -node.level or None]])
            module = ".".join(filter(None, [package if node.level else "", node.module or ""]))
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, *parts = name.split(".")
            home = here if top == here.name else _home(top)
            if home is None:
                continue
            parts = parts if home == here else [top, *parts]
            for count in range(home != here, len(parts) + 1):
                place = home.joinpath(*parts[:count])
                yield place / "__init__.py", home
                yield place.with_suffix(".py"), home


@cache
def _home(top: str) -> Path | None:
    """Where a module of the person's own lies; None of one that is Python's or installed."""
    if top in sys.stdlib_module_names:
        return None
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    places = [*(spec.submodule_search_locations or [spec.origin or ""])] if spec else []
    place = Path(places[0]) if places else Path()
    installed = {"site-packages", "dist-packages"} & {*place.parts}
    return None if installed or not place.is_absolute() else place.parent


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

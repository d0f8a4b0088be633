"""Which version of the code made a result."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

# what a stage's result depends on, beside its inputs; what the pictures of a checkpoint depend on
STAGE = ("fit.py", "data/cache.py")
MODEL = ("stages/tom.py",)


def code_version(*roots: str) -> str:
    """16 hex digits that change with what the code of `roots` does.

    It counts with all that it imports of this package; comments, docstrings and the layout of the
    lines do not.

    Args:
        roots: files and folders beside this one.
    """
    here = Path(__file__).parent
    found: dict[Path, ast.Module] = {}
    todo = [
        path
        for root in roots
        for path in ([here / root] if root.endswith(".py") else (here / root).rglob("*.py"))
    ]
    while todo:
        path = todo.pop()
        if path not in found and path.is_file():
            found[path] = ast.parse(path.read_bytes())
            todo += _imports(found[path], path, here)
    digest = hashlib.blake2b(digest_size=8)
    for path, tree in sorted(found.items()):
        name = path.relative_to(here).as_posix()
        digest.update(name.encode() + ast.dump(_without_docstrings(tree)).encode())
    return digest.hexdigest()


def _imports(tree: ast.Module, path: Path, here: Path) -> Iterator[Path]:
    """Where modules of this package may lie that `tree` imports; a name may be no module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ".".join([here.name, *path.relative_to(here).parts[: -node.level or None]])
            module = ".".join(filter(None, [package if node.level else "", node.module or ""]))
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            package, *parts = name.split(".")
            if package == here.name:
                yield here.joinpath(*parts).with_suffix(".py")
                yield here.joinpath(*parts, "__init__.py")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del node.body[0]
    return tree

"""Which version of the code made a result."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

# what a stage's result depends on, beside its inputs
CODE = ("data", "networks", "losses", "metrics", "stages", "representation.py", "fit.py")


def code_version(parts: Sequence[str] = CODE) -> str:
    """16 hex digits that change with any source file of `parts`, files and folders beside this."""
    here = Path(__file__).parent
    sources = [
        path
        for name in parts
        for path in ([here / name] if name.endswith(".py") else (here / name).rglob("*.py"))
        if "synthetic" not in path.relative_to(here).parts
    ]
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(sources):
        digest.update(path.relative_to(here).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()

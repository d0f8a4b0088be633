"""Finished stages, found again by what went into them."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vton_aux.errors import UserError
from vton_aux.files import whole


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """16 hex digits of the names and values of a checkpoint's weights."""
    digest = hashlib.blake2b(digest_size=8)
    for name, value in sorted(state.items()):
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def finished(folder: Path) -> dict[str, Any] | None:
    """The summary of a finished stage, else None.

    Raises:
        UserError: the summary is damaged.
    """
    path = folder / "summary.json"
    if not path.is_file() or not (folder / "model.ckpt").is_file():
        return None
    try:
        summary: dict[str, Any] = json.loads(path.read_text())
        summary["stage"], summary["validation"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: damaged; without {path.parent} it is trained again") from None
    return summary


def unfinished_by_other_code(folder: Path, inputs: Mapping[str, Any]) -> list[Path]:
    """Stages begun beside `folder` with these inputs, of which only the code was another."""

    def but_code(of: Mapping[str, Any]) -> dict[str, Any]:
        same = {name: value for name, value in of.items() if name not in ("code", "model")}
        if "gmm" in same:  # its provenance and digest
            same["gmm"] = same["gmm"][0].get("recipe")
        return same

    wanted = json.loads(json.dumps(dict(inputs)))
    found = []
    for path in folder.parent.glob("*/inputs.json"):
        if (path.parent / "last.ckpt").is_file():
            try:
                told = json.loads(path.read_text())
            except ValueError:
                continue  # damaged; another stage's matter
            if but_code(told) == but_code(wanted) and told["code"] != wanted["code"]:
                found.append(path.parent)
    return found


def place(source: Path, target: Path) -> None:
    """Copy `source` to `target`: a link would let what is written there change the store."""
    with whole(target) as part:
        shutil.copy2(source, part)

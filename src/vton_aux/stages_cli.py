"""`vton-aux stages [STORE]`: what the store of trained stages holds.

A row a stage, oldest first: its folder, whether it has the auxiliary head, its seed, how far it is,
whether it is of this code or of which other, its size, and the settings that not all stages of its
kind share. What is of no use can be deleted, and the same training would be done again: run folders
have models and curves of their own; best.ckpt, pictures and offline W&B runs lie there alone.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from vton_aux.errors import UserError
from vton_aux.files import is_held, read_object
from vton_aux.store import finished
from vton_aux.version import STAGE, code_version

# inputs that a column of their own tells, or that are not what a person chose
APART = ("stage", "aux", "seed", "code", "model", "gmm", "reading.root", "reading.seed")
# where the configuration has the others; "data" is the digest of what was trained on
PLACES = {"reading": "data.", "representation": "representation.", "val_every": "", "data": ""}


def main(arguments: list[str]) -> None:
    """Print the stages of a store.

    Raises:
        UserError: there is no such folder, or no stage in it.
    """
    about = (__doc__ or "").partition(": ")[2]
    parser = argparse.ArgumentParser(
        prog="vton-aux stages",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "store",
        type=Path,
        nargs="?",
        default=Path("runs/stages"),
        metavar="STORE",
        help="the folder of store=, by default runs/stages",
    )
    store: Path = parser.parse_args(arguments).store
    if not store.is_dir():
        raise UserError(f"{store}: no such folder; give that of store=, by default runs/stages")
    table = stages(store)
    if table.empty:
        raise UserError(f"{store}: holds no stage")
    print(table.to_string(index=False))
    print(f"{len(table)} stages, {table['MB'].sum():,} MB in {store}")


def stages(store: Path) -> pd.DataFrame:
    """What each stage in `store` is, oldest first.

    Returns:
        A row a stage; "differs in" has overrides as a training takes them, of what not all stages
        of its kind (GMM or TOM, with the head or without) share.
    """
    inputs = {path.parent: read_object(path) for path in store.glob("*/inputs.json")}
    begun = {folder: (folder / "inputs.json").stat().st_mtime for folder in inputs}
    settings = {folder: dict(_settings(of)) for folder, of in inputs.items()}
    kinds: dict[tuple[Any, Any], list[dict[str, str]]] = {}
    for folder, of in inputs.items():
        kinds.setdefault(_kind(of), []).append(settings[folder])
    now = code_version(*STAGE)
    rows = []
    for folder in sorted(inputs, key=begun.__getitem__):
        of = inputs[folder]
        files = [path.stat() for path in folder.rglob("*") if path.is_file()]
        rows.append(
            {
                "stage": folder.name,
                "head": {True: "yes", False: "no"}.get(of.get("aux", ""), "?"),
                "seed": of.get("seed", "?"),
                "its GMM": of["gmm"][0].get("key", "?") if "gmm" in of else "",
                "state": _state(folder, of),
                "code": "this" if of.get("code") == now else str(of.get("code", "?"))[:6],
                "begun": f"{datetime.fromtimestamp(begun[folder]):%Y-%m-%d %H:%M}",
                "MB": round(sum(file.st_size for file in files) / 1e6),
                "differs in": " ".join(_own(settings[folder], kinds[_kind(of)])),
            }
        )
    return pd.DataFrame(rows)


def _kind(inputs: Mapping[str, Any]) -> tuple[Any, Any]:
    return inputs.get("stage"), inputs.get("aux")


def _settings(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings as overrides: key and value."""
    places = {**PLACES, "settings": f"{inputs.get('stage')}."}
    for name, value in inputs.items():
        if name in APART:
            continue
        own = value if isinstance(value, dict) else {name: value}
        for key, of in own.items():
            if f"{name}.{key}" not in APART:
                place = places.get(name, "trainer.")
                yield place + key, json.dumps(of).replace(" ", "").replace('"', "")


def _own(settings: Mapping[str, str], kind: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """What not all of its kind share."""
    for name, value in settings.items():
        if any(other.get(name) != value for other in kind):
            yield f"{name}={value}"


def _state(folder: Path, inputs: Mapping[str, Any]) -> str:
    try:
        if done := finished(folder):
            return f"finished, {done['steps']} steps"
    except UserError:
        return "damaged"
    if not inputs:
        return "damaged"
    state = "training" if is_held(folder) else "stopped"
    curves = sorted(folder.glob("log/*/metrics.csv"))  # of each start
    if not curves:
        return state
    step = pd.read_csv(curves[-1])["step"].max() + 1
    return f"{state}, {step} of {inputs.get('settings', {}).get('steps')} steps"

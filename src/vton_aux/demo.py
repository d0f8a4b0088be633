"""`vton-aux demo`: the ablation, small, on synthetic data, with the commands that a user types."""

import json
import subprocess
import sys
import time
from pathlib import Path

from vton_aux.data.layout import read_pairs
from vton_aux.errors import UserError
from vton_aux.evaluation.ablation import ablation_table, arms_sheet, markdown, read_summary
from vton_aux.pictures import save_png

ARMS = ("baseline", "tom_only", "both")
ROWS = 6


def main(overrides: list[str]) -> None:
    """Train the three arms, evaluate them paired and unpaired, print the table, save a sheet.

    Args:
        overrides: further overrides of `vton-aux train experiment=demo`.

    Raises:
        UserError: one of the commands failed; it has told why.
    """
    started = time.perf_counter()
    folder = Path("runs/demo")
    runs = [folder / arm for arm in ARMS]
    for arm, run in zip(ARMS, runs, strict=True):
        _vton_aux("train", "experiment=demo", f"arm={arm}", f"hydra.run.dir={run}", *overrides)
    root = Path(json.loads((runs[0] / "summary.json").read_text())["data_root"])
    data = [f"data.root={root}", "batch_size=16"]
    for run in runs:
        for pairing in ("paired", "unpaired"):
            _vton_aux(
                "evaluate", f"checkpoint={run / 'tom.ckpt'}", f"pairing={pairing}", *data,
                f"hydra.run.dir={run / pairing}",
            )  # fmt: skip
    text = markdown(ablation_table(runs, [run / "paired" for run in runs]))
    images = read_summary(runs[0] / "paired")["images"]
    text += (
        f"\n\nSynthetic data, {images} paired test images, one seed, a few hundred small steps: "
        "this shows the machinery, not the paper's claim.\n"
    )
    (folder / "ablation.md").write_text(text)
    pairs = read_pairs(root, "test")[:ROWS]
    test = root / "test"
    persons = [(test / "image" / p.person, test / "cloth" / p.cloth) for p in pairs]
    columns = {arm: run / "unpaired" for arm, run in zip(ARMS, runs, strict=True)}
    save_png(arms_sheet(persons, columns, test / "image-unpaired"), folder / "arms.png")
    print(f"\n{text}")
    print(f"table     {folder / 'ablation.md'}")
    print(f"try-ons   {folder / 'arms.png'} (other cloths, the three arms side by side, the truth)")
    print(f"per arm   {folder}/*/pictures/tom.png")
    print(f"{time.perf_counter() - started:.0f} seconds")


def _vton_aux(*arguments: str) -> None:
    print(f"\n$ vton-aux {' '.join(arguments)}", flush=True)
    status = subprocess.run([sys.executable, "-m", "vton_aux", *arguments]).returncode
    if status:
        raise UserError(f"vton-aux {arguments[0]} ended with status {status}")

"""`vton-aux ablation`: Table 1 from nothing, with the commands that a person types.

FOLDER/ARM_seedN/              a run each, with its evaluations
FOLDER/table1.md, .tex, .csv   the paper's table beside these runs
FOLDER/report.html             table, intervals, strata, galleries
FOLDER/figures/                Figures 1 to 3 and galleries

Stopped? The same command goes on: finished stages are found again, finished pictures are kept.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vton_aux.errors import UserError

ARMS = ("baseline", "tom_only", "both")
DEMO = (
    "--folder", "runs/demo", "--features", "vton_aux.evaluation.features:random_vgg",
    "experiment=demo",
)  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """Train the arms over the seeds, evaluate them paired and unpaired, make table and report.

    Raises:
        UserError: one of the commands failed; it has told why.
    """
    parser = argparse.ArgumentParser(prog="vton-aux ablation", description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/table1"))
    parser.add_argument("--arms", default=",".join(ARMS), help="arms, with commas between")
    parser.add_argument("--seeds", default="0", help="seeds, with commas between")
    parser.add_argument("--features", help="of FID and KID: inception, or package.module:factory")
    parser.add_argument("--features-weights", help="file of the Inception weights")
    parser.add_argument("overrides", nargs="*", help="of `vton-aux train`, such as data=viton")
    chosen = parser.parse_intermixed_args(arguments)
    started = time.perf_counter()
    runs = []
    for seed in chosen.seeds.split(","):
        for arm in chosen.arms.split(","):
            run = chosen.folder / f"{arm}_seed{seed}"
            _vton_aux(
                "train", f"arm={arm}", f"seed={seed}", f"hydra.run.dir={run}", *chosen.overrides
            )
            runs.append(run)
    features = [
        f"{key}={value}"
        for key, value in (
            ("features", chosen.features), ("features_weights", chosen.features_weights),
        ) if value is not None
    ]  # fmt: skip
    for run in runs:
        root = json.loads((run / "summary.json").read_text())["data_root"]
        for pairing in ("paired", "unpaired"):
            _vton_aux(
                "evaluate", f"checkpoint={run / 'tom.ckpt'}", f"pairing={pairing}",
                f"data.root={root}", "batch_size=16", *features,
            )  # fmt: skip
    places = [str(run) for run in runs]
    _vton_aux("table", *places, "--output", str(chosen.folder), quiet=True)
    _vton_aux("report", *places, "--output", str(chosen.folder / "report.html"), quiet=True)
    _vton_aux("figures", *places, "--output", str(chosen.folder / "figures"), quiet=True)
    table = chosen.folder / "table1.md"
    print(f"\n{table.read_text().partition('**Against')[0]}")
    print(f"{(time.perf_counter() - started) / 60:.1f} minutes")
    print(f"report    {chosen.folder / 'report.html'} (open it in a browser)")
    print(f"table     {table}, with comparisons and what may be concluded")
    print(f"pictures  {chosen.folder / 'figures'}")


def demo(overrides: Sequence[str]) -> None:
    """The ablation, small, on synthetic data."""
    main([*DEMO, *overrides])


def _vton_aux(*arguments: str, quiet: bool = False) -> None:
    print(f"\n$ vton-aux {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "vton_aux", *arguments]
    status = subprocess.run(command, stdout=subprocess.DEVNULL if quiet else None).returncode
    if status:
        raise UserError(
            f"vton-aux {arguments[0]} ended with status {status}; the same command goes on"
        )

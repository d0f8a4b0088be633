"""`vton-aux ablation`: Table 1 from nothing, with the commands that a person types.

FOLDER/ARM_seedN/              a run each, with its evaluations
FOLDER/table1.md, .tex, .csv   the paper's table beside these runs
FOLDER/report.html             table, intervals, strata, galleries
FOLDER/figures/                Figures 1 to 3 and galleries

Stopped? The same command goes on: finished stages are found again, finished pictures are kept.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vton_aux.children import run, was_stopped
from vton_aux.config import config_folder
from vton_aux.errors import UserError
from vton_aux.evaluation.features import build_features
from vton_aux.files import check_writable
from vton_aux.overrides import of_keys, quoted

ARMS = ("baseline", "tom_only", "both")
WHAT = (
    "Train the arms over the seeds, evaluate them paired and unpaired, make table, report and "
    "figures. Stopped? The same command goes on."
)


def main(
    arguments: Sequence[str], command: str = "ablation", what: str = WHAT, **defaults: Any
) -> None:
    """Train the arms over the seeds, evaluate them paired and unpaired, make table and report.

    Args:
        arguments: of the command line.
        command, what: how `--help` names and describes it.
        defaults: of the options.

    Raises:
        UserError: an argument is wrong, or one of the commands failed; it has told why.
        KeyboardInterrupt: after a Ctrl-C or SIGTERM, also to one of the commands alone.
    """
    parser = argparse.ArgumentParser(
        prog=f"vton-aux {command}",
        description=what,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/table1"), help="of all of it")
    parser.add_argument("--arms", default=",".join(ARMS), help="with commas between")
    parser.add_argument("--against", default="baseline", help="the arm to compare with")
    parser.add_argument("--seeds", default="0", help="with commas between")
    parser.add_argument(
        "--features", help="of FID and KID, which are left out without: inception, or "
        "package.module:factory"
    )  # fmt: skip
    parser.add_argument("--features-weights", help="file of the Inception weights")
    parser.add_argument(
        "--config-dir", type=Path, metavar="DIR", help="of your own configs, its arms among them"
    )
    parser.add_argument("overrides", nargs="*", help="of `vton-aux train`, such as data=viton")
    parser.set_defaults(**defaults)
    chosen = parser.parse_intermixed_args(arguments)
    arms, seeds = _arms(chosen.arms, chosen.config_dir), _seeds(chosen.seeds)
    own = [] if chosen.config_dir is None else ["--config-dir", str(chosen.config_dir.resolve())]
    for word in of_keys(chosen.overrides, "arm=", "arm.", "seed="):
        kind = "seeds" if "seed=" in word else "arms"
        raise UserError(f"{word}: the ablation chooses it; give --{kind} with commas between")
    for word in of_keys(chosen.overrides, "stage=", "gmm_checkpoint=", "hydra.run", "hydra.sweep"):
        raise UserError(f"{word}: the ablation trains both stages, in --folder; leave it out")
    check_writable(chosen.folder / "table1.md")
    if chosen.features is not None:
        build_features(chosen.features, chosen.features_weights)  # what is wrong is told first
    started = time.perf_counter()
    runs = []
    for seed in seeds:
        for arm in arms:
            place = chosen.folder / f"{arm}_seed{seed}"
            _vton_aux(
                "train", *own, f"arm={arm}", f"seed={seed}", f"hydra.run.dir={quoted(place)}",
                *chosen.overrides,
            )  # fmt: skip
            runs.append(place)
    features = [
        f"{key}={quoted(value)}"
        for key, value in (
            ("features", chosen.features), ("features_weights", chosen.features_weights),
        ) if value is not None
    ]  # fmt: skip
    dashboard = of_keys(chosen.overrides, "wandb=", "wandb.")
    evaluations: list[str] = []
    for place in runs:
        for pairing in ("paired", "unpaired"):
            _vton_aux(
                "evaluate", f"checkpoint={quoted(place / 'tom.ckpt')}", f"pairing={pairing}",
                "batch_size=16", *features, *dashboard,
            )  # fmt: skip
            evaluations.append(str(_newest(place, pairing)))
    against = ("--against", chosen.against)
    for command, place in (("table", ""), ("report", "report.html"), ("figures", "figures")):
        written = str(chosen.folder / place)
        _vton_aux(command, *evaluations, "--output", written, *against, quiet=True)
    table = chosen.folder / "table1.md"
    print(f"\n{table.read_text().partition('**Against')[0]}")
    print(f"{(time.perf_counter() - started) / 60:.1f} minutes")
    print(f"report    {chosen.folder / 'report.html'} (open it in a browser)")
    print(f"table     {table}, with comparisons and what may be concluded")
    print(f"pictures  {chosen.folder / 'figures'}")


def demo(overrides: Sequence[str]) -> None:
    """The ablation, small, on synthetic data."""
    main(
        ["experiment=demo", *overrides],
        "demo",
        "The ablation, small, on synthetic people (experiment=demo). FID and KID are by a random "
        f"VGG19 and compare with nothing published. {WHAT}",
        folder=Path("runs/demo"),
        features="vton_aux.evaluation.features:random_vgg",
    )


def _newest(run: Path, pairing: str) -> Path:
    """The evaluation just made; older ones may be of other settings or code."""
    made = (run / "evaluations").glob(f"test_{pairing}-*/summary.json")
    return max(made, key=lambda path: path.stat().st_mtime).parent


def _arms(text: str, own: Path | None) -> list[str]:
    folders = [Path(config_folder()), *([] if own is None else [own])]
    known = sorted({path.stem for folder in folders for path in folder.glob("arm/*.yaml")})
    arms = list(dict.fromkeys(arm.strip() for arm in text.split(",")))
    for arm in arms:
        if arm not in known:
            raise UserError(f"--arms {text}: there is no {arm or 'empty'} arm, but {known}")
    return arms


def _seeds(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(seed) for seed in text.split(",")))
    except ValueError:
        raise UserError(f"--seeds {text}: give whole numbers with commas between") from None


def _vton_aux(*arguments: str, quiet: bool = False) -> None:
    print(f"\n$ vton-aux {shlex.join(arguments)}", flush=True)
    (status,) = run([sys.executable, "-m", "vton_aux", *arguments], quiet=quiet)
    if was_stopped(status):
        raise KeyboardInterrupt
    if status:
        raise UserError(
            f"vton-aux {arguments[0]} ended with status {status}; once that is mended the same "
            "command goes on"
        )

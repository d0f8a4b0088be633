"""`vton-aux report PATH...` and `vton-aux figures PATH...`, of the evaluations in the folders.

report    FILE.html                       numbers, intervals and pictures in one file
figures   DIR/architecture.svg            Figure 1: the model that ran
          DIR/figure2.png, figure3.png    warps and try-ons of the systems side by side
          DIR/{gain,loss,best,worst}.png  by the score of the last system, against the baseline
"""

import argparse
import os
from pathlib import Path

from vton_aux.errors import UserError
from vton_aux.evaluation.figures import write_figures
from vton_aux.evaluation.report import make_report
from vton_aux.evaluation.runs import find_evaluations
from vton_aux.files import check_writable, write_text


def report(arguments: list[str]) -> None:
    """Write the report.

    Raises:
        UserError: no evaluation is found, one is broken, they cannot stand in one table, a picture
            is broken, or the output cannot be written.
    """
    chosen = _parse("report", "one HTML file of numbers and pictures", "FILE", arguments)
    evaluations = find_evaluations(chosen.paths)
    output = chosen.output or _common(chosen.paths) / "report.html"
    check_writable(output)
    text = make_report(evaluations, chosen.people)
    write_text(output, text)
    print(f"report: {output} ({len(text.encode()) / 1e6:.1f} MB; open it in a browser)")


def figures(arguments: list[str]) -> None:
    """Write the figures.

    Raises:
        UserError: as `report` does.
    """
    chosen = _parse("figures", "Figures 1 to 3 and galleries as files", "DIR", arguments, least=1)
    evaluations = find_evaluations(chosen.paths)
    output = chosen.output or _common(chosen.paths) / "figures"
    for path in write_figures(evaluations, output, chosen.people):
        print(path)


def _parse(
    command: str, description: str, output: str, arguments: list[str], least: int = 0
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"vton-aux {command}", description=description)
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="evaluations, runs, or folders of them"
    )
    parser.add_argument(
        "--people", type=int, default=6, metavar="N", help="rows of a figure and of a gallery"
    )
    default = "PATH/report.html" if command == "report" else "PATH/figures"
    parser.add_argument("--output", type=Path, metavar=output, help=f"default: {default}")
    chosen = parser.parse_args(arguments)
    if chosen.people < least:
        raise UserError(f"--people {chosen.people}: must be at least {least}")
    return chosen


def _common(paths: list[Path]) -> Path:
    return Path(os.path.commonpath([path.resolve() for path in paths]))

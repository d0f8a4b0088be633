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


def main(arguments: list[str]) -> None:
    """Write the report or the figures.

    Raises:
        UserError: no evaluation is found, one is broken, they cannot stand in one table, a picture
            is broken, or the output cannot be written.
    """
    parser = argparse.ArgumentParser(prog="vton-aux")
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="one HTML file of numbers and pictures")
    figures = commands.add_parser("figures", help="Figures 1 to 3 and galleries as files")
    for command in (report, figures):
        command.add_argument(
            "paths", type=Path, nargs="+", metavar="PATH",
            help="evaluations, runs, or folders of them",
        )  # fmt: skip
        command.add_argument(
            "--people", type=int, default=6, metavar="N", help="rows of a figure and of a gallery"
        )
    report.add_argument("--output", type=Path, metavar="FILE", help="default: PATH/report.html")
    figures.add_argument("--output", type=Path, metavar="DIR", help="default: PATH/figures")
    chosen = parser.parse_args(arguments)
    least = 0 if chosen.command == "report" else 1
    if chosen.people < least:
        raise UserError(f"--people {chosen.people}: must be at least {least}")
    evaluations = find_evaluations(chosen.paths)
    common = Path(os.path.commonpath([path.resolve() for path in chosen.paths]))
    if chosen.command == "figures":
        output = chosen.output or common / "figures"
        for path in write_figures(evaluations, output, chosen.people):
            print(path)
        return
    output = chosen.output or common / "report.html"
    check_writable(output)
    text = make_report(evaluations, chosen.people)
    write_text(output, text)
    print(f"report: {output} ({len(text.encode()) / 1e6:.1f} MB; open it in a browser)")

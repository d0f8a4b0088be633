"""`vton-aux table`, `report` and `figures`: of the evaluations that lie in and below the folders.

table     DIR/table1.md, table1.tex       the table in print, its footnotes and what it rests on
          DIR/table1.csv                  a row a cell
          DIR/comparisons.csv             a row a comparison with the baseline
report    FILE.html                       numbers, intervals and pictures in one file
figures   DIR/architecture.svg            Figure 1: the model that ran
          DIR/figure2.png, figure3.png    warps and try-ons of the systems side by side
          DIR/{gain,loss,best,worst}.png  by the score of the last system, against the baseline

Each raises `UserError` where no evaluation is found, one is broken, they cannot stand in one table,
a picture is broken, or the output cannot be written.
"""

import argparse
import os
from pathlib import Path

from vton_aux.errors import UserError
from vton_aux.evaluation.figures import write_figures
from vton_aux.evaluation.report import make_report
from vton_aux.evaluation.runs import find_evaluations
from vton_aux.evaluation.table1 import make_tables
from vton_aux.evaluation.table1_frames import comparisons_frame, to_frame
from vton_aux.evaluation.table1_print import to_latex, to_markdown
from vton_aux.files import check_writable, write_text


def table(arguments: list[str]) -> None:
    """Print the table as Markdown and write it into a folder."""
    parser = _parser("table", "Table 1 of evaluations, beside the paper's", "table1")
    parser.add_argument(
        "--protocol",
        choices=("official", "clean", "validation", "both"),
        default="both",
        help="which images count; both (the default) makes a table of each that there is",
    )
    chosen = parser.parse_args(arguments)
    tables = make_tables(find_evaluations(chosen.paths), chosen.protocol, chosen.against)
    text = to_markdown(tables)
    print(text)
    output = _output(chosen, "table1")
    written = {
        "table1.md": text,
        "table1.tex": to_latex(tables),
        "table1.csv": to_frame(tables).to_csv(index=False),
        "comparisons.csv": comparisons_frame(tables).to_csv(index=False),
    }
    for name in written:
        check_writable(output / name)
    for name, content in written.items():
        write_text(output / name, content)
    print(f"results: {output} (table1.md, table1.tex, table1.csv, comparisons.csv)")


def report(arguments: list[str]) -> None:
    """Write the report."""
    parser = _parser("report", "one HTML file of numbers and pictures", "report.html")
    chosen = _with_people(parser, arguments, least=0)
    evaluations = find_evaluations(chosen.paths)
    output = _output(chosen, "report.html")
    check_writable(output)
    text = make_report(evaluations, chosen.people, chosen.against)
    write_text(output, text)
    print(f"report: {output} ({len(text.encode()) / 1e6:.1f} MB; open it in a browser)")


def figures(arguments: list[str]) -> None:
    """Write the figures."""
    parser = _parser("figures", "Figures 1 to 3 and galleries as files", "figures")
    chosen = _with_people(parser, arguments, least=1)
    evaluations, output = find_evaluations(chosen.paths), _output(chosen, "figures")
    for path in write_figures(evaluations, output, chosen.people, chosen.against):
        print(path)


def _parser(command: str, description: str, output: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"vton-aux {command}", description=description)
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="evaluations, runs, or folders of them"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE" if "." in output else "DIR",
        help=f"default: {output} in PATH, or where all PATHs lie",
    )  # fmt: skip
    parser.add_argument(
        "--against",
        default="baseline",
        metavar="NAME",
        help="the system that the others are compared with; default: the baseline",
    )
    return parser


def _with_people(
    parser: argparse.ArgumentParser, arguments: list[str], least: int
) -> argparse.Namespace:
    parser.add_argument(
        "--people", type=int, default=6, metavar="N", help="rows of a figure and of a gallery"
    )
    chosen = parser.parse_args(arguments)
    if chosen.people < least:
        raise UserError(f"--people {chosen.people}: must be at least {least}")
    return chosen


def _output(chosen: argparse.Namespace, name: str) -> Path:
    common = os.path.commonpath([path.resolve() for path in chosen.paths])
    return chosen.output or Path(common) / name

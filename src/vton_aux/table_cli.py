"""`vton-aux table PATH...`: Table 1 of the evaluations that lie in and below the folders.

DIR/table1.md, table1.tex   the table in print, its footnotes and what it rests on
DIR/table1.csv              a row a cell
DIR/comparisons.csv         a row a comparison with the baseline
"""

import argparse
import os
from pathlib import Path

from vton_aux.evaluation.runs import find_evaluations
from vton_aux.evaluation.table1 import comparisons_frame, make_tables, to_frame
from vton_aux.evaluation.table1_print import to_latex, to_markdown
from vton_aux.files import check_writable, write_text


def main(arguments: list[str]) -> None:
    """Print the table as Markdown and write it into a folder.

    Raises:
        UserError: no evaluation is found, one is broken, they cannot stand in one table, or the
            folder cannot be made.
    """
    parser = argparse.ArgumentParser(
        prog="vton-aux table", description="Table 1 of evaluations, beside the paper's"
    )
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="evaluations, runs, or folders of them"
    )
    parser.add_argument(
        "--protocol",
        choices=("official", "clean", "validation", "both"),
        default="both",
        help="which images count; both (the default) makes a table of each that there is",
    )
    parser.add_argument(
        "--against",
        default="baseline",
        metavar="NAME",
        help="the system that the others are compared with; default: the baseline",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="default: table1/ in PATH, or where all PATHs lie",
    )
    chosen = parser.parse_args(arguments)
    tables = make_tables(find_evaluations(chosen.paths), chosen.protocol, chosen.against)
    text = to_markdown(tables)
    print(text)
    common = os.path.commonpath([path.resolve() for path in chosen.paths])
    output = chosen.output or Path(common) / "table1"
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

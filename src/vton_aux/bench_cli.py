"""`vton-aux bench`: measure this machine, show a measurement, compare two."""

import argparse
import math
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from vton_aux.bench.case import Case
from vton_aux.bench.clock import measure
from vton_aux.bench.reference import check_checkout
from vton_aux.bench.results import compare, describe_machine, read_results, tables
from vton_aux.bench.scale import table1_on_paper
from vton_aux.bench.suite import sections
from vton_aux.data.cache import pack_split
from vton_aux.data.labels import LABEL_SETS
from vton_aux.data.layout import read_pairs
from vton_aux.data.synthetic import write_dataset
from vton_aux.device import computes_bf16, pick_device
from vton_aux.errors import UserError
from vton_aux.files import check_writable, write_json
from vton_aux.version import code_version

_NAMES = tuple(sections("", "", None, gpu=False, bf16=False))
_SYNTHETIC, _PAIRS = Path("data/synthetic/bench-256x192"), 200


def main(arguments: list[str]) -> int:
    """Run `bench run`, `show`, `compare` or `scale`; 1 where a comparison found a loss, or a case
    could not be measured.

    Raises:
        UserError: a file, a section or a device is missing.
    """
    parser = argparse.ArgumentParser(prog="vton-aux bench")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure this machine and write a JSON file")
    run.add_argument(
        "--output", type=Path,
        help="the file; by default in runs, named by the time. One that a stopped run left is gone "
        "on with: sections that are complete there are not measured again",
    )  # fmt: skip
    run.add_argument("--data", type=Path, help="a VITON folder; synthetic where none is given")
    run.add_argument("--cache", type=Path, default=Path("data/cache"), help="of packed samples")
    run.add_argument(
        "--reference", type=Path, help="a checkout of github.com/sergeywong/cp-vton to run beside"
    )
    run.add_argument(
        "--sections", help=f"some of {', '.join(_NAMES)}, with commas between; all by default"
    )
    run.add_argument(
        "--cases",
        metavar="PATTERN",
        help="those whose 'SECTION: NAME' matches this regular expression, and what they are "
        "compared with",
    )
    run.add_argument(
        "--together",
        action="store_true",
        help="prepare the cases of all sections at once, which compiles them side by side",
    )
    run.add_argument("--device", default="auto", help="auto (the default), cpu, cuda, cuda:1, ...")
    run.add_argument(
        "--repeats",
        type=int,
        default=7,
        help="rounds; default: %(default)s; a comparison judges those of 5 or more",
    )
    run.add_argument(
        "--seconds", type=float, default=2.0, help="of a case in a round; default: %(default)s"
    )
    show = commands.add_parser("show", help="the tables of a JSON file, as Markdown")
    show.add_argument("file", type=Path)
    both = commands.add_parser("compare", help="two JSON files, case by case")
    both.add_argument("before", type=Path)
    both.add_argument("after", type=Path)
    scale = commands.add_parser("scale", help="what Table 1 takes, from a JSON file")
    scale.add_argument("file", type=Path)
    scale.add_argument("--fraction", type=float, default=0.3, help="of a card's peak")
    scale.add_argument("--batch", type=int, default=4, help="samples a step; a GPU's file has 64")
    chosen = parser.parse_args(arguments)
    if chosen.command == "show":
        print(tables(read_results(chosen.file)))
        return 0
    if chosen.command == "scale":
        print(table1_on_paper(read_results(chosen.file), chosen.fraction, chosen.batch))
        return 0
    if chosen.command == "compare":
        table, slower = compare(read_results(chosen.before), read_results(chosen.after))
        print(table)
        if slower:
            print(f"slower: {'; '.join(slower)}", file=sys.stderr)
        return 1 if slower else 0
    return _run(chosen)


def _run(chosen: argparse.Namespace) -> int:
    if chosen.repeats < 1 or not 0 < chosen.seconds < math.inf:
        raise UserError(
            f"--repeats {chosen.repeats} --seconds {chosen.seconds:g}: both must be above 0"
        )
    output = chosen.output or Path(f"runs/bench_{datetime.now():%Y-%m-%d_%H-%M-%S}.json")
    check_writable(output)
    if chosen.reference is not None:
        check_checkout(chosen.reference)
    device = pick_device(chosen.device)
    gpu, bf16 = device.type == "cuda", computes_bf16(device)
    root = chosen.data or _SYNTHETIC
    pairs = len(read_pairs(root, "train")) if chosen.data or root.is_dir() else _PAIRS
    results = {
        "machine": describe_machine(device),
        "device": device.type,
        "repeats": chosen.repeats,
        "seconds": chosen.seconds,
        "data": "synthetic" if chosen.data is None else chosen.data.name,
        "pairs": pairs,
        "code": code_version("bench/worker.py", "bench/clock.py", "bench/suite.py"),
    }
    begun = _begun(output, results)

    def suite(packed: str) -> dict[str, list[Case]]:
        source = None if chosen.reference is None else str(chosen.reference.resolve())
        processes = torch.cuda.device_count() if gpu else 2
        return sections(str(root.resolve()), packed, source, gpu, bf16, pairs, processes)

    cases = _chosen(suite(""), chosen.sections, chosen.cases)  # a wrong choice is told first
    if not bf16:
        print("this processor has no bf16 instructions: all is measured in float32")
    reading = [of for _, case in cases for of in (case.options, case.options.get("data") or {})]
    if any("root" in of for of in reading) and not root.is_dir():
        write_dataset(root, train=_PAIRS, test=8, seed=0, size=(256, 192))
    if any("packed" in of for of in reading):
        labels = len(LABEL_SETS["lip"].class_of)
        packed = pack_split(root, "train", (256, 192), labels, chosen.cache)
        found = suite(str(packed.folder.resolve()))
        cases = _chosen(found, chosen.sections, chosen.cases)
    names = dict.fromkeys(section for section, _ in cases)
    groups = [cases] if chosen.together else [[c for c in cases if c[0] == n] for n in names]
    groups, done = _to_do(groups, begun, chosen.repeats)
    if not groups:
        print(f"{output}: holds all of these cases; give another --output to measure them again")
        return 0
    results["rows"] = done
    try:
        for group in tqdm(groups, desc="sections"):
            rows: list[dict[str, Any]] = []
            for rows in measure(group, str(device), chosen.repeats, chosen.seconds):
                results["rows"] = done + rows
                write_json(output, results)  # what is measured stays when the rest is stopped
            done += rows
    except BaseException:
        if output.exists():
            print(f"\nso far: {output}; with --output {output} this goes on", file=sys.stderr)
        raise
    if done:
        print(tables(results))
        print(f"\nresults: {output}")
    measured = {(row["section"], row["name"]) for row in done}
    lacking = [f"{n}: {case.name}" for n, case in cases if (n, case.name) not in measured]
    if lacking:
        print(f"not measured, see above: {'; '.join(lacking)}", file=sys.stderr)
    return 1 if lacking else 0


def _begun(output: Path, results: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a run like `results` that was stopped; its date becomes that of `results`."""
    if not output.exists():
        return []
    found = read_results(output)
    former, machine = (
        {key: value for key, value in one["machine"].items() if key != "date"}
        for one in (found, results)
    )
    keys = ("device", "repeats", "seconds", "data", "pairs", "code")
    if former != machine or any(found.get(key) != results[key] for key in keys):
        raise UserError(
            f"--output {output}: holds what another machine, version or command measured; give "
            "another name"
        )
    results["machine"] = found["machine"]
    return list(found["rows"])


def _to_do(
    groups: list[list[tuple[str, Case]]], rows: list[dict[str, Any]], repeats: int
) -> tuple[list[list[tuple[str, Case]]], list[dict[str, Any]]]:
    """The groups of which a row or a round is missing, and the rows that stay beside theirs."""
    full = {(row["section"], row["name"]) for row in rows if len(row["repeats"]) == repeats}
    left = [group for group in groups if not {(n, case.name) for n, case in group} <= full]
    again = {(n, case.name) for group in left for n, case in group}
    return left, [row for row in rows if (row["section"], row["name"]) not in again]


def _chosen(
    suite: dict[str, list[Case]], sections: str | None, pattern: str | None
) -> list[tuple[str, Case]]:
    wanted = suite if sections is None else map(str.strip, sections.split(","))
    names = list(dict.fromkeys(wanted))
    for name in names:
        if name not in suite:
            raise UserError(f"--sections {name}: there are {', '.join(suite)}")
    cases = [(name, case) for name in names for case in suite[name]]
    if not cases:
        raise UserError(f"--sections {sections}: has no case for this machine and these data")
    if pattern is None:
        return cases
    try:
        matches = [
            (name, case) for name, case in cases if re.search(pattern, f"{name}: {case.name}")
        ]
    except re.error as error:
        raise UserError(f"--cases {pattern}: no regular expression ({error})") from None
    if not matches:
        raise UserError(
            f"--cases {pattern}: none matches; `bench show` of a result lists names "
            "(the reference's cases want --reference)"
        )
    compared = {(name, case.against) for name, case in matches}
    return [(n, case) for n, case in cases if (n, case) in matches or (n, case.name) in compared]

"""One run of the suite as a JSON file, as tables, and beside another run."""

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from vton_aux.bench.suite import LARGE
from vton_aux.errors import UserError
from vton_aux.threads import cores

Row = Mapping[str, Any]
# keys of what `vton-aux bench run` writes, of its machine and of each row
_RESULT = {"machine", "rows", "repeats", "seconds"}
_MACHINE = {"date", "cpu", "cores", "units", "gpu", "torch"}
_ROW = {
    "section", "name", "images_per_second", "lowest", "highest", "gflop_per_image", "precision",
    "peak_mib", "repeats",
}  # fmt: skip
CHANGED = 0.05  # a smaller difference between two files is taken for noise
STEADY = 0.1  # by more another state of the machine is told from noise in its matrix products
FEWEST = 5  # rounds of a case from which two files are judged


def describe_machine(device: torch.device) -> dict[str, Any]:
    """The processor, its cores and matrix units, the GPU that `device` is, PyTorch, the date."""
    flags, model = "", platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line.partition(":") for line in info.read_text().splitlines()]
        fields = {key.strip(): value.strip() for key, _, value in lines}
        model, flags = fields.get("model name", model), fields.get("flags", "")
    units = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": model,
        "cores": cores(),
        "units": [unit for unit in units if unit in flags.split()],
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def read_results(path: Path) -> dict[str, Any]:
    """What `vton-aux bench` wrote.

    Raises:
        UserError: the file is missing or is another's.
    """
    try:
        found = json.loads(path.read_text())
        whole = found.keys() >= _RESULT and found["machine"].keys() >= _MACHINE
        whole = whole and all(row.keys() >= _ROW for row in found["rows"])
    except FileNotFoundError:
        raise UserError(f"{path}: missing; vton-aux bench writes it") from None
    except (ValueError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise UserError(f"{path}: not a file that vton-aux bench wrote")
    return dict(found)


def peaks(rows: Sequence[Row]) -> dict[str, float]:
    """GFLOP/s of the fastest measured matrix product by precision, "fp32" and "bf16"."""
    best: dict[str, float] = {}
    for row in rows:
        if row["name"].startswith("matmul"):
            rate = row["images_per_second"]
            best[row["precision"]] = max(rate, best.get(row["precision"], 0.0))
    return best


def tables(results: Mapping[str, Any]) -> str:
    """Markdown: the machine, then one table a section."""
    rows: list[Row] = results["rows"]
    best = peaks(rows)
    done = {len(row["repeats"]) for row in rows} or {0}
    rounds = f"{min(done)} to {max(done)}" if len(done) > 1 else str(*done)
    lines = [
        f"{results['machine']['date']}, {_processor(results)}, {rounds} rounds of "
        f"{results['seconds']:g} s. "
        + ", ".join(f"{name} matmul peak {rate:,.0f} GFLOP/s" for name, rate in best.items()),
    ]
    for section in dict.fromkeys(row["section"] for row in rows):
        lines += [
            "",
            f"**{section}**",
            "",
            *_table([r for r in rows if r["section"] == section], best),
        ]
    return "\n".join([*lines, *_shares(rows)])


def _processor(results: Mapping[str, Any]) -> str:
    about = results["machine"]
    name = about["gpu"] or f"{about['cores']} cores of {about['cpu']}"
    return f"{name} ({', '.join(about['units'])}), PyTorch {about['torch']}"


def _shares(rows: Sequence[Row]) -> list[str]:
    """What loading and I_p take of each step as trained: at batch 4, and at a GPU's large batch."""
    rates = {row["name"]: row["images_per_second"] for row in rows}
    lines = []
    for loading, batch in (("packed", ""), ("resident", f", batch {LARGE}")):
        parts = [rates.get(name + batch) for name in (loading, "I_p and targets")]
        for row in rows if any(parts) else ():
            large = row["section"].startswith("batch_") and f"batch {LARGE}" in row["name"]
            if large if batch else row["name"].endswith("as trained"):
                own = row["images_per_second"]
                cells = [row["name"], *(f"{own / rate:.1%}" if rate else "" for rate in parts)]
                lines.append("| " + " | ".join(cells) + " |")
    head = ["", "**shares of a step**", "", "| | loading | I_p and targets |", "|---|---|---|"]
    return [*head, *lines] if lines else []


def _table(rows: Sequence[Row], best: Mapping[str, float]) -> list[str]:
    lines = [
        "| | images/s | lowest to highest | ratio | GFLOP/image | of peak | peak MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        rate, work = row["images_per_second"], row["gflop_per_image"]
        ratio = f"{row['ratio']:.2f} x {row['against']}" if "ratio" in row else ""
        share = ""
        if work and row["precision"] in best and not row["name"].startswith("matmul"):
            share = f"{rate * work / best[row['precision']]:.0%}"
        memory = row.get("gpu_peak_mib", row["peak_mib"])
        cells = [
            row["name"], _number(rate), f"{_number(row['lowest'])} to {_number(row['highest'])}",
            ratio, f"{work:.1f}" if work else "", share, f"{memory:,}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def compare(former: Mapping[str, Any], latter: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Markdown of the cases of both, and the names of those that have become slower.

    A case is compared by its rate, or where both files have the reference beside it, by the ratio
    to that in the same rounds. It has changed where the medians differ by more than `CHANGED` and
    the ranges over at least `FEWEST` rounds do not overlap. Not judged are the machine and the
    reference, which are not this package, and where the machine's matrix products have changed by
    more than `STEADY`: in bf16, compared by ratio, more than the reference's float32 ones.
    Above the table stands what the two were measured on and how, where that differs.

    Raises:
        UserError: they have no case in common.
    """
    before, after = ({(r["section"], r["name"]): r for r in of["rows"]} for of in (former, latter))
    if not before.keys() & after.keys():
        raise UserError("the two files have no case in common")
    counted = former.keys() & latter.keys() >= {"pairs"}
    conditions = [_conditions(results, counted) for results in (former, latter)]
    lines = []
    for one, other in zip(*conditions, strict=True):
        lines += [f"{one} against {other}", ""] if one != other else []
    lines += ["| | before | after | after / before | |", "|---|---|---|---|---|"]
    drift = _drift(former, latter)
    slower, unsteady = [], set()
    for key, row in before.items():
        name = ": ".join(key)
        if key not in after:
            lines.append(f"| {name} | {_number(row['images_per_second'])} | not measured | | |")
            continue
        beside = (key[0], row.get("against", ""))
        as_ratio = _is_yardstick(beside) and beside in before and beside in after
        unit = " x" if as_ratio else ""
        old, new = (_rounds(rows, key, beside if as_ratio else None) for rows in (before, after))
        factor = statistics.median(new) / statistics.median(old)
        precision, judged = row["precision"], not _is_yardstick(key)
        moved = drift.get(precision, 1.0)
        if as_ratio and precision in drift:
            moved /= drift.get("fp32", 1.0)
        if judged and abs(moved - 1) > STEADY:
            unsteady.add(precision)
            judged = False
        verdict = _verdict(old, new, factor) if judged else ""
        if verdict == "slower":
            slower.append(name)
        medians = [f"{_number(statistics.median(rounds))}{unit}" for rounds in (old, new)]
        lines.append(f"| {' | '.join([name, *medians, f'{factor:.2f}', verdict])} |")
    for key in after:
        if key not in before:
            rate = _number(after[key]["images_per_second"])
            lines.append(f"| {': '.join(key)} | not measured | {rate} | | |")
    if unsteady:
        told = " and ".join(sorted(unsteady))
        lines += [
            "",
            f"The matrix products differ by more than {STEADY:.0%}: {told} is not judged.",
        ]
    common = [key for key in before if key in after and not _is_yardstick(key)]
    if any(len(rows[key]["repeats"]) < FEWEST for rows in (before, after) for key in common):
        lines += ["", f"Cases of fewer than {FEWEST} rounds are not judged."]
    return "\n".join(lines), slower


def _conditions(results: Mapping[str, Any], counted: bool) -> list[str]:
    pairs = f" of {results['pairs']:,} pairs" if counted else ""
    best = (f"{name} {rate:,.0f}" for name, rate in peaks(results["rows"]).items())
    return [
        _processor(results),
        f"matmul peak, GFLOP/s: {', '.join(best) or 'not measured'}",
        f"data {results.get('data', 'unknown')}{pairs}",
        f"rounds of {results['seconds']:g} s",
    ]


def _verdict(old: Sequence[float], new: Sequence[float], factor: float) -> str:
    enough = min(len(old), len(new)) >= FEWEST
    apart = min(new) > max(old) or max(new) < min(old)
    if enough and apart and abs(factor - 1) > CHANGED:
        return "faster" if factor > 1 else "slower"
    return ""


def _drift(former: Mapping[str, Any], latter: Mapping[str, Any]) -> dict[str, float]:
    """The machine's matrix products in `latter` over those in `former`, by precision; of those
    that both have."""
    before, after = peaks(former["rows"]), peaks(latter["rows"])
    return {precision: after[precision] / before[precision] for precision in before.keys() & after}


def _rounds(rows: Mapping[tuple[str, str], Row], key: tuple[str, str], beside: Any) -> list[float]:
    """The rate in each round, or its ratio to the rate of `beside`."""
    own: list[float] = rows[key]["repeats"]
    if beside is None:
        return own
    return [mine / theirs for mine, theirs in zip(own, rows[beside]["repeats"], strict=False)]


def _is_yardstick(key: tuple[str, str]) -> bool:
    section, name = key
    return section == "machine" or name.startswith("reference")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

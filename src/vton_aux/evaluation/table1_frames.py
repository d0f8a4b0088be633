"""Table 1 as data frames: a row a cell, and a row a comparison."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import pandas as pd

from vton_aux.evaluation.comparison import Comparison
from vton_aux.evaluation.systems import System
from vton_aux.evaluation.table1 import PAPER, PAPER_ROWS, Table, conclude


def to_frame(tables: Sequence[Table]) -> pd.DataFrame:
    """A row a cell, the paper's cells among them (source "paper")."""
    cells: list[dict[str, Any]] = []
    for table in tables:
        for row in table.rows:
            where = {"protocol": table.protocol, "score": row.score, "pairing": row.pairing}
            for arm, numbers in PAPER.items() if row in PAPER_ROWS else ():
                cells.append(
                    {**where, "source": "paper", "system": arm, "value": numbers[row.score]}
                )
            for system in table.systems:
                cell = table.cells[row, system.name]
                cells.append(
                    {
                        **where,
                        "source": "ours",
                        "system": system.name,
                        **cell._asdict(),
                        **_provenance(system, row.pairing),
                    }
                )
    return pd.DataFrame(cells)


def _provenance(system: System, pairing: str) -> dict[str, Any]:
    evaluations = [*system.evaluations.get(pairing, {}).values()]
    if not evaluations:
        return {}
    summary, steps = evaluations[0].summary, system.summary.get("steps") or {}
    return {
        "seed_list": " ".join("unknown" if e.seed is None else str(e.seed) for e in evaluations),
        **{f"{stage}_steps": count for stage, count in steps.items()},
        "height": summary["size"][0],
        "width": summary["size"][1],
        "split": summary["split"],
        "fingerprint": summary["data"]["fingerprint"],
        "trained_on": system.summary.get("trained_on"),
        "features": summary.get("features"),
    }


def comparisons_frame(tables: Sequence[Table]) -> pd.DataFrame:
    """A row a comparison, with its conclusion."""
    rows = [
        {
            "protocol": table.protocol,
            "pairing": row.pairing,
            "system": system.name,
            **asdict(comparison),
            "conclusion": conclude(table, row, system, comparison),
        }
        for table in tables
        for row, system, comparison in table.comparisons
    ]
    compared = [field.name for field in fields(Comparison)]
    return pd.DataFrame(rows, columns=["protocol", "pairing", "system", *compared, "conclusion"])

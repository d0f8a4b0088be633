"""What an evaluation says of a protocol, computed from its per-image table alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from vton_aux.evaluation.protocol import PROTOCOLS
from vton_aux.metrics.overlap import FREQUENT

# pixels of a class of M_exp: in the parse, predicted, in both; a column each
TRUE, PREDICTED, COMMON = "true_", "predicted_", "inter_"


def write_table(table: pd.DataFrame, output: Path) -> None:
    """Write OUTPUT/scores.parquet and OUTPUT/scores.csv, each whole or not at all."""
    for name, write in (("parquet", table.to_parquet), ("csv", table.to_csv)):
        part = output / f"scores.{name}.part"
        write(part, index=False)
        part.replace(output / f"scores.{name}")


def protocol_scores(
    table: pd.DataFrame, scores: list[str], distances: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, Any]]:
    """For each protocol that the table has a column of: images, means of the scores, M_exp's IoU.

    Args:
        table: a row an image.
        scores: the columns to average, over the images where they are defined.
        distances: what is no mean of images, FID and KID, by protocol.
    """
    summary = {}
    for protocol in PROTOCOLS:
        if protocol not in table:
            continue
        rows = table[table[protocol]]
        means = {name: float(rows[name].mean()) for name in scores if rows[name].notna().any()}
        summary[protocol] = {
            "images": len(rows),
            "means": means,
            **segmentation_scores(rows),
            **distances.get(protocol, {}),
        }
    return summary


def segmentation_scores(table: pd.DataFrame) -> dict[str, Any]:
    """IoU of each class of M_exp, pooled over the images, and its mean over the frequent ones.

    IoU = common / (true + predicted - common) pixels; None where neither has the class. A class is
    frequent that covers at least 0.5 % of the true pixels. Empty where the table has no M_exp.
    """
    classes = [str(n).removeprefix(TRUE) for n in table if str(n).startswith(TRUE)]
    if not classes:
        return {}
    pixels = {name: int(table[TRUE + name].sum()) for name in classes}
    ious: dict[str, float | None] = {}
    for name in classes:
        common = int(table[COMMON + name].sum())
        union = pixels[name] + int(table[PREDICTED + name].sum()) - common
        ious[name] = common / union if union else None
    total = sum(pixels.values())
    frequent = [
        iou for n in classes if (iou := ious[n]) is not None and pixels[n] >= FREQUENT * total
    ]
    return {
        "segmentation_iou": sum(frequent) / len(frequent) if frequent else None,
        "class_iou": ious,
    }

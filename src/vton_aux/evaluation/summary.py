"""What an evaluation says of a protocol, computed from its per-image table alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from vton_aux.evaluation.protocol import PROTOCOLS
from vton_aux.files import whole
from vton_aux.metrics.overlap import frequent_mean, pixel_iou

# pixels of a class of M_exp: in the parse, predicted, in both; a column each
TRUE, PREDICTED, COMMON = "true_", "predicted_", "inter_"


def write_table(table: pd.DataFrame, output: Path) -> None:
    """Write OUTPUT/scores.parquet and OUTPUT/scores.csv, each whole or not at all."""
    for name, write in (("parquet", table.to_parquet), ("csv", table.to_csv)):
        with whole(output / f"scores.{name}") as part:
            write(part, index=False)


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
    common, true, predicted = (
        torch.tensor([table[kind + name].sum() for name in classes], dtype=torch.float64)
        for kind in (COMMON, TRUE, PREDICTED)
    )
    ious = pixel_iou(common, true, predicted)
    return {
        "segmentation_iou": _defined(frequent_mean(ious, true)),
        "class_iou": {name: _defined(iou) for name, iou in zip(classes, ious, strict=True)},
    }


def _defined(value: Tensor) -> float | None:
    return None if value.isnan() else float(value)

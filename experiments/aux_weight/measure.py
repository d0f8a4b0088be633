"""Gather what runs of several auxiliary weights score: `python measure.py RUN...`.

A run folder that holds an evaluation of the paired test set brings its scores (official protocol)
beside those of its validation images. Writes scores.csv beside this file.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

HERE = Path(__file__).parent
TEST = ("ssim", "psnr", "skin_ssim", "band_ssim", "bleeding")


def rows_of(run: Path) -> list[dict[str, Any]]:
    summary = json.loads((run / "summary.json").read_text())
    config = yaml.safe_load((run / "config.yaml").read_text())
    rows = []
    for stage in ("gmm", "tom"):
        if stage not in summary:
            continue
        aux = summary[f"{stage}_aux"]
        row = {
            "stage": stage,
            "weight": config[stage]["aux_weight"] if aux else 0.0,
            "seed": summary["seed"],
            "gmm_weight": config["gmm"]["aux_weight"] if summary["gmm_aux"] else 0.0,
            **{f"val_{name}": value for name, value in summary[stage]["validation"].items()},
        }
        if stage == "tom":
            row |= test_scores(run)
        rows.append(row)
    return rows


def test_scores(run: Path) -> dict[str, float]:
    for path in run.glob("evaluations/test_paired-*/summary.json"):
        official = json.loads(path.read_text())["protocols"]["official"]
        scores = {name: official["means"][name] for name in TEST}
        if "segmentation_iou" in official:
            scores["segmentation_iou"] = official["segmentation_iou"]
        return scores
    return {}


def main(runs: list[Path]) -> None:
    table = pd.DataFrame([row for run in runs for row in rows_of(run)])
    keys = ["stage", "gmm_weight", "weight", "seed"]
    table = table.sort_values(keys).drop_duplicates(keys).round(5)  # arms share a baseline's GMM
    table.to_csv(HERE / "scores.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main([Path(run) for run in sys.argv[1:]])

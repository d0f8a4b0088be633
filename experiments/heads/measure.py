"""Gather the scores of runs named KIND-SEED with their evaluations: `python measure.py RUNS`."""

import json
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
SCORES = ("ssim", "psnr", "skin_ssim", "skin_psnr", "garment_ssim", "bleeding")


def main(runs: Path) -> None:
    rows = []
    for path in sorted(runs.glob("*-*/ev/summary.json")):
        run = path.parents[1]
        head, _, seed = run.name.rpartition("-")
        validation = json.loads((run / "summary.json").read_text())["tom"]["validation"]
        means = json.loads(path.read_text())["protocols"]["official"]["means"]
        rows.append(
            {
                "head": head, "seed": int(seed), "val_ssim": validation["ssim"],
                "segmentation_iou": validation.get("segmentation_iou"),
                **{name: means[name] for name in SCORES},
            }
        )  # fmt: skip
    table = pd.DataFrame(rows).sort_values(["seed", "head"]).round(5)
    table.to_csv(HERE / "scores.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

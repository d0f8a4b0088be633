"""Gather the curves and scores of a sweep over precision: `python measure.py SWEEP`."""

import json
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
WINDOW = 200  # steps that a point of the curve is the mean of


def main(sweep: Path) -> None:
    scores, curves = [], []
    for run in sorted(path for path in sweep.iterdir() if (path / "summary.json").is_file()):
        summary = json.loads((run / "summary.json").read_text())
        precision = run.name.partition("_seed")[0]
        curve = pd.read_csv(run / "metrics.csv")
        for stage in ("gmm", "tom"):
            found = summary[stage]
            own = {"stage": stage, "seed": summary["seed"], "precision": precision}
            scores.append({**own, **found["validation"]})
            losses = curve[curve["stage"] == stage].dropna(subset=["train/loss"])
            windows = (losses["step"] // WINDOW + 1) * WINDOW
            means = losses.groupby(windows)["train/loss"].mean()
            curves += [{**own, "step": int(at), "loss": float(loss)} for at, loss in means.items()]
    order = ["stage", "seed", "precision"]
    pd.DataFrame(scores).sort_values(order).round(5).to_csv(HERE / "scores.csv", index=False)
    curve = pd.DataFrame(curves).pivot_table(
        index=["stage", "seed", "step"], columns="precision", values="loss"
    )
    curve["ratio"] = curve["bf16-mixed"] / curve["32-true"]
    curve.round(5).to_csv(HERE / "curve.csv")
    print(curve.to_string(float_format=lambda value: f"{value:.4f}"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

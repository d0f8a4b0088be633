"""What the class weights do: `python measure.py RUN...` of evaluated runs of only TOM.

Writes beside this file seeds.csv, a row a run and protocol: the weights, the means, the skin where
arms cover the torso, what M_exp finds of skin and background; and tests.csv: over the seeds, what
raising both, the skin's or the background's weight from 1 to 4 does to each of these, the plan's
four corrected together.
"""

import sys
from pathlib import Path

import pandas as pd

from vton_aux.data.labels import LABEL_SETS
from vton_aux.evaluation.runs import Evaluation, find_evaluations
from vton_aux.evaluation.statistics import holm, over_seeds

HERE = Path(__file__).parent
LIP = LABEL_SETS["lip"]
GROUPS = {"skin": [LIP.classes[c] for c in LIP.skin], "background": [LIP.classes[LIP.background]]}
EFFECTS = {  # weights of the trainings, which are (skin, background)
    "both": {(4, 4): 1, (1, 1): -1},
    "skin": {(4, 1): 0.5, (4, 4): 0.5, (1, 1): -0.5, (1, 4): -0.5},
    "background": {(1, 4): 0.5, (4, 4): 0.5, (1, 1): -0.5, (4, 1): -0.5},
}
PLAN = [
    ("both", "ssim"),
    ("both", "psnr"),
    ("skin", "occluded_skin_ssim"),
    ("background", "background_bleeding"),
]


def measured(evaluation: Evaluation, protocol: str) -> dict[str, float]:
    """A run's row: the weights (0 where there is no head), and what came of them."""
    system, rows = evaluation.summary["system"], evaluation.rows(protocol)
    heads = system["settings"]["tom.aux"] == "true"
    weights = {
        name: float(system["settings"][f"tom.{name}_weight"]) if heads else 0.0 for name in GROUPS
    }
    found = {**weights, **evaluation.summary["protocols"][protocol]["means"]}
    occluded = rows["occluded"].astype("boolean").fillna(False)
    found["occluded_skin_ssim"] = rows.loc[occluded, "skin_ssim"].mean()
    if heads:
        found["segmentation_iou"] = evaluation.summary["protocols"][protocol]["segmentation_iou"]
        for group, classes in GROUPS.items():
            true, predicted, both = (
                rows[[f"{kind}_{name}" for name in classes]].to_numpy().sum()
                for kind in ("true", "predicted", "inter")
            )
            found |= {f"{group}_recall": both / true, f"{group}_precision": both / predicted}
    return found


def effects(seeds: pd.DataFrame) -> pd.DataFrame:
    """What each raise does, over the seeds, and the plan's correction."""
    found = []
    cells = {
        (int(skin), int(background)): of.set_index("seed")
        for (skin, background), of in seeds.groupby(["skin", "background"])
    }
    for name, weights in EFFECTS.items():
        for score in seeds.columns[4:]:
            each = sum(weight * cells[cell][score] for cell, weight in weights.items()).round(12)
            sd, interval, p = over_seeds(each.to_list())
            found.append(
                {"raised": name, "score": score, "mean": each.mean(), "sd": sd,
                 **interval._asdict(), "by_seed": " ".join(f"{x:+.4f}" for x in each), "p": p}
            )  # fmt: skip
    table = pd.DataFrame(found)
    planned = [(table["raised"].eq(r) & table["score"].eq(s)).idxmax() for r, s in PLAN]
    table.loc[planned, "p_corrected"] = holm(table.loc[planned, "p"])
    return table


def main(*runs: Path) -> None:
    """Write both files; print the plan's tests."""
    evaluations = find_evaluations([*runs])
    rows = [
        {"protocol": protocol, "seed": e.seed, **measured(e, protocol)}
        for e in evaluations
        for protocol in e.summary["protocols"]
    ]
    seeds = pd.DataFrame(rows).sort_values(["protocol", "skin", "background", "seed"])
    seeds.to_csv(HERE / "seeds.csv", index=False, float_format="%.6g")
    table = pd.concat(
        effects(of).assign(protocol=protocol) for protocol, of in seeds.groupby("protocol")
    )
    table.loc[table["protocol"] != "official", "p_corrected"] = float("nan")
    table.to_csv(HERE / "tests.csv", index=False, float_format="%.6g")
    print(table[table["p_corrected"].notna()].to_string(index=False))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

"""What each head does to the scores of the arms: `python heads.py OUTPUT RUN...` of evaluated runs.

The four arms are a factorial design: a head in GMM or not, by a head in TOM or not, over the same
seeds. Writes OUTPUT/seeds.csv, the means of each run, and effects.csv, over the seeds: each head's
effect (with and without the other, averaged), what the second one adds, their interaction; of these
what the arms that are there allow.
"""

import sys
from pathlib import Path

import pandas as pd

from vton_aux.evaluation.runs import find_evaluations
from vton_aux.evaluation.statistics import over_seeds

EFFECTS = {  # weights of the arms
    "head in GMM": {"gmm_only": 0.5, "both": 0.5, "baseline": -0.5, "tom_only": -0.5},
    "head in TOM": {"tom_only": 0.5, "both": 0.5, "baseline": -0.5, "gmm_only": -0.5},
    "Both over only TOM": {"both": 1, "tom_only": -1},
    "Both over only GMM": {"both": 1, "gmm_only": -1},
    "interaction": {"both": 1, "baseline": 1, "tom_only": -1, "gmm_only": -1},
}


def main(output: Path, *runs: Path) -> None:
    """Write both files; print the effects on SSIM and PSNR."""
    evaluations = find_evaluations([*runs])
    rows = [
        {"protocol": protocol, "seed": e.seed, "arm": e.name, **found["means"]}
        for e in evaluations
        for protocol, found in e.summary["protocols"].items()
    ]
    seeds = pd.DataFrame(rows).sort_values(["protocol", "seed", "arm"])
    seeds.to_csv(output / "seeds.csv", index=False, float_format="%.6g")
    effects = []
    for protocol, of in seeds.groupby("protocol", sort=False):
        for score in of.columns[3:]:
            arms = of.pivot(index="seed", columns="arm", values=score)
            assert not arms.isna().any(axis=None)
            for name, weights in EFFECTS.items():
                if not weights.keys() <= {*arms}:
                    continue
                each = sum(weight * arms[arm] for arm, weight in weights.items()).round(12)
                sd, interval, p = over_seeds(each.to_list())
                effects.append(
                    {"protocol": protocol, "score": score, "effect": name, "mean": each.mean(),
                     "sd": sd, **interval._asdict(), "least": each.min(), "most": each.max(),
                     "p": p}
                )  # fmt: skip
    table = pd.DataFrame(effects)
    table.to_csv(output / "effects.csv", index=False, float_format="%.6g")
    print(table[table["score"].isin(["ssim", "psnr"])].to_string(index=False))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

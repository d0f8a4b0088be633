"""The seeds of both sweeps together: `python experiments/small_ablation/four_seeds.py`.

A row of comparisons.csv has the mean and the standard deviation of two seeds' differences, from
which these follow. Writes four_seeds.csv: t test over the four, corrected by Holm over the paper's
scores and over the others by themselves, under each protocol.
"""

from math import sqrt
from pathlib import Path

import pandas as pd

from vton_aux.evaluation.statistics import holm, over_seeds
from vton_aux.evaluation.table1 import PAPER

HERE = Path(__file__).parent
KEYS = ["protocol", "system", "score"]


def differences(folder: Path) -> pd.DataFrame:
    """A row a seed."""
    table = pd.read_csv(folder / "comparisons.csv")
    assert (table["seeds"] == 2).all()
    apart = table["seed_sd"] / sqrt(2)
    return pd.concat(
        table[KEYS].assign(difference=table["difference"] + sign * apart) for sign in (-1, 1)
    )


def main() -> None:
    seeds = pd.concat([differences(HERE), differences(HERE / "seeds_2_3")])
    rows = []
    for key, of in seeds.groupby(KEYS, sort=False)["difference"]:
        assert len(of) == 4, key
        sd, interval, p = over_seeds(of.to_list())
        row = dict(zip(KEYS, key, strict=True))
        row |= {"mean": of.mean(), "sd": sd, "low": interval.low, "high": interval.high}
        rows.append(row | {"least": of.min(), "most": of.max(), "p": p})
    table = pd.DataFrame(rows)
    claimed = table["score"].isin(PAPER["both"].keys())
    groups = table.groupby([table["protocol"], claimed])["p"]
    table["p_corrected"] = groups.transform(lambda p: holm(p))
    table.to_csv(HERE / "four_seeds.csv", index=False, float_format="%.6g")
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))


if __name__ == "__main__":
    main()

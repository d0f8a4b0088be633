"""The plan's tests: `python measure.py` of the seeds.csv here and of the small ablation's.

Writes tests.csv beside this file: the five differences over the new seeds, corrected together, and
over all eight; behind them, as an exploration, what a head in either stage does, without and with
the other one averaged.
"""

from pathlib import Path

import pandas as pd

from vton_aux.evaluation.statistics import holm, over_seeds

HERE = Path(__file__).parent
FORMER = HERE.parent / "small_ablation"
BOTH, TOM = {"both": 1, "baseline": -1}, {"tom_only": 1, "baseline": -1}  # weights of the arms
LAST = {"both": 1, "tom_only": -1}
TESTS = (
    ("Both over CP-VTON", BOTH, "ssim"),
    ("Both over CP-VTON", BOTH, "psnr"),
    ("only TOM over CP-VTON", TOM, "psnr"),
    ("Both over only TOM", LAST, "ssim"),
    ("Both over only TOM", LAST, "psnr"),
)
HEADS = {
    "head in GMM": {"gmm_only": 0.5, "both": 0.5, "baseline": -0.5, "tom_only": -0.5},
    "head in TOM": {"tom_only": 0.5, "both": 0.5, "baseline": -0.5, "gmm_only": -0.5},
}
FURTHER = tuple((name, of, score) for name, of in HEADS.items() for score in ("ssim", "psnr"))


def measured(seeds: pd.DataFrame, weights: dict[str, float], score: str) -> dict[str, float]:
    """A difference of arms in the official protocol, over the seeds."""
    arms = seeds[seeds["protocol"] == "official"].pivot(index="seed", columns="arm", values=score)
    each = sum(weight * arms[arm] for arm, weight in weights.items()).round(12)
    sd, interval, p = over_seeds(each.to_list())
    return {
        "n": len(each), "mean": each.mean(), "sd": sd, **interval._asdict(), "least": each.min(),
        "most": each.max(), "p": p,
    }  # fmt: skip


def main() -> None:
    """Write and print the table."""
    new, former = (pd.read_csv(folder / "seeds.csv") for folder in (HERE, FORMER))
    parts = []
    for name, seeds in (("new", new), ("all", pd.concat([former, new]))):
        part = pd.DataFrame(
            {"seeds": name, "difference": what, "score": score, **measured(seeds, of, score)}
            for what, of, score in (*TESTS, *FURTHER)
        )
        if name == "new":
            part.loc[: len(TESTS) - 1, "p_corrected"] = holm(part["p"][: len(TESTS)])
        parts.append(part)
    table = pd.concat(parts)
    table.to_csv(HERE / "tests.csv", index=False, float_format="%.6g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

"""The plan's tests: `python measure.py` of the seeds.csv here and of the small ablation's.

Writes tests.csv beside this file: the five differences over the new seeds, corrected together, and
over all eight.
"""

from pathlib import Path

import pandas as pd

from vton_aux.evaluation.statistics import holm, over_seeds

HERE = Path(__file__).parent
FORMER = HERE.parent / "small_ablation"
TESTS = (
    ("both", "baseline", "ssim"),
    ("both", "baseline", "psnr"),
    ("tom_only", "baseline", "psnr"),
    ("both", "tom_only", "ssim"),
    ("both", "tom_only", "psnr"),
)


def differences(seeds: pd.DataFrame, arm: str, other: str, score: str) -> list[float]:
    """Of each seed, in the official protocol."""
    arms = seeds[seeds["protocol"] == "official"].pivot(index="seed", columns="arm", values=score)
    return (arms[arm] - arms[other]).to_list()


def main() -> None:
    """Write and print the table."""
    new, former = (pd.read_csv(folder / "seeds.csv") for folder in (HERE, FORMER))
    rows = []
    for name, seeds in (("new", new), ("all", pd.concat([former, new]))):
        found = []
        for arm, other, score in TESTS:
            each = differences(seeds, arm, other, score)
            sd, interval, p = over_seeds(each)
            found.append(
                {"seeds": name, "arm": arm, "over": other, "score": score, "n": len(each),
                 "mean": sum(each) / len(each), "sd": sd, **interval._asdict(),
                 "least": min(each), "most": max(each), "p": p}
            )  # fmt: skip
        corrected = holm([row["p"] for row in found]) if name == "new" else [None] * len(found)
        rows += [{**row, "p_corrected": q} for row, q in zip(found, corrected, strict=True)]
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "tests.csv", index=False, float_format="%.6g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

"""Folders as `vton-aux evaluate` leaves them, without pictures or a model."""

import json

import numpy as np
import pandas as pd

CENTRES = {"ssim": 0.7, "ms_ssim": 0.74, "psnr": 14.5, "bleeding": 0.01}
SPREADS = {"ssim": 0.05, "ms_ssim": 0.05, "psnr": 1.5, "bleeding": 0.004}
STEPS = {"gmm": 200, "tom": 300}


def scores(images=60, gain=0.0, seed=0, noise=0.1, names=tuple(CENTRES)):
    """Scores of the same `images` for every system; `gain` and `noise` in standard deviations."""
    people = np.random.default_rng(0).normal(size=images)  # how hard each image is
    own = np.random.default_rng(seed + 1)
    luck = own.normal(size=images) if noise else 0
    signs = {name: -1 if name == "bleeding" else 1 for name in names}
    return pd.DataFrame(
        {n: CENTRES[n] + SPREADS[n] * (people + signs[n] * gain + noise * luck) for n in names}
    )


def write_evaluation(
    folder, name="baseline", pairing="paired", table=None, fid=20.0, **changed
):  # fmt: skip
    """An evaluation of 60 test images, of which every third was seen in training.

    `changed` replaces keys of the summary; dots are written as two underscores.
    """
    table = scores(seed=0) if table is None else table
    count = len(table)
    numbers = [f"{i:06d}" for i in range(count)]
    seen = np.arange(count) % 3 == 0
    flags = pd.DataFrame(
        {
            "person": [f"{n}_0.jpg" for n in numbers],
            "cloth": [f"{n}_1.jpg" for n in (numbers if pairing == "paired" else numbers[::-1])],
            "pairing": pairing,
            "official": True,
            "seen_in_training": seen,
            "copy": False,
            "clean": ~seen,
            "own_cloth": False,
        }
    )
    table = pd.concat([flags, table.reset_index(drop=True)], axis=1)
    system = {"kind": "checkpoint", "name": name, "arm": name, "seed": 0, "steps": STEPS}
    summary = {
        "system": {**system, "checkpoint": f"{name}/tom.ckpt", "trained_on": "cafe"},
        "data": {"root": "/data", "fingerprint": f"{pairing}-data"},
        "split": "test",
        "pairing": pairing,
        "size": [256, 192],
        "metric_settings": {"range": "[0, 1]", "ssim": "Gaussian 11, sigma 1.5"},
        "images": count,
        "features": None if fid is None else "inception",
        "protocols": {
            protocol: {
                "images": int(table[protocol].sum()),
                "means": table.loc[table[protocol], list(set(table) & set(CENTRES))]
                .mean()
                .to_dict(),
                "fid": fid,
                "kid": fid and fid / 1000,
            }
            for protocol in ("official", "clean")
        },
    }
    for key, value in changed.items():
        *path, last = key.split("__")
        place = summary
        for part in path:
            place = place[part]
        place[last] = value
    folder.mkdir(parents=True)
    table.to_parquet(folder / "scores.parquet", index=False)
    table.to_csv(folder / "scores.csv", index=False)
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder

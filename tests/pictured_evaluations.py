"""Evaluations with pictures: photos of synthetic people, disturbed, in the place of try-ons."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from vton_aux.data.labels import LIP, PALETTE, WORN_CLOTH
from vton_aux.data.layout import test_pairs
from vton_aux.data.sample import read_photo
from vton_aux.evaluation.summary import protocol_scores, write_table
from vton_aux.metrics.similarity import similarity

TERCILES = ("easy", "medium", "hard")
SETTINGS = {"range": "[0, 1]", "ssim": "Gaussian 11, sigma 1.5"}


def write_pictured(
    folder, root, name="baseline", pairing="paired", seed=0, noise=20.0, checkpoint=None, head=True,
    kind="checkpoint", fid=20.0,
):  # fmt: skip
    """An evaluation whose try-ons are the true pictures of `root`'s test set with so much noise."""
    rng = np.random.default_rng((seed, len(name), round(noise * 100)))
    truth = root / "test" / ("image" if pairing == "paired" else "image-unpaired")
    made = (
        folder / "images" if kind == "checkpoint" else folder.with_name(f"{folder.name}-pictures")
    )
    rows = []
    for place, pair in enumerate(test_pairs(root, pairing)):
        stem = Path(pair.person).stem
        photo = read_photo(truth / pair.person)
        level = noise * (0.5 + place * 5 % 7 / 7 + 0.1 * rng.random())
        tryon = np.clip(photo + rng.normal(0, level, photo.shape), 0, 255).astype(np.uint8)
        _save(Image.fromarray(tryon), made / f"{stem}.png")
        row = {
            "person": pair.person, "cloth": pair.cloth, "pairing": pairing, "official": True,
            "clean": place % 5 != 4, "seen_in_training": place % 5 == 4, "copy": False,
            "own_cloth": pairing == "paired", "occluded": place % 2 == 1,
            "pose_stratum": TERCILES[place % 3], "shape_difficulty": place * 7 % 11 / 11,
            "shape_stratum": TERCILES[place * 7 % 11 // 4],
            **_scores(tryon, photo),
        }  # fmt: skip
        if kind == "checkpoint":
            cloth = read_photo(root / "test" / "cloth" / pair.cloth)
            mask = read_photo(root / "test" / "cloth-mask" / pair.cloth)[..., :1]
            _save(Image.fromarray(np.dstack([cloth, mask])), folder / "warps" / f"{stem}.png")
            parse = np.array(Image.open(root / "test" / "image-parse" / f"{stem}.png"))
            row["warp_iou"] = _overlap(mask[..., 0] > 127, np.isin(parse, WORN_CLOTH))
            if head and pairing == "paired":
                predicted = np.where(rng.random(parse.shape) < 0.1, 0, parse).astype(np.uint8)
                picture = Image.fromarray(predicted)
                picture.putpalette([level for rgb in PALETTE for level in rgb])
                _save(picture, folder / "segmentation" / f"{stem}.png")
                row |= _counts(parse, predicted)
        rows.append(row)
    table = pd.DataFrame(rows)
    scores = [n for n in ("ssim", "psnr", "bleeding", "warp_iou") if n in table]
    distances = {p: {"fid": fid, "kid": fid / 1000} for p in ("official", "clean") if fid}
    trained = {"seed": seed, "steps": {"gmm": 200, "tom": 300}, "trained_on": "cafe"}
    system = {
        "kind": kind,
        "name": name,
        "arm": name,
        **trained,
        "checkpoint": checkpoint and str(checkpoint),
        "settings": {"tom.width": "8", "tom.aux": "true" if head else "false"},
    }
    if kind == "predictions":
        system |= dict.fromkeys((*trained, "arm", "settings")) | {"predictions": str(made)}
    summary = {
        "system": system,
        "data": {"root": str(root), "fingerprint": f"{pairing}-data"},
        "split": "test", "pairing": pairing, "truth": "photo" if pairing == "paired" else None,
        "size": list(photo.shape[:2]), "labels": "lip", "metric_settings": SETTINGS,
        "images": len(table), "features": "inception" if fid else None,
        "protocols": protocol_scores(table, scores, distances),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write_table(table, folder)
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def _save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _scores(tryon, photo):
    pair = [torch.from_numpy(x).permute(2, 0, 1)[None] / 255 for x in (tryon, photo)]
    error = ((pair[0] - pair[1]) ** 2).mean().item()
    return {
        "ssim": similarity(*pair).ssim.item(),
        "psnr": -10 * np.log10(error),
        "bleeding": min(1.0, error * 10),
    }


def _overlap(a, b):
    return float((a & b).sum() / (a | b).sum())


def _counts(true, predicted):
    counts = {}
    for kind, pixels in (
        ("true_", true),
        ("predicted_", predicted),
        ("inter_", true[true == predicted]),
    ):
        numbers = np.bincount(pixels.ravel(), minlength=len(LIP))
        counts |= {kind + name: int(n) for name, n in zip(LIP, numbers, strict=True)}
    return counts

"""Dress a data set with a try-on model: pictures, and scores where there is a truth."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from vton_aux.data.dataset import VITONDataset
from vton_aux.metrics.image import MS_SSIM_SIDE, paired_scores
from vton_aux.pictures import photo, save_png
from vton_aux.representation import to_unit
from vton_aux.stages.tom import TOMStage

METRIC_SETTINGS = {
    "range": "[0, 1], 8-bit pictures as written",
    "ssim": "torchmetrics, Gaussian 11, sigma 1.5, mean over the reflect-padded map",
    "ms_ssim": f"torchmetrics defaults, 5 scales; needs both sides above {MS_SSIM_SIDE} px",
    "psnr": "dB, mean of the images' values",
}


@torch.inference_mode()
def dress(
    stage: TOMStage, data: VITONDataset, output: Path, batch_size: int, device: torch.device,
    limit: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Write OUTPUT/images/PERSON.png for every sample; return a row a sample.

    Columns: person, cloth, pairing, and the scores of `paired_scores` where the data are paired.
    What is scored is the 8-bit picture that is written.
    """
    stage = stage.eval().to(device)
    samples = Subset(data, range(min(limit or len(data), len(data))))
    rows: list[dict[str, Any]] = []
    for batch in tqdm(DataLoader(samples, batch_size), desc=f"dressing {data.pairing}"):
        on_device = stage.transfer_batch_to_device(batch, device, 0)
        result = stage(on_device)
        pictures = photo(result.image)
        for name, picture in zip(batch["person_name"], pictures, strict=True):
            save_png(Image.fromarray(picture), output / "images" / f"{Path(name).stem}.png")
        scores: Mapping[str, torch.Tensor] = {}
        if data.pairing == "paired":
            written = (to_unit(result.image) * 255).round() / 255
            truth = on_device["person"].float() / 255
            scores = paired_scores(written, truth, batch["pairing"])
        for i, person in enumerate(batch["person_name"]):
            rows.append(
                {
                    "person": person,
                    "cloth": batch["cloth_name"][i],
                    "pairing": batch["pairing"][i],
                    **{name: float(values[i]) for name, values in scores.items()},
                }
            )
    return pd.DataFrame(rows)


def write_scores(table: pd.DataFrame, output: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write OUTPUT/scores.csv, then summary.json with the means; return the summary."""
    part = output / "scores.csv.part"
    table.to_csv(part, index=False)
    part.replace(output / "scores.csv")
    scored = [name for name in ("ssim", "ms_ssim", "psnr") if name in table]
    means = {name: float(table[name].mean()) for name in scored}
    summary = {
        **facts,
        "images": len(table),
        "scores": means or None,
        "metric_settings": METRIC_SETTINGS if means else None,
    }
    part = output / "summary.json.part"
    part.write_text(json.dumps(summary, indent=2) + "\n")
    part.replace(output / "summary.json")
    return summary

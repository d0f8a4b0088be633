"""Measure a run against what needs no learning, on its validation images.

    python experiments/first_light/measure.py RUN data/viton

RUN is a run folder of `vton-aux train experiment=first_light`. Writes results.json and curve.csv
beside this file: numbers alone, no picture of the data.
"""

import json
import sys
from pathlib import Path

import pandas as pd
import torch
import yaml
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.dataset import as_read
from vton_aux.metrics.image import paired_scores
from vton_aux.metrics.overlap import FREQUENT, mask_iou
from vton_aux.networks.tom import compose
from vton_aux.representation import TryOnInputs, to_unit
from vton_aux.stages.checkpoint import load_tryon

HERE = Path(__file__).parent


def mean_photo(module: VITONDataModule) -> Tensor:
    """The mean of all training photos, (3, H, W) in [0, 1]."""
    data = module.train_dataset()
    total = torch.zeros(3, *module.size, dtype=torch.float64)
    for batch in tqdm(DataLoader(data, 64, collate_fn=as_read), desc="mean training photo"):
        total += batch["person"].double().sum(0)
    return (total / (255 * len(data))).float()


def pasted_on_representation(inputs: TryOnInputs, cloth: Tensor, mask: Tensor) -> Tensor:
    """The warped cloth pasted on what I_p keeps of the photo (the head; the rest is black)."""
    head = inputs.tom_person[:, 1:4]
    return compose(cloth, head, (mask > 0.5).float())


@torch.inference_mode()
def main() -> None:
    run, root = Path(sys.argv[1]), Path(sys.argv[2])
    stage = load_tryon(run / "tom.ckpt")
    module = VITONDataModule(root, size=stage.context.size, labels=stage.context.labels)
    mean = mean_photo(module)
    rows: list[dict[str, float]] = []
    for batch in tqdm(DataLoader(module.val_dataset(), 16, collate_fn=as_read), desc="validation"):
        inputs = stage.representation(batch)
        result = stage.dress(inputs)
        warp = result.warp
        truth = to_unit(inputs.image)
        pasted = pasted_on_representation(inputs, warp.cloth, warp.mask)
        candidates = {
            "tom": to_unit(result.image),
            "mean_photo": mean.expand_as(truth),
            "pasted_on_representation": to_unit(pasted),
        }
        columns = {
            "gmm/warp_iou": mask_iou(warp.mask, inputs.worn_mask),
            "gmm/unwarped_iou": mask_iou(inputs.cloth_mask, inputs.worn_mask),
        }
        for name, image in candidates.items():
            for score, values in paired_scores(image, truth, batch["pairing"]).items():
                columns[f"{name}/{score}"] = values
        rows += pd.DataFrame({k: v.tolist() for k, v in columns.items()}).to_dict("records")
    means = pd.DataFrame(rows).mean()
    summary = json.loads((run / "summary.json").read_text())
    results = {
        "validation_images": len(rows),
        "size": stage.context.size,
        "data_fingerprint": stage.context.provenance["data"],
        "means": {name: round(float(value), 4) for name, value in means.items()},
        "expected_segmentation": {
            name: {
                "frequent_mean_iou": round(summary[name]["validation"]["segmentation_iou"], 4),
                "frequent": f"classes on at least {FREQUENT:.1%} of the pixels",
                "class_iou": {
                    label: None if value is None else round(value, 4)
                    for label, value in summary[name]["class_iou"].items()
                },
            }
            for name in ("gmm", "tom")
        },
        "seconds": {name: summary[name]["seconds"] for name in ("gmm", "tom")},
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    curve = pd.read_csv(run / "metrics.csv").round(5)
    keep = curve.filter(like="val/").notna().any(axis=1) | (curve["step"] % 500 == 499)
    curve[keep].to_csv(HERE / "curve.csv", index=False)
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"]["root"], config["store"] = "DIR", "runs/stages"
    (HERE / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    print(json.dumps(results["means"], indent=2))


if __name__ == "__main__":
    main()

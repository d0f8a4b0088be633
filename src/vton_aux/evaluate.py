"""`vton-aux evaluate`: dress the test set, and score it where it is paired.

OUTPUT/images/PERSON.png   the try-on pictures
OUTPUT/scores.csv          a row a sample
OUTPUT/summary.json        means, and what they came from; written last
"""

from pathlib import Path
from typing import Any, cast

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from vton_aux.config import EvaluateConfig
from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.layout import Pairing
from vton_aux.device import pick_device
from vton_aux.errors import UserError
from vton_aux.evaluation.dress import dress, write_scores
from vton_aux.stages.checkpoint import load_tryon
from vton_aux.train import prepare_data


def evaluate(config: EvaluateConfig, size_asked: bool = False) -> dict[str, Any]:
    """Evaluate a try-on model; return what OUTPUT/summary.json holds.

    Args:
        size_asked: whether the person gave data.size, which then must be the checkpoint's.

    Raises:
        UserError: the checkpoint, the data or a value is wrong.
    """
    if config.pairing not in ("paired", "unpaired"):
        raise UserError(f"pairing={config.pairing}: choose paired or unpaired")
    if config.split not in ("test", "val"):
        raise UserError(f"split={config.split}: choose test or val")
    if config.split == "val" and config.pairing == "unpaired":
        raise UserError("split=val is paired; the unpaired pairs are those of split=test")
    if config.batch_size < 1 or (config.limit is not None and config.limit < 1):
        raise UserError("batch_size and limit must be at least 1")
    checkpoint = Path(config.checkpoint)
    stage = load_tryon(checkpoint)
    context = stage.context
    if size_asked and list(config.data.size) != context.size:
        raise UserError(
            f"data.size={config.data.size}: the checkpoint was trained at {context.size}"
        )
    prepare_data(config.data)
    module = VITONDataModule(
        config.data.root,
        size=context.size,
        labels=context.labels,
        val_fraction=config.data.val_fraction,
        split_seed=config.data.split_seed,
        pairing=cast(Pairing, config.pairing),
    )
    data = module.test_dataset() if config.split == "test" else module.val_dataset()
    output = Path(config.output)
    (output / "summary.json").unlink(missing_ok=True)
    table = dress(stage, data, output, config.batch_size, pick_device(config.device), config.limit)
    facts = {
        "checkpoint": str(checkpoint.resolve()),
        "trained_on": context.provenance,
        "data": str(module.root.resolve()),
        "split": config.split,
        "pairing": config.pairing,
        "size": context.size,
        "torch": torch.__version__,
    }
    return write_scores(table, output, facts)


def main(raw: Any) -> None:
    """The job that Hydra calls with the composed configuration."""
    config = cast(EvaluateConfig, OmegaConf.to_object(raw))
    overrides = HydraConfig.get().overrides.task
    summary = evaluate(config, size_asked=any(o.startswith("data.size=") for o in overrides))
    size = "x".join(map(str, summary["size"]))
    print(f"{summary['images']} {config.pairing} {config.split} images at {size}")
    for name, value in (summary["scores"] or {}).items():
        print(f"  {name:8s} {value:.4f}")
    print(f"results: {config.output}")

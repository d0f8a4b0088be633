"""`vton-aux tryon`: dress one person in one cloth."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image

from vton_aux.config import TryOnConfig, typed
from vton_aux.data.dataset import tensors_of
from vton_aux.data.layout import SampleFiles
from vton_aux.data.sample import read_sample, stacked, warn_of_other_shape
from vton_aux.device import pick_device, warn_of_slowness
from vton_aux.errors import UserError
from vton_aux.files import check_writable
from vton_aux.pictures import photo, save_png, segmentation_picture, sheet, tom_columns
from vton_aux.stages.checkpoint import load_tryon
from vton_aux.stages.inference import ready


@torch.inference_mode()
def tryon(config: TryOnConfig) -> tuple[Path, Path]:
    """Write the sheet to `output` and the try-on alone beside it; return both paths.

    The sheet shows the inputs, the warp, the rendered person, the mask, the try-on and, where the
    model has the head, the predicted segmentation.

    Raises:
        UserError: a file is missing or broken, the files do not fit each other, or `output` cannot
            be written.
    """
    output = Path(config.output)
    if output.suffix != ".png":
        raise UserError(f"output={output}: give a name that ends in .png")
    alone = output.with_name(f"{output.stem}_alone.png")
    for path in (output, alone):
        check_writable(path)
    device = pick_device(config.device)
    stage = load_tryon(Path(config.checkpoint)).to(device)
    region = ready(stage, config.precision)
    warn_of_slowness(device, config.precision)
    files = SampleFiles(
        image=Path(config.person),
        parse=Path(config.parse),
        pose=Path(config.pose),
        cloth=Path(config.cloth),
        cloth_mask=None if config.cloth_mask is None else Path(config.cloth_mask),
    )
    size = (stage.context.size[0], stage.context.size[1])
    for path in (files.image, files.cloth):
        warn_of_other_shape(path, size)
    sample = read_sample(files, size, len(stage.labels.class_of))
    if not sample["cloth_mask"].any():
        raise UserError(f"{files.cloth_mask or files.cloth}: no cloth in it; give cloth_mask=FILE")
    batch = stage.transfer_batch_to_device(tensors_of(stacked([sample])), device, 0)
    inputs = stage.representation(batch)
    with region:
        result = stage.dress(inputs, segment=True)
    columns = tom_columns(inputs, result)
    if result.expected_segmentation is not None:
        classes = result.expected_segmentation.argmax(1)
        columns["M_exp"] = segmentation_picture(classes, stage.labels)
    save_png(Image.fromarray(photo(result.image)[0]), alone)
    save_png(sheet(columns), output)
    return output, alone


def main(raw: Any) -> None:
    """The job that Hydra calls with the composed configuration."""
    config: TryOnConfig = typed(raw)
    output, alone = tryon(config)
    print(f"sheet: {output}\ntry-on alone: {alone}")

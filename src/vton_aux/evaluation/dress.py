"""Dress a data set with a try-on model: pictures on disk, which `score` reads.

OUTPUT/inputs.json              what is dressed, with which model
OUTPUT/images/PERSON.png        I_try-on
OUTPUT/warps/PERSON.png         the warped cloth, its mask as the alpha channel
OUTPUT/segmentation/PERSON.png  M_exp as palette indices of the classes (with the head)

A picture that stands there already is not made again, so a killed evaluation goes on.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from tqdm import tqdm

from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.dataset import VITONDataset, as_read
from vton_aux.data.packed import PackedSplit
from vton_aux.device import pick_device
from vton_aux.errors import UserError, one_line
from vton_aux.files import write_json
from vton_aux.pictures import mask_picture, photo, save_png
from vton_aux.stages.checkpoint import load_tryon
from vton_aux.stages.inference import choose_kernels, ready
from vton_aux.stages.tom import TOMStage
from vton_aux.threads import cores, in_threads

INPUTS = "inputs.json"
DONE = "images"  # written last: a sample whose picture stands there is done
Made = tuple[str, dict[str, Image.Image]]  # a person's name without suffix; its picture by folder


def evaluation_data(inputs: dict[str, Any]) -> VITONDataset:
    """The samples that `inputs` (see `claim`) name, without a limit.

    Raises:
        UserError: the folder, a pair list or a file is missing or malformed, or a person stands
            twice in the list, so that one picture would overwrite the other.
    """
    module = VITONDataModule(
        inputs["root"],
        size=inputs["size"],
        labels=inputs["labels"],
        val_fraction=inputs["val_fraction"],
        split_seed=inputs["split_seed"],
        pairing=inputs["pairing"],
    )
    data = module.test_dataset() if inputs["split"] == "test" else module.val_dataset()
    persons = [pair.person for pair in data.pairs]
    if len(set(persons)) < len(persons):
        twice = next(name for name in persons if persons.count(name) > 1)
        raise UserError(f"{module.root}: {twice} stands twice among the {inputs['split']} pairs")
    data.pairs = data.pairs[: inputs["limit"]]
    return data


def claim(output: Path, inputs: dict[str, Any]) -> None:
    """Make `output` the folder of this evaluation.

    Raises:
        UserError: another evaluation lies there.
    """
    path = output / INPUTS
    if path.is_file() and json.loads(path.read_text()) != inputs:
        raise UserError(f"output={output}: holds another evaluation; give a new folder")
    if not path.is_file() and output.is_dir() and any(output.iterdir()):
        raise UserError(f"output={output}: is not empty and no evaluation; give a new folder")
    write_json(path, inputs)


def dress(
    output: Path, device: str, rank: int = 0, world: int = 1, packed: Path | None = None
) -> None:
    """Write the pictures of OUTPUT/inputs.json that do not stand there yet.

    Process `rank` of `world` takes every `world`-th batch whole, so the pictures are the same
    whatever the number of processes. Samples come from the folder `packed` where there is one.

    Raises:
        UserError: the checkpoint, the data or the device is wrong.
    """
    inputs = json.loads((output / INPUTS).read_text())
    stage = load_tryon(Path(inputs["checkpoint"])).to(pick_device(device, rank))
    choose_kernels(inputs["precision"])
    region = ready(stage, inputs["precision"], inputs["compile"])
    data = evaluation_data(inputs)
    data.packed = PackedSplit(packed) if packed else None
    size = inputs["batch_size"]
    batches = [list(range(i, min(i + size, len(data)))) for i in range(0, len(data), size)]
    own = batches[rank::world]
    todo = [batch for batch in own if not all(_picture(output, data, i).is_file() for i in batch)]
    loader = DataLoader(data, batch_sampler=todo, collate_fn=as_read)
    bar = tqdm(
        total=len(own), initial=len(own) - len(todo), desc=f"dressing {data.pairing}", unit="batch",
        disable=rank > 0,
    )  # fmt: skip
    with bar, torch.inference_mode(), region:
        made = _made(stage, loader, bar)
        for _ in in_threads(partial(_write, output), made, max(1, cores() // world)):
            pass


def _made(stage: TOMStage, loader: Iterable[dict[str, Any]], bar: "tqdm[Any]") -> Iterator[Made]:
    for batch in loader:
        yield from _dress_batch(stage, batch)
        bar.update()


def _dress_batch(stage: TOMStage, batch: dict[str, Any]) -> Iterator[Made]:
    result = stage(stage.transfer_batch_to_device(batch, stage.device, 0), segment=True)
    made: dict[str, list[Image.Image]] = {}
    if result.expected_segmentation is not None:
        classes = result.expected_segmentation.argmax(1).byte().cpu().numpy()
        made["segmentation"] = [Image.fromarray(indices) for indices in classes]
        for picture in made["segmentation"]:
            picture.putpalette([level for rgb in stage.labels.colours for level in rgb])
    warps = zip(photo(result.warp.cloth), mask_picture(result.warp.mask), strict=True)
    made["warps"] = [Image.fromarray(np.dstack([cloth, mask[..., :1]])) for cloth, mask in warps]
    made[DONE] = [Image.fromarray(pixels) for pixels in photo(result.image)]
    for name, *pictures in zip(batch["person_name"], *made.values(), strict=True):
        yield Path(name).stem, dict(zip(made, pictures, strict=True))


def _write(output: Path, made: Made) -> None:
    stem, pictures = made
    for folder in sorted(pictures, key=DONE.__eq__):
        save_png(pictures[folder], output / folder / f"{stem}.png")


def _picture(output: Path, data: VITONDataset, sample: int) -> Path:
    return output / DONE / f"{Path(data.pairs[sample].person).stem}.png"


def main(arguments: Sequence[str]) -> int:
    """One of several: `python -m vton_aux.evaluation.dress OUTPUT DEVICE RANK WORLD [PACKED]`."""
    output, device, rank, world, *packed = arguments
    try:
        dress(Path(output), device, int(rank), int(world), *map(Path, packed))
    except (UserError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

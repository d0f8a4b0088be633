"""Score pictures on disk against a data set: one row a sample, whoever made the pictures."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from vton_aux.data.dataset import VITONDataset
from vton_aux.data.labels import WORN_CLOTH
from vton_aux.data.sample import read_photo, resize_photo
from vton_aux.errors import UserError
from vton_aux.evaluation.features import SetDistance
from vton_aux.evaluation.protocol import PROTOCOLS, test_flags, validation_flags
from vton_aux.evaluation.summary import COMMON, PREDICTED, TRUE
from vton_aux.files import read_object
from vton_aux.metrics.image import image_scores
from vton_aux.metrics.overlap import mask_iou
from vton_aux.metrics.regions import region_scores
from vton_aux.metrics.similarity import similarity
from vton_aux.metrics.strata import (
    OCCLUDED,
    pose_difficulty,
    self_occlusion,
    shape_difficulty,
    terciles,
)
from vton_aux.representation import label_mask
from vton_aux.threads import cores, in_threads, one_core_each

METRIC_SETTINGS = {
    "range": "[0, 1], 8-bit pictures as written, nothing resized",
    "ssim": "Gaussian 11, sigma 1.5, mean over the mirrored map (torchmetrics' convention)",
    "ssim_valid": "the same without the 5-pixel border (Wang's and scikit-image's)",
    "ms_ssim": "5 scales, negative terms as 0 (torchmetrics' defaults); both sides above 160 px",
    "psnr": "dB, mean of the images' values, each at most 100",
    "regions": "garment 5-7; skin 13-17 and neck; background 0; band 3 px at height 256",
    "bleeding": "garment and skin pixels within 3 px (at height 256) of each other that are nearer "
    "the other's mean colour (photo, 13 x 13), where the two differ by 0.1; the photo scores 0",
    "background_bleeding": "the same between background and garment or skin",
    "strata": "occluded: arms cover over 8 % of the torso; pose, shape: terciles, unknown where a "
    "mask is broken",
    "kid": "mean of 100 random subsets of at most 1,000 pictures",
}
BATCH = 16
SUFFIXES = (".png", ".jpg", ".jpeg")


def find_predictions(folder: Path, data: VITONDataset) -> list[Path]:
    """The picture of each sample of `data`: FOLDER/PERSON.png (or .jpg), of the data's size.

    Nothing is resized. Only headers are read here, so all that is wrong is told at once.

    Raises:
        UserError: the folder or a picture is missing, two files have one name, a picture has
            another size, is no 8-bit picture, has transparent pixels or cannot be read, or the
            folder was written by an evaluation of the other pairing.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder of pictures")
    for place in (folder, folder.parent):
        inputs = place / "inputs.json"
        if read_object(inputs).get("pairing") not in (None, data.pairing):
            raise UserError(f"{folder}: these pictures are not {data.pairing}, {inputs} says")
    found = pictures_by_stem(folder)
    stems = [Path(pair.person).stem for pair in data.pairs]
    missing = [stem for stem in stems if stem not in found]
    if missing:
        raise UserError(
            f"{folder}: {len(missing)} of {len(stems)} pictures are missing, the first is "
            f"{missing[0]}.png; every person of the {data.pairing} pairs needs one"
        )
    pictures = [found[stem] for stem in stems]
    sizes = {path: _size(path) for path in pictures}
    others = [path for path, size in sizes.items() if size != data.size]
    if others:
        height, width = sizes[others[0]]
        raise UserError(
            f"{others[0]}: {height}x{width}, but data.size is {data.size[0]}x{data.size[1]} "
            f"({len(others)} of {len(pictures)} pictures differ); nothing is resized here"
        )
    return pictures


def pictures_by_stem(folder: Path) -> dict[str, Path]:
    """The pictures in `folder` by their names without the suffix.

    Raises:
        UserError: two of them have one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            if path.stem in found:
                raise UserError(f"{path}: {found[path.stem].name} is a picture of the same person")
            found[path.stem] = path
    return found


def score(
    data: VITONDataset,
    pictures: Sequence[Path],
    output: Path,
    truth: Path | None = None,
    features: nn.Module | None = None,
    lpips: nn.Module | None = None,
) -> tuple[pd.DataFrame, list[str], dict[str, dict[str, float]]]:
    """The per-image table, the names of its score columns, and FID and KID by protocol.

    Paired samples are compared with their photo. Unpaired ones have no truth but on synthetic
    data, where `truth` is the folder of the true pictures. What OUTPUT/warps and
    OUTPUT/segmentation hold is scored too.

    Args:
        data: the samples, in the order of the rows.
        pictures: the 8-bit picture of each.
        output: an evaluation's folder.
        truth: folder of PERSON.jpg, the true picture of each unpaired sample; resized as photos
            are.
        features: of FID and KID, see `features.build_features`.
        lpips: see `features.build_lpips`.

    Raises:
        UserError: a picture cannot be read; the message names it.
    """
    flags = _flags(data)
    distances = _Distances(flags, features)
    rows: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    batches = [range(i, min(i + BATCH, len(data))) for i in range(0, len(data), BATCH)]

    @torch.inference_mode()
    def scored(samples: range) -> tuple[Tensor, Tensor, list[str], dict[str, Any]]:
        batch = data.__getitems__(samples)
        made = torch.stack([_read(pictures[i], data.size) for i in samples])
        scores = _scores(batch, made, output, truth, lpips)
        columns = {**_strata(batch), **scores, **_segmentation(batch, output, data)}
        return batch["person"], made, [*scores], columns

    bar = tqdm(total=len(data), desc=f"scoring {data.pairing}", unit="image")
    with bar, torch.inference_mode(), one_core_each() as begin:
        results = in_threads(scored, batches, cores(), begin)
        for samples, (persons, made, own, columns) in zip(batches, results, strict=True):
            names |= dict.fromkeys(own)
            rows += _rows(columns, len(samples))
            distances.update(persons, made, samples.start)
            bar.update(len(samples))
    table = pd.concat([flags, pd.DataFrame(rows)], axis=1)
    for kind in ("pose", "shape"):
        stratum = terciles(table[f"{kind}_difficulty"].to_numpy())
        at = int(table.columns.get_loc(f"{kind}_difficulty")) + 1  # type: ignore[arg-type]
        table.insert(at, f"{kind}_stratum", stratum)
    return table, list(names), distances.compute()


def _flags(data: VITONDataset) -> pd.DataFrame:
    if data.split == "train":
        return validation_flags(data.pairs)
    return test_flags(data.root, data.pairs, data.pairing)


def _scores(
    batch: Mapping[str, Any], made: Tensor, output: Path, truth: Path | None,
    lpips: nn.Module | None,
) -> dict[str, Tensor]:  # fmt: skip
    prediction, photo = made.float() / 255, batch["person"].float() / 255
    stems = [Path(name).stem for name in batch["person_name"]]
    if truth is not None:
        size = (made.shape[-2], made.shape[-1])
        photos = [resize_photo(read_photo(truth / f"{stem}.jpg"), size) for stem in stems]
        true = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float() / 255
        return image_scores(prediction, true, similarity(prediction, true))
    if "unpaired" in batch["pairing"]:
        return {}
    alike = similarity(prediction, photo)
    scores = image_scores(prediction, photo, alike)
    parse = batch["parse"].long()
    if lpips is not None:
        device = next(lpips.parameters()).device
        scores["lpips"] = lpips(prediction.to(device), photo.to(device)).cpu()
    scores |= region_scores(prediction, photo, parse, alike.ssim_map)
    warps = [output / "warps" / f"{stem}.png" for stem in stems]
    if all(path.is_file() for path in warps):
        masks = torch.stack([torch.from_numpy(read_pixels(path)[..., 3]) for path in warps])
        scores["warp_iou"] = mask_iou(masks[:, None].float() / 255, label_mask(parse, WORN_CLOTH))
    return scores


def _strata(batch: Mapping[str, Any]) -> dict[str, Any]:
    parses, joints = batch["parse"].numpy(), batch["joints"].numpy()
    masks = batch["cloth_mask"][:, 0].numpy() > 0
    worn = np.isin(parses, WORN_CLOTH)
    occlusion = [self_occlusion(*sample) for sample in zip(parses, joints, worn, strict=True)]
    return {
        "self_occlusion": occlusion,
        "occluded": [None if math.isnan(value) else value > OCCLUDED for value in occlusion],
        "pose_difficulty": [pose_difficulty(j) for j in joints],
        "shape_difficulty": [shape_difficulty(m, w) for m, w in zip(masks, worn, strict=True)],
    }


def _segmentation(batch: Mapping[str, Any], output: Path, data: VITONDataset) -> dict[str, Any]:
    """Pixels of each class in the parse, in M_exp and in both; nothing without M_exp."""
    paths = [output / "segmentation" / f"{Path(n).stem}.png" for n in batch["person_name"]]
    if "unpaired" in batch["pairing"] or not all(path.is_file() for path in paths):
        return {}
    labels = data.labels
    count = len(labels.classes)
    true = np.array(labels.class_of)[batch["parse"].numpy()]
    columns: dict[str, list[int]] = {}
    for classes, path in zip(true, paths, strict=True):
        predicted = read_pixels(path)
        same = classes[classes == predicted]
        for kind, pixels in ((TRUE, classes), (PREDICTED, predicted), (COMMON, same)):
            counts = np.bincount(pixels.ravel(), minlength=count)
            for name, number in zip(labels.classes, counts, strict=True):
                columns.setdefault(kind + name, []).append(int(number))
    return columns


def _rows(columns: Mapping[str, Any], size: int) -> Iterator[dict[str, Any]]:
    plain = {k: v.tolist() if isinstance(v, Tensor) else v for k, v in columns.items()}
    for i in range(size):
        yield {name: values[i] for name, values in plain.items()}


class _Distances:
    """FID and KID of every protocol of two images or more; features are computed once."""

    def __init__(self, flags: pd.DataFrame, features: nn.Module | None) -> None:
        self.features = features
        self.members = {
            name: torch.tensor(flags[name].to_numpy())
            for name in PROTOCOLS
            if name in flags and flags[name].sum() > 1
        }
        self.sets: dict[str, SetDistance] = {}

    def update(self, true: Tensor, made: Tensor, first: int) -> None:
        if self.features is None:
            return
        device = next((t.device for t in (*self.features.parameters(), *self.features.buffers())),
                      torch.device("cpu"))  # fmt: skip
        both = [self.features(images.to(device)).cpu() for images in (true, made)]
        for name, members in self.members.items():
            chosen = members[first : first + len(true)]
            if name not in self.sets:
                self.sets[name] = SetDistance(both[0].shape[1], int(members.sum()))
            if chosen.any():
                self.sets[name].update(both[0][chosen], both[1][chosen])

    def compute(self) -> dict[str, dict[str, float]]:
        return {name: distance.compute() for name, distance in self.sets.items()}


def _size(path: Path) -> tuple[int, int]:
    """Height and width of a picture that has 8 bits a channel and nothing to see through."""
    try:
        with Image.open(path) as image:
            if image.mode not in ("RGB", "RGBA", "L", "LA", "P"):
                raise UserError(f"{path}: mode {image.mode} of Pillow; 8-bit RGB is scored")
            seen_through = image.has_transparency_data and image.convert("RGBA").getchannel("A")
            if seen_through and np.asarray(seen_through).min() < 255:
                raise UserError(f"{path}: has transparent pixels, which have no colour to score")
            return image.height, image.width
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: the picture cannot be read ({error})") from None


def _read(path: Path, size: tuple[int, int]) -> Tensor:
    """(3, H, W) uint8.

    Raises:
        UserError: the picture is missing, broken or of another size.
    """
    picture = read_photo(path)
    if picture.shape[:2] != size:
        raise UserError(f"{path}: {picture.shape[:2]} (height, width) instead of {size}")
    return torch.from_numpy(picture).permute(2, 0, 1)


def read_pixels(path: Path) -> npt.NDArray[np.uint8]:
    """The picture's own pixels: palette indices stay indices, an alpha channel stays.

    Raises:
        UserError: it is missing or broken.
    """
    try:
        with Image.open(path) as image:
            return np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: the picture cannot be read ({error})") from None

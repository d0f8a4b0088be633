"""The data set on disk, in the layout of VITON."""

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from vton_aux.data.labels import PALETTE
from vton_aux.data.layout import FOLDERS, Split
from vton_aux.data.synthetic.body import Body
from vton_aux.data.synthetic.garment import draw_garment
from vton_aux.data.synthetic.geometry import Frame, UInt8
from vton_aux.data.synthetic.person import Person, draw_person
from vton_aux.data.synthetic.render import photograph
from vton_aux.data.synthetic.shop import Shop, lay_flat
from vton_aux.errors import UserError
from vton_aux.files import whole_folder

UNPAIRED = "image-unpaired"
_QUALITY = 95


def write_dataset(
    root: Path,
    *,
    train: int,
    test: int,
    seed: int = 0,
    size: tuple[int, int] = (256, 192),
    progress: bool = True,
) -> None:
    """Draw a data set of `train` and `test` people into the new folder `root`.

    Sample k is the same whatever the counts. Besides VITON's files, `root/test/image-unpaired`
    holds the true image of each line of `test_pairs.txt`: that person in that cloth.

    Args:
        root: must not exist, or be an empty folder.
        train, test: numbers of samples; the test ids follow those of training.
        seed: of everything.
        size: (height, width) in pixels of all pictures.
        progress: whether to show a progress bar.

    Raises:
        UserError: `root` is not empty, or a number makes no sense.
    """
    _check(root, train, test, seed, size)
    with whole_folder(root.resolve()) as partial:
        for split in ("train", "test"):
            for name in FOLDERS:
                (partial / split / name).mkdir(parents=True)
        (partial / "test" / UNPAIRED).mkdir()
        bar = tqdm(total=train + test, desc="synthetic VITON", unit="sample", disable=not progress)
        with bar:
            for k in range(train):
                _write_sample(partial, "train", seed, k, size)
                bar.update()
            others = _derangement(seed, train, test)
            for k, other in zip(range(train, train + test), others, strict=True):
                _write_sample(partial, "test", seed, k, size, other)
                bar.update()
        own = [f"{_name(k)}_0.jpg {_name(k)}_1.jpg\n" for k in range(train)]
        (partial / "train_pairs.txt").write_text("".join(own))
        pairs = zip(range(train, train + test), others, strict=True)
        unpaired = [f"{_name(k)}_0.jpg {_name(other)}_1.jpg\n" for k, other in pairs]
        (partial / "test_pairs.txt").write_text("".join(unpaired))


def _check(root: Path, train: int, test: int, seed: int, size: tuple[int, int]) -> None:
    if train < 1:
        raise UserError(f"train={train}: a data set needs at least one training sample")
    if test != 0 and test < 2:
        raise UserError(f"test={test}: give 0, or at least 2 so that each can wear another's cloth")
    if seed < 0:
        raise UserError(f"seed={seed}: must not be negative")
    if len(size) != 2 or not all(isinstance(n, int) and n > 0 for n in size):
        raise UserError(f"size={size}: must be a positive height and width")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"{root}: exists and is not an empty folder; give a new one")


def _derangement(seed: int, first: int, count: int) -> list[int]:
    """For each id from `first` on, another one; every id once."""
    ids = first + np.random.default_rng((seed, 1)).permutation(count)
    following = dict(zip(ids.tolist(), np.roll(ids, -1).tolist(), strict=True))
    return [following[k] for k in sorted(following)]


def _name(k: int) -> str:
    return f"{k:06d}"


def _write_sample(
    root: Path,
    split: Split,
    seed: int,
    k: int,
    size: tuple[int, int],
    other: int | None = None,
) -> None:
    """Write the files of sample `k`, and its picture in the cloth of `other`."""
    folders = {name: root / split / name for name in (*FOLDERS, UNPAIRED)}
    person, shop = draw_person((seed, k, 0)), _shop(seed, k, size)
    photo = photograph(person, shop, *size)
    person_name, cloth_name = f"{_name(k)}_0", f"{_name(k)}_1.jpg"
    _write_jpeg(folders["image"] / f"{person_name}.jpg", photo.image)
    _write_jpeg(folders["cloth"] / cloth_name, shop.picture)
    _write_jpeg(folders["cloth-mask"] / cloth_name, shop.mask)
    parse = Image.fromarray(photo.parse)
    parse.putpalette([level for colour in PALETTE[:20] for level in colour])
    parse.save(folders["image-parse"] / f"{person_name}.png", compress_level=1)
    pose = json.dumps({"version": 1.0, "people": [{"pose_keypoints": _keypoints(person, size)}]})
    (folders["pose"] / f"{person_name}_keypoints.json").write_text(pose)
    if other is not None:
        truth = photograph(person, _shop(seed, other, size), *size)
        _write_jpeg(folders[UNPAIRED] / f"{person_name}.jpg", truth.image)


def _shop(seed: int, k: int, size: tuple[int, int]) -> Shop:
    return lay_flat(draw_garment((seed, k, 1)), *size)


def _keypoints(person: Person, size: tuple[int, int]) -> list[float]:
    """COCO-18 joints as x, y, confidence in pixels; 0, 0, 0 where undetected or off the picture."""
    rng = np.random.default_rng((*person.seed, 5))
    points = Frame(*size).to_pixels(Body(person).joints())
    last = np.array([size[1] - 1, size[0] - 1])
    found = np.asarray(((points >= 0) & (points <= last)).all(1))
    found[list(person.pose.undetected)] = False
    confidence = rng.uniform(0.5, 0.95, len(points))
    joints = np.column_stack([points, confidence]) * found[:, None]
    return [round(float(v), 3) for v in joints.ravel()]


def _write_jpeg(path: Path, pixels: UInt8) -> None:
    image = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])

"""What unpaired FID tells, on synthetic people whose true try-on is known.

    python experiments/unpaired_truth/measure.py [RUN ...]

Systems that need no training, and the runs of `vton-aux train` that are given, dress 256 synthetic
test people in other cloths. Writes results.csv beside this file: FID and KID as for real data,
and SSIM and PSNR against the true picture, which no real data set has.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from vton_aux.data.layout import read_pairs
from vton_aux.data.sample import read_photo
from vton_aux.data.synthetic import write_dataset
from vton_aux.evaluation.runs import find_evaluations

HERE = Path(__file__).parent
WORK = Path("runs/unpaired_truth")
FEATURES = "vton_aux.evaluation.features:random_vgg"
Picture = np.ndarray

SYSTEMS: dict[str, Callable[[Picture, Picture], Picture]] = {
    "truth": lambda photo, truth: truth,
    "truth, blurred": lambda photo, truth: cv2.GaussianBlur(truth, (0, 0), 2.0),
    "truth, shifted 2 px": lambda photo, truth: np.roll(truth, 2, axis=1),
    "does nothing": lambda photo, truth: photo,
}


def evaluate(system: str, name: str, output: Path) -> None:
    command = ["evaluate", system, f"name='{name}'", "pairing=unpaired", f"features={FEATURES}"]
    where = [f"data.root={WORK / 'data'}", "data.size=[128,96]", f"output={output}"]
    subprocess.run([sys.executable, "-m", "vton_aux", *command, *where], check=True)


def main() -> None:
    data = WORK / "data"
    if not data.is_dir():
        write_dataset(data, train=2, test=256, seed=1, size=(128, 96))
    outputs = []
    for number, (name, made) in enumerate(SYSTEMS.items()):
        folder = WORK / f"pictures{number}"
        folder.mkdir(exist_ok=True)
        for pair in read_pairs(data, "test"):
            photo = read_photo(data / "test" / "image" / pair.person)
            truth = read_photo(data / "test" / "image-unpaired" / pair.person)
            Image.fromarray(made(photo, truth)).save(folder / f"{Path(pair.person).stem}.png")
        outputs.append(WORK / f"scores{number}")
        evaluate(f"predictions={folder}", name, outputs[-1])
    for run in sys.argv[1:]:
        outputs.append(WORK / f"scores_{Path(run).name}")
        evaluate(f"checkpoint={Path(run) / 'tom.ckpt'}", Path(run).name, outputs[-1])
    rows = []
    for evaluation in find_evaluations(outputs):
        scores = evaluation.summary["protocols"]["official"]
        means = {name: scores["means"][name] for name in ("ssim", "psnr")}
        distances = {name: scores[name] for name in ("fid", "kid")}
        rows.append({"system": evaluation.name, "images": scores["images"], **distances, **means})
    table = pd.DataFrame(rows).round(4)
    table.to_csv(HERE / "results.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

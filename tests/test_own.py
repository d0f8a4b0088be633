"""What docs/own.md shows does what it says."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from command_line import vton_aux
from tiny import TINY
from vton_aux import ablation
from vton_aux.data.labels import LIP, NECK
from vton_aux.data.synthetic import write_dataset

OWN = (Path(__file__).parents[1] / "docs" / "own.md").read_text()
(ARM,) = re.findall(r"```yaml\n(.*?)```", OWN, flags=re.S)
(STUDY,) = re.findall(r"```bash\n(.*?)```", OWN, flags=re.S)
LABELS, SCORES = re.findall(r"```python\n(.*?)```", OWN, flags=re.S)


@pytest.mark.slow
@pytest.mark.usefixtures("stages_here")
def test_a_study_of_ones_own_and_its_scores_in_python(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "myconf" / "arm").mkdir(parents=True)
    (tmp_path / "myconf" / "arm" / "no_background.yaml").write_text(ARM)
    root = tmp_path / "viton"
    write_dataset(root, train=6, test=4, seed=0, size=(128, 96), progress=False)

    def here(*words: str, quiet: bool = False) -> None:
        outcome = vton_aux(capfd, *words)
        assert outcome.status == 0, outcome.err

    monkeypatch.setattr(ablation, "_vton_aux", here)  # processes of its own take most of the time
    command, *words = STUDY.replace("DIR", str(root)).replace("0,1", "0").split()[1:]
    assert command == "ablation"
    ablation.main([*words, *TINY])
    table = (tmp_path / "runs" / "own" / "table1.md").read_text()
    assert "no_background and only TOM differ in tom.background_weight (1.0 against 2.0)" in table
    run = tmp_path / "runs" / "own" / "no_background_seed0"
    found: dict = {}
    exec(SCORES.replace("RUN", str(run)).replace("DIR", str(root)), found)
    assert found["result"].image.shape == (4, 3, 128, 96)
    assert found["result"].image.dtype == torch.float32
    assert len(found["scores"]) == 8  # four people, paired and unpaired


def test_other_labels_become_lips(tmp_path):
    folder = tmp_path / "train" / "image-parse"
    folder.mkdir(parents=True)
    Image.fromarray(np.arange(18, dtype=np.uint8)[None]).save(folder / "a.png")
    found: dict = {}
    exec(LABELS.replace("DIR", str(tmp_path)), found)
    names = [LIP[label] for label in np.array(Image.open(folder / "a.png"))[0]]
    # those of ATR, as its parsers name them
    assert names == [
        "background", "hat", "hair", "sunglasses", "upper clothes", "skirt", "pants", "dress",
        "background", "left shoe", "right shoe", "face", "left leg", "right leg", "left arm",
        "right arm", "background", "scarf",
    ]  # fmt: skip
    assert found["CIHP"] == [*range(10), NECK, *range(11, 20)]

"""`make demo`: two of its three arms, on synthetic data, with tiny settings."""

import re
from pathlib import Path

import pytest

from command_line import vton_aux
from tiny import TINY
from vton_aux import ablation

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("stages_here")
def test_the_demo_makes_what_it_says(tmp_path, monkeypatch, capfd):
    """Its commands run here, one after the other; the README's ablation starts them as it does."""
    said = []

    def run(command, quiet):
        outcome = vton_aux(capfd, *command[3:])
        said.append(outcome.err)
        return [outcome.status]

    monkeypatch.setattr(ablation, "run", run)
    monkeypatch.chdir(tmp_path)
    few = ("data.generate.train=6", "data.generate.test=6", "val_every=2")
    tiny = [override for override in TINY if override not in ("gmm=small", "tom=small")]
    outcome = vton_aux(capfd, "demo", "--arms", "baseline,both", *tiny, *few)
    assert outcome.status == 0, (said, outcome.err)
    demo = tmp_path / "runs" / "demo"
    assert (demo / "table1.md").read_text().partition("**Against")[0] in outcome.out
    for name in ("CP-VTON", "only TOM", "Both", "SSIM", "PSNR", "FID"):
        assert name in outcome.out
    assert str(Path("runs/demo/report.html")) in outcome.out
    assert "<html" in (demo / "report.html").read_text()
    assert (demo / "figures" / "figure3.png").is_file()
    for notebook in (Path(__file__).parents[1] / "notebooks").glob("*.ipynb"):
        for named in re.findall(r"\.\./(runs/demo[\w/]*)", notebook.read_text()):
            assert (tmp_path / named).is_dir(), f"{notebook.name}: {named}"

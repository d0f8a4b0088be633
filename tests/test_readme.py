"""Every command of the README runs, on a small synthetic data set and with tiny settings."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from command_line import vton_aux
from tiny import TINY
from vton_aux.config import config_folder, register
from vton_aux.data.layout import read_pairs
from vton_aux.data.synthetic import write_dataset

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, flags=re.S)
    for line in block.splitlines()
    if line.split("#")[0].strip()
]


def vton_aux_commands() -> list[str]:
    return [command for command in COMMANDS if command.startswith("vton-aux")]


def test_the_two_commands_come_first_and_all_others_are_ours():
    assert COMMANDS[:2] == ["make demo", "make test"]
    assert vton_aux_commands() == COMMANDS[2:]


@pytest.mark.parametrize(
    "target", ["help", "setup", "demo", "table1", "bench", "test", "test-fast", "lint"]
)
def test_make_knows_its_targets(target):
    subprocess.run(["make", "-n", target], cwd=REPOSITORY, check=True, capture_output=True)


@pytest.mark.usefixtures("stages_here")
def test_every_command_runs(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    root = tmp_path / "viton"
    write_dataset(root, train=6, test=2, seed=0, size=(128, 96), progress=False)
    pair = read_pairs(root, "test")[0]
    trained = tmp_path / "trained"
    for command in vton_aux_commands():
        text = command.replace("DIR", str(root)).replace("RUN", str(trained))
        text = text.replace("PICTURES", str(root / "test" / "image"))
        text = text.replace("000001_0", pair.person[:-4]).replace("001744_1", pair.cloth[:-4])
        words = shlex.split(text)[1:]
        if words[0] in ("train", "ablation"):
            # two of everything tell whether a sweep works; more would tell no more
            words = [re.sub(r"^(seed=\d+|.*weight=[\d.]+|0),.*", r"\1", word) for word in words]
            words += TINY
        if words[:2] == ["bench", "run"]:  # two cases, without the reference
            words = [*words[:4], *words[6:], "--sections", "metrics", "--repeats", "1"]
            words += ["--seconds", "0.01"]
        if words[:2] == ["bench", "compare"]:
            shutil.copy("after.json", "before.json")
        if words[0] == "ablation":
            words += ["--arms", "both"]  # the demo's test makes two
        if words[0] == "train":
            if "trainer=ddp" in words:
                words += ["trainer.devices=2"]
            if "stage=gmm" not in words and "-m" not in words and not trained.exists():
                words += [f"hydra.run.dir={trained}"]
        if any(word.startswith("predictions=") for word in words):
            words += ["data.size=[128,96]"]
        outcome = vton_aux(capfd, *words)
        assert outcome.status == 0, (command, outcome.err)
    assert (trained / "tom.ckpt").is_file()
    assert (tmp_path / "tryon.png").is_file()
    assert (tmp_path / "tryon.onnx").is_file()
    for pairing in ("paired", "unpaired"):
        assert len(list(trained.glob(f"evaluations/test_{pairing}-*/scores.parquet"))) == 1
    assert (tmp_path / "tables" / "table1.tex").is_file()
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "figures" / "architecture.svg").is_file()
    assert (tmp_path / "runs" / "table1" / "both_seed0" / "tom.ckpt").is_file()


WITHOUT_BASH = re.sub(r"```bash\n.*?```", "", README, flags=re.S)
BLOCKS = re.findall(r"```\n(.*?)```", WITHOUT_BASH, flags=re.S)
ON_A_CLUSTER = re.findall(r"vton-aux train (.*)", "".join(BLOCKS))


@pytest.mark.parametrize("command", ON_A_CLUSTER, ids=["submitit", "srun"])
def test_what_only_a_cluster_can_run_has_our_keys(command):
    """The launcher's keys are the plugin's own."""
    words = [word for word in shlex.split(command) if not word.startswith(("hydra", "-m"))]
    register()
    with initialize_config_dir(config_folder(), version_base="1.3"):
        config = compose("train", [word.partition(",")[0] for word in words])
    assert config.trainer.accelerator == "gpu"


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target

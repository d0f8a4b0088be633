"""`vton-aux export`: one file that dresses as the model does, where this package is not."""

import json
import subprocess
import sys
import types

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from command_line import vton_aux
from vton_aux import portable
from vton_aux.pictures import grey_levels
from vton_aux.portable import INPUTS, PortableTryOn, facts, program
from vton_aux.representation import to_unit
from vton_aux.stages.checkpoint import load_tryon
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.tom import TOMStage

SIZE = (128, 96)
CONTEXT = {
    "size": list(SIZE),
    "labels": "lip_neck",
    "representation": {"gmm_keeps": [1, 2, 4, 13], "tom_keeps": [9, 13]},
    "aux": True,
    "provenance": {"arm": "both", "seed": 5},
}
SMALL = {"width": 8, "head_width": 8}
# read by a Python that has the runtime alone: FILE PICTURES, with pictures of several batches
RUN = {
    ".pt2": """
extra = {"tryon.json": ""}
run = torch.export.load(file, extra_files=extra).module()
told = extra["tryon.json"]
with torch.no_grad():
    made = [run(*map(torch.from_numpy, batch)).numpy() for batch in batches]
""",
    ".onnx": """
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(file, options)
told = session.get_modelmeta().custom_metadata_map["tryon.json"]
names = [i.name for i in session.get_inputs()]
assert [i.shape[0] for i in session.get_inputs()] == ["batch"] * 4
made = [session.run(["tryon"], dict(zip(names, batch)))[0] for batch in batches]
""",
}
ALONE = """
import sys
sys.modules["vton_aux"] = None  # importing it is an error
import numpy as np
{imports}
file, given, taken = sys.argv[1:]
arrays = np.load(given)
batches = [[arrays[f"{{b}}_{{i}}"] for i in range(4)] for b in range(len(arrays) // 4)]
{run}
np.savez(taken, *made, told=told)
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """An untrained try-on model with the auxiliary head, and batch statistics that count."""
    torch.manual_seed(0)
    gmm = GMMStage(SMALL, CONTEXT)
    tom = TOMStage({**SMALL, "vgg": "random"}, CONTEXT, gmm.hparams)
    for name, value in tom.gmm.named_buffers():
        if name.endswith("running_mean"):
            value.uniform_(-0.1, 0.1)
    path = tmp_path_factory.mktemp("export") / "tom.ckpt"
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.strategy.connect(tom)
    trainer.save_checkpoint(path, weights_only=True)
    return path


def batch_of(samples, seed=0):
    """Blocks of colours and of labels, joints within and without the picture, one not found."""
    generator = torch.Generator().manual_seed(seed)

    def blocks(*shape, levels):
        small = torch.randint(0, levels, (samples, *shape, 16, 12), generator=generator)
        return small.repeat_interleave(8, -2).repeat_interleave(8, -1).byte()

    joints = torch.rand(samples, 18, 3, generator=generator) * 120 - 10
    joints[..., 2] = 1
    joints[0, 3, 2] = 0
    return {
        "person": blocks(3, levels=256),
        "parse": blocks(levels=21),
        "joints": joints,
        "cloth": blocks(3, levels=256),
    }


def dressed(stage, batch):
    """What `TOMStage.dress` makes of it, in grey levels."""
    mask = torch.ones_like(batch["cloth"][:, :1])
    with torch.inference_mode():
        inputs = stage.representation({**batch, "cloth_mask": mask})
        return grey_levels(to_unit(stage.dress(inputs, segment=True).image)).numpy()


@pytest.fixture(scope="module")
def exported(checkpoint):
    """A stage, what it was and gave before it was exported, and the program; that takes longest."""
    stage = load_tryon(checkpoint)
    before = {name: value.clone() for name, value in stage.state_dict().items()}
    true = dressed(stage, batch_of(2))  # under inference_mode: its tables must serve the export too
    return stage, before, true, program(stage)


@pytest.mark.parametrize("ending", [".pt2", ".onnx"])
def test_the_file_alone_dresses_as_the_model_does(
    ending, checkpoint, exported, tmp_path, capfd, monkeypatch
):
    monkeypatch.setattr(portable, "program", lambda stage: exported[-1])
    if ending == ".onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    path = tmp_path / f"tryon{ending}"
    outcome = vton_aux(capfd, "export", f"checkpoint={checkpoint}", f"output={path}")
    assert outcome.status == 0, outcome.err
    assert outcome.err == ""
    assert outcome.out.startswith(f"{path}: ")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    batches = [batch_of(samples, seed=samples) for samples in (1, 3)]
    np.savez(
        tmp_path / "given.npz",
        **{f"{b}_{i}": batch[n].numpy() for b, batch in enumerate(batches)
           for i, n in enumerate(INPUTS)},
    )  # fmt: skip
    script = ALONE.format(imports="import torch" if ending == ".pt2" else "", run=RUN[ending])
    arguments = [str(path), str(tmp_path / "given.npz"), str(tmp_path / "made.npz")]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, *arguments], cwd=elsewhere, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    stage = load_tryon(checkpoint)
    with np.load(tmp_path / "made.npz") as made:
        for number, batch in enumerate(batches):
            true, found = dressed(stage, batch), made[f"arr_{number}"]
            assert found.dtype == np.uint8
            assert found.shape == true.shape
            difference = np.abs(found.astype(int) - true)
            assert difference.max() <= 1
            assert (difference > 0).mean() < 0.005
        assert json.loads(str(made["told"])) == json.loads(json.dumps(facts(stage)))


def test_it_tells_what_it_is(checkpoint):
    told = facts(load_tryon(checkpoint))
    assert told["size"] == [128, 96]
    assert told["labels"][5] == "upper clothes"
    assert told["labels"][20] == "neck"
    assert told["joints"][1] == "neck"
    assert told["provenance"] == {"arm": "both", "seed": 5}
    assert list(told["inputs"]) == list(INPUTS)


def test_no_auxiliary_head_is_in_it_and_the_model_stays_as_it_is(exported):
    stage, before, true, graph = exported
    assert not [name for name in graph.state_dict if "segmentation" in name]
    kept = sum(v.numel() for n, v in before.items() if "network.segmentation" not in n)
    assert sum(value.numel() for value in graph.state_dict.values()) <= kept
    assert stage.network.segmentation is not None
    for name, value in stage.state_dict().items():
        assert torch.equal(value, before[name])
    assert not any(module.training for module in stage.modules())
    np.testing.assert_array_equal(dressed(stage, batch_of(2)), true)


def test_as_a_module_it_is_the_models_own_inference(checkpoint):
    stage, batch = load_tryon(checkpoint), batch_of(2)
    with torch.inference_mode():
        made = PortableTryOn(stage)(**batch)
    np.testing.assert_array_equal(made.numpy(), dressed(stage, batch))


@pytest.mark.parametrize("output", ["tryon", "tryon.pt", "tryon.onnx.gz"])
def test_an_ending_of_no_format_is_told(output, checkpoint, tmp_path, capfd):
    output = tmp_path / output
    outcome = vton_aux(capfd, "export", f"checkpoint={checkpoint}", f"output={output}")
    assert outcome.status == 2
    assert outcome.err == f"error: output={output}: give a name that ends in .pt2 or .onnx\n"
    assert not output.exists()


def test_what_is_no_tryon_model_is_told(tmp_path, capfd):
    outcome = vton_aux(capfd, "export", f"checkpoint={tmp_path / 'no.ckpt'}")
    assert outcome.status == 2
    assert "no.ckpt: the checkpoint is missing" in outcome.err


def test_missing_packages_name_the_extra(checkpoint, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(portable, "find_spec", lambda name: None)
    output = tmp_path / "tryon.onnx"
    outcome = vton_aux(capfd, "export", f"checkpoint={checkpoint}", f"output={output}")
    assert outcome.status == 2
    assert f"output={output}: needs onnx and onnxscript" in outcome.err
    assert "vton-aux[export]" in outcome.err
    assert not output.exists()


def test_a_failed_write_leaves_the_former_file(checkpoint, tmp_path, monkeypatch):
    path = tmp_path / "tryon.pt2"
    path.write_bytes(b"before")
    graph = types.SimpleNamespace()
    monkeypatch.setattr(portable, "program", lambda stage: graph)
    with pytest.raises(TypeError):
        portable.save_pt2(load_tryon(checkpoint), path)
    assert path.read_bytes() == b"before"

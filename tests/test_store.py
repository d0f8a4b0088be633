"""Finished stages are found by what went into them: by all of it, and by nothing else."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import vton_aux.recipe
import vton_aux.train
from vton_aux import version
from vton_aux.config import config_folder, register
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError
from vton_aux.files import key_of
from vton_aux.stages.checkpoint import read_checkpoint
from vton_aux.stages.settings import GMMSettings
from vton_aux.store import finished, place, weights_digest
from vton_aux.version import STAGE, code_version

INPUTS = {
    "stage": "gmm",
    "aux": True,
    "settings": {"lr": 1e-4, "betas": [0.5, 0.999], "steps": 10},
    "data": {"size": [256, 192], "augment": {"geometry": [], "colour": [{"p": 0.5}]}, "root": None},
    "seed": 0,
}


def changed(value, path, new):
    """A deep copy of `value` with `new` at `path`."""
    copy = json.loads(json.dumps(value))
    spot = copy
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = new
    return copy


# keys


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (["stage"], "tom"),
        (["aux"], False),
        (["settings", "lr"], 1.1e-4),
        (["settings", "betas", 1], 0.99),
        (["settings", "betas"], [0.999, 0.5]),
        (["data", "size"], [192, 256]),
        (["data", "augment", "colour", 0, "p"], 0.6),
        (["data", "augment", "geometry"], [{"p": 0.5}]),
        (["data", "root"], "somewhere"),
        (["seed"], 1),
        (["another"], None),
    ],
)
def test_a_key_changes_with_any_input(path, new):
    assert key_of(changed(INPUTS, path, new)) != key_of(INPUTS)


def test_a_key_is_the_same_for_equal_inputs_in_any_order():
    backwards = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value
        for key, value in reversed(INPUTS.items())
    }
    assert list(backwards) != list(INPUTS)
    assert key_of(backwards) == key_of(INPUTS)
    assert len(key_of(INPUTS)) == 12
    assert int(key_of(INPUTS), 16) >= 0


# finished stages


def test_a_stage_is_finished_with_its_summary_and_its_model(tmp_path):
    summary = {"stage": "gmm", "validation": {"warp_iou": 0.5}}
    assert finished(tmp_path / "nowhere") is None
    assert finished(tmp_path) is None
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert finished(tmp_path) is None
    (tmp_path / "model.ckpt").write_bytes(b"weights")
    assert finished(tmp_path) == summary
    (tmp_path / "summary.json").unlink()
    (tmp_path / "last.ckpt").write_bytes(b"weights")
    assert finished(tmp_path) is None


# the code's version


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of the package's source that `code_version` sees instead of the package."""

    def copied(folder: Path) -> Path:
        source = Path(vton_aux.train.__file__).parent
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
        monkeypatch.setattr(version, "__file__", str(folder / "store.py"))
        return folder

    copied.default = tmp_path / "copy" / "vton_aux"
    return copied


def stage_version():
    return code_version(*STAGE)


@pytest.mark.parametrize(
    "name",
    [
        "stages/base.py", "stages/tom.py", "networks/tps.py", "losses/perceptual.py",
        "data/augment.py", "data/split.py", "data/cache.py", "callbacks/best.py",
        "representation.py", "fit.py",
    ],
)  # fmt: skip
def test_the_version_changes_with_a_source_that_a_result_depends_on(tree, name):
    here = stage_version()
    folder = tree(tree.default)
    assert stage_version() == here  # where the package lies does not matter
    source = folder / name
    content = source.read_text()
    source.write_text(f"{content}\nANOTHER = 1\n")
    assert stage_version() != here
    source.write_text(content)
    assert stage_version() == here


@pytest.mark.parametrize(
    "line",
    [
        "from vton_aux.networks.attention import Attention", "import vton_aux.networks.attention",
        "from vton_aux.networks import attention", "from .attention import Attention",
        "from ..networks import attention", "def late():\n    from . import attention",
    ],
)  # fmt: skip
def test_a_module_counts_once_it_is_imported(tree, line):
    folder = tree(tree.default)
    before = stage_version()
    module, network = folder / "networks" / "attention.py", folder / "networks" / "gmm.py"
    module.write_text("HEADS = 1")
    assert stage_version() == before
    network.write_text(f"{network.read_text()}\n{line}\n")
    used = stage_version()
    module.write_text("HEADS = 2")
    assert len({before, used, stage_version()}) == 3


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("import mylosses", "mylosses.py"), ("from mylosses import edges", "mylosses.py"),
        ("from mylosses import edges", "mylosses/edges.py"),
        ("import mylosses.edges", "mylosses/__init__.py"),
    ],
)  # fmt: skip
def test_a_module_of_the_persons_own_counts_with_what_it_imports(
    tree, line, file, tmp_path, monkeypatch
):
    version._home.cache_clear()
    monkeypatch.syspath_prepend(tmp_path / "own")
    own = tmp_path / "own" / file
    own.parent.mkdir(parents=True)
    own.write_text("import numpy\nimport helpers\n")
    helpers = tmp_path / "own" / "helpers.py"
    helpers.write_text("WEIGHT = 1")
    stage = tree(tree.default) / "stages" / "tom.py"
    before = stage_version()
    stage.write_text(f"{stage.read_text()}\n{line}\n")
    used = stage_version()
    own.write_text("import numpy\nimport helpers\nWEIGHT = 1")
    changed = stage_version()
    helpers.write_text("WEIGHT = 2")
    assert len({before, used, changed, stage_version()}) == 4


def test_installed_packages_and_pythons_own_modules_do_not_count():
    for name in ("torch", "numpy", "cv2", "json", "ast", "no_such_module"):
        assert version._home(name) is None


@pytest.mark.parametrize(
    "name", ["data/synthetic/write.py", "metrics/regions.py", "evaluation/score.py", "cli.py"]
)
def test_the_version_does_not_change_with_other_sources(tree, name):
    folder = tree(tree.default)
    before = stage_version()
    source = folder / name
    source.write_text(f"{source.read_text()}\nANOTHER = 1\n")
    assert stage_version() == before


def test_packages_and_files_that_python_cannot_read_count_too(tree):
    folder = tree(tree.default)
    before = stage_version()
    (folder / "networks" / "__init__.py").write_text("SCALE = 2")
    with_package = stage_version()
    (folder / "networks" / "tps.py").write_bytes(b"no python\0")
    assert len({before, with_package, stage_version()}) == 3


SOURCE = """\
import os
@cache
class A(B):
    x: int = -1.5e3
    async def f(self, *, a=f"{1!r:>{2}}{{ b"):
        match a:
            case [1, *_] | {"k": None}: return lambda: (yield)
"""


def test_the_version_is_the_same_for_every_python(tmp_path, monkeypatch):
    monkeypatch.setattr(version, "__file__", str(tmp_path / "version.py"))
    (tmp_path / "one.py").write_text(SOURCE)
    assert code_version("one.py") == "b1ebdb0d8defb381"


def test_comments_docstrings_and_layout_are_no_other_version(tree):
    folder = tree(tree.default)
    source = folder / "networks" / "tps.py"
    source.write_text('"""One."""\n\n\ndef f(a, b):\n    """Two."""\n    return a + b\n')
    before = stage_version()
    source.write_text("def f(\n    a,\n    b,\n):  # three\n    return (a + b)\n")
    assert stage_version() == before
    source.write_text("def f(a, b):\n    return a - b\n")
    assert stage_version() != before


# placing


def test_a_result_is_a_file_of_its_own(tmp_path):
    source, target = tmp_path / "model.ckpt", tmp_path / "run" / "gmm.ckpt"
    source.write_bytes(b"weights")
    place(source, target)
    assert target.read_bytes() == b"weights"
    target.write_bytes(b"edited")  # in place, as torch.save does
    assert source.read_bytes() == b"weights"


def test_placing_again_replaces_the_name_and_leaves_the_old_source_whole(tmp_path):
    old, new, target = tmp_path / "old", tmp_path / "new", tmp_path / "run" / "gmm.ckpt"
    old.write_bytes(b"old")
    new.write_bytes(b"new")
    place(old, target)
    place(new, target)
    assert target.read_bytes() == b"new"
    assert old.read_bytes() == b"old"


# what `train` puts into a key


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "viton"
    write_dataset(folder, train=5, test=0, seed=0, size=(128, 96), progress=False)
    return folder


@pytest.fixture
def trained(root, tmp_path, monkeypatch):
    """Which stages `train` trains for some overrides; the training itself is left out."""
    ran = []

    def pretend(folder, malloc):
        job = json.loads((folder / "job.json").read_text())
        ran.append(job["stage"])
        save(folder / "model.ckpt", job["context"])
        (folder / "metrics.csv").write_text("step\n0\n")
        (folder / "summary.json").write_text(json.dumps({"stage": job["stage"], "validation": {}}))

    monkeypatch.setattr(vton_aux.train, "_run", pretend)
    register()

    def run(*overrides: str) -> list[str]:
        ran.clear()
        with initialize_config_dir(config_folder(), version_base="1.3"):
            raw = compose(
                "train",
                ["gmm=small", "tom=small", "data.generate=null", f"data.root={root}",
                 "data.size=[128,96]", "data.val_fraction=0.2", f"store={tmp_path / 'store'}",
                 *overrides],
            )  # fmt: skip
        (tmp_path / "run").mkdir(exist_ok=True)
        vton_aux.train.train(OmegaConf.to_object(raw), tmp_path / "run")
        return ran.copy()

    assert run() == ["gmm", "tom"]
    return run


def save(path, context, weight=0.0):
    weights = {"network.weight": torch.tensor([weight])}
    arguments = {"settings": {}, "context": context}
    torch.save({"state_dict": weights, "hyper_parameters": arguments}, path)


BOTH = (
    "seed=1", "representation=cp_vton_plus", "representation.pose_radius=4",
    "trainer.precision=bf16-mixed", "data.val_fraction=0.4", "data.split_seed=1", "labels=coarse",
    "data.size=[128,64]", "data/augment=strong", "data/augment=flip",
)  # fmt: skip


@pytest.mark.parametrize("override", BOTH)
def test_what_changes_both_stages_trains_both_anew(trained, override):
    assert trained(override) == ["gmm", "tom"]


@pytest.mark.parametrize("stage", ["gmm", "tom"])
def test_any_setting_of_a_stage_trains_it_anew_and_a_gmm_its_tom_too(trained, stage):
    for override in (
        "lr=1e-4", "steps=7", "hold=0.4", "batch_size=3", "aux_weight=2", "skin_weight=3",
        "mask_weight=0.5", "width=24", "select=best", "betas=[0.9,0.999]",
    ):  # fmt: skip
        anew = ["gmm", "tom"] if stage == "gmm" else ["tom"]
        assert trained(f"{stage}.{override}") == anew, override


def test_what_a_stage_without_a_head_does_not_read_trains_none_anew(trained):
    assert trained("arm=baseline") == ["gmm", "tom"]
    for setting in ("aux_weight=2", "skin_weight=3", "background_weight=3", "head_width=16"):
        overrides = (f"gmm.{setting}", f"tom.{setting}")
        assert trained("arm=baseline", *overrides) == []
        assert trained("arm=tom_only", *overrides) == ["tom"]


def test_a_finished_model_that_is_damaged_is_told_with_what_to_do(trained, tmp_path):
    (model,) = (tmp_path / "store").glob("tom-*/model.ckpt")
    model.write_bytes(model.read_bytes()[:-200])
    with pytest.raises(
        UserError, match=rf"{model}: .*; without {model.parent} it is trained again"
    ):
        trained()


def test_more_processes_than_validation_images_are_told_before_any_starts(trained):
    with pytest.raises(UserError, match=r"data\.val_fraction=0\.2: 1 validation images for 8"):
        trained("trainer.devices=8", "trainer.accelerator=cpu")


@pytest.mark.parametrize(("has_gpu", "taken"), [(False, "cpu"), (True, "gpu")])
def test_a_gpu_is_taken_where_there_is_one_and_is_no_input(
    trained, tmp_path, monkeypatch, has_gpu, taken
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_gpu)
    assert trained("seed=9") == ["gmm", "tom"]
    jobs = [json.loads(path.read_text()) for path in (tmp_path / "store").glob("*/job.json")]
    assert [job["trainer"]["accelerator"] for job in jobs if job["seed"] == 9] == [taken] * 2
    monkeypatch.setattr("torch.cuda.is_available", lambda: not has_gpu)
    assert trained("seed=9") == []


def test_the_arms_share_the_stages_that_are_equal(trained):
    assert trained("arm=gmm_only") == ["tom"]
    assert trained("arm=baseline") == ["gmm", "tom"]
    assert trained("arm=tom_only") == ["tom"]


def test_seeds_and_versions_share_a_recipe_and_nothing_else_does(trained, tmp_path, monkeypatch):
    def recipe(*overrides):
        assert trained(*overrides)
        context = read_checkpoint(tmp_path / "run" / "tom.ckpt")["hyper_parameters"]["context"]
        return context["provenance"]["recipe"]

    one = recipe("seed=2")
    assert recipe("seed=3") == one
    others = {
        recipe("seed=3", override)
        for override in (
            "tom.lr=1e-4", "gmm.aux_weight=2", "labels=coarse", "data.split_seed=1",
            "data/augment=flip", "arm=tom_only", "trainer.precision=bf16-mixed",
        )
    }  # fmt: skip
    assert len(others | {one}) == 8
    monkeypatch.setattr(vton_aux.recipe, "code_version", lambda *_: "another")
    assert recipe("seed=2") == one


def test_a_setting_at_its_default_is_no_other_recipe(monkeypatch):
    inputs = {"stage": "gmm", "settings": asdict(GMMSettings(lr=0.5)), "reading": {}}
    new = {**inputs, "settings": {**inputs["settings"], "theta_weight": 0.0}}

    @dataclass
    class Later(GMMSettings):
        theta_weight: float = 0.0

    before = vton_aux.recipe.shared_key(inputs, None)
    monkeypatch.setattr(vton_aux.recipe, "GMMSettings", Later)
    assert vton_aux.recipe.shared_key(new, None) == before
    new["settings"]["theta_weight"] = 1.0
    assert vton_aux.recipe.shared_key(new, None) != before


def test_a_stage_that_other_code_began_is_told(trained, tmp_path, monkeypatch, capsys):
    (folder,) = (tmp_path / "store").glob("gmm-*/")
    (folder / "last.ckpt").touch()
    (folder / "summary.json").unlink()
    (tom,) = (tmp_path / "store").glob("tom-*/")
    (tom / "last.ckpt").touch()
    trained("arm=tom_only")  # by the same code, on another GMM
    assert "by other code" not in capsys.readouterr().out
    monkeypatch.setattr(vton_aux.recipe, "code_version", lambda *_: "another")
    (tmp_path / "store" / "gmm-spoilt").mkdir()
    for name in ("inputs.json", "last.ckpt"):
        (tmp_path / "store" / "gmm-spoilt" / name).touch()
    trained("stage=gmm")
    assert f"gmm: {folder} was begun by other code, with which the" in capsys.readouterr().out


def test_vgg19_counts_by_its_content_and_only_where_it_is_used(trained, tmp_path):
    weights = tmp_path / "vgg.pth"
    weights.write_bytes(b"one")
    used = (f"tom.vgg={weights}", "tom.perceptual_weight=1")
    assert trained(*used) == ["tom"]
    assert trained(*used) == []
    weights.write_bytes(b"another")
    assert trained(*used) == ["tom"]
    assert trained(f"tom.vgg={weights}", "tom.perceptual_weight=0") == ["tom"]
    assert trained("tom.vgg=random", "tom.perceptual_weight=0") == []


def test_an_argument_that_the_trainer_gets_later_is_an_input(trained, monkeypatch):
    @dataclass
    class Later(vton_aux.config.TrainerConfig):
        gradient_clip_val: float | None = None

    train = vton_aux.train.train

    def with_clipping(config, run):
        config.trainer = Later(**vars(config.trainer), gradient_clip_val=clip[-1])
        return train(config, run)

    monkeypatch.setattr(vton_aux.train, "train", with_clipping)
    clip = [0.1]
    assert trained("stage=gmm") == ["gmm"]
    clip.append(0.2)
    assert trained("stage=gmm") == ["gmm"]
    assert trained("stage=gmm") == []


def test_what_changes_no_result_finds_the_finished_stages(trained, root):
    assert trained() == []
    moved = root.rename(root.with_name("moved"))
    for override in (
        "pictures=0", "log_every=1", "checkpoint_every=5", "val_every=5", "data.workers=1",
        "wandb=on", "stage=gmm", f"data.cache={root.parent / 'cache'}", "speed=off",
    ):  # fmt: skip
        assert trained(f"data.root={moved}", override) == [], override
    resident = (f"data.cache={root.parent / 'cache'}", "data.resident=true")
    assert trained(f"data.root={moved}", *resident) == []


@pytest.fixture
def context(trained, tmp_path):
    """That of a GMM in the store, which nobody but the store knows."""
    (path,) = (tmp_path / "store").glob("gmm-*/model.ckpt")
    context = read_checkpoint(path)["hyper_parameters"]["context"]
    return {**context, "provenance": {"key": "elsewhere"}}


def test_a_given_gmm_is_another_input_where_its_provenance_differs(trained, context, tmp_path):
    given = tmp_path / "given.ckpt"
    save(given, context)
    assert trained("stage=tom", f"gmm_checkpoint={given}") == ["tom"]
    assert trained("stage=tom", f"gmm_checkpoint={given}") == []


def test_a_given_gmm_is_known_by_its_weights(trained, context, tmp_path):
    for name, weight in (("best", 1.0), ("model", 2.0)):
        save(tmp_path / f"{name}.ckpt", context, weight)
        assert trained("stage=tom", f"gmm_checkpoint={tmp_path / name}.ckpt") == ["tom"], name


def test_a_given_gmm_of_another_version_is_told(trained, context, tmp_path):
    given = tmp_path / "given.ckpt"
    arguments = {"settings": {"gone": 1}, "context": context}
    torch.save({"state_dict": {}, "hyper_parameters": arguments}, given)
    with pytest.raises(UserError, match=r"given\.ckpt: fits no GMM of this version: .*gone"):
        trained("stage=tom", f"gmm_checkpoint={given}")


def test_a_given_gmm_that_knows_another_representation_is_refused(trained, context, tmp_path):
    given = tmp_path / "given.ckpt"
    other = {**context["representation"], "pose_radius": 9.0}
    save(given, {**context, "representation": other})
    with pytest.raises(UserError, match="pose_radius"):
        trained("stage=tom", f"gmm_checkpoint={given}")


def test_a_given_gmm_with_another_head_than_the_arm_says_is_refused(trained, context, tmp_path):
    given = tmp_path / "given.ckpt"
    save(given, context)
    assert context["aux"]
    with pytest.raises(UserError, match=r"with the auxiliary head, but arm\.gmm_aux=false"):
        trained("arm=tom_only", f"gmm_checkpoint={given}")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"stage": "gmm", "validation": 3}'])
def test_a_damaged_summary_in_the_store_is_named(trained, tmp_path, content):
    (path,) = (tmp_path / "store").glob("gmm-*/summary.json")
    path.write_text(content)
    with pytest.raises(UserError, match=r"summary\.json: damaged") as told:
        trained()
    assert str(path) in str(told.value)


def test_a_given_gmm_of_another_program_is_refused(trained, tmp_path):
    given = tmp_path / "given.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": {"lr": 0.1}}, given)
    with pytest.raises(UserError, match=r"given\.ckpt"):
        trained("stage=tom", f"gmm_checkpoint={given}")


def test_where_the_best_weights_are_selected_the_validations_count(trained):
    for every in (50, 70):
        assert trained("stage=gmm", "gmm.select=best", f"val_every={every}") == ["gmm"]


def test_the_digest_of_weights_counts_names_and_values():
    weights = {"a": torch.ones(2), "b": torch.zeros(2)}
    same = dict(reversed(weights.items()))
    assert weights_digest(weights) == weights_digest(same)
    assert weights_digest(weights) != weights_digest({"a": weights["a"], "c": weights["b"]})
    assert weights_digest(weights) != weights_digest({**weights, "b": torch.full((2,), 0.5)})

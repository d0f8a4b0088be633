"""`vton-aux stages`: what stands in a store, and what sets its stages apart."""

import json
from pathlib import Path

import pytest

from command_line import vton_aux
from tiny import TINY
from vton_aux.files import alone
from vton_aux.stages_cli import stages


def begun(store: Path, name: str, seed: int = 0, **settings) -> Path:
    """A stage of which nothing is trained yet."""
    folder = store / name
    folder.mkdir(parents=True)
    inputs = {
        "stage": name[:3],
        "aux": True,
        "seed": seed,
        "code": "former",
        "settings": {"lr": 1e-4, "betas": [0.5, 0.999], "steps": 200, **settings},
        "reading": {"root": None, "size": [256, 192], "seed": seed},
        "precision": "32-true",
    }
    if name[:3] == "tom":
        inputs["gmm"] = [{"key": "beef"}, "digest"]
    (folder / "inputs.json").write_text(json.dumps(inputs))
    return folder


@pytest.mark.usefixtures("stages_here")
def test_trained_stages_are_listed_with_what_sets_them_apart(capfd, root, tmp_path):
    shared = [
        *TINY,
        "data=viton",
        f"data.root={root}",
        "data.cache=null",
        f"store={tmp_path}/store",
    ]
    for skin in (2, 4):
        run = f"hydra.run.dir={tmp_path}/run{skin}"
        trained = vton_aux(capfd, "train", "arm=tom_only", f"tom.skin_weight={skin}", *shared, run)
        assert trained.status == 0, trained.err
    table = stages(tmp_path / "store")
    assert table["stage"].str[:3].tolist() == ["gmm", "tom", "tom"]
    assert table["head"].tolist() == ["no", "yes", "yes"]
    assert set(table["code"]) == {"this"}
    assert table["its GMM"].tolist() == ["", *[table["stage"][0].removeprefix("gmm-")] * 2]
    steps = json.loads((tmp_path / "run2" / "summary.json").read_text())["tom"]["steps"]
    assert table["state"][1] == f"finished, {steps} steps"
    assert table["differs in"].tolist() == ["", "tom.skin_weight=2.0", "tom.skin_weight=4.0"]
    outcome = vton_aux(capfd, "stages", f"{tmp_path}/store")
    assert outcome.status == 0
    assert all(name in outcome.out for name in table["stage"])
    assert "3 stages, " in outcome.out


def test_a_stage_that_is_not_finished_tells_how_far_it_is(tmp_path):
    for name, steps in (("gmm-a", None), ("gmm-b", 49), ("gmm-c", 99)):
        folder = begun(tmp_path, name)
        if steps is not None:
            (folder / "log" / "000").mkdir(parents=True)
            (folder / "log" / "000" / "metrics.csv").write_text(f"step,x\n9,1\n{steps},1\n")
    (tmp_path / "gmm-b" / "log" / "001").mkdir()  # it went on from an earlier checkpoint
    (tmp_path / "gmm-b" / "log" / "001" / "metrics.csv").write_text("step,x\n29,1\n")
    with alone(tmp_path / "gmm-c"):
        table = stages(tmp_path).set_index("stage")
    assert table["state"].to_dict() == {
        "gmm-a": "stopped",
        "gmm-b": "stopped, 30 of 200 steps",
        "gmm-c": "training, 100 of 200 steps",
    }
    assert stages(tmp_path).set_index("stage")["state"]["gmm-c"] == "stopped, 100 of 200 steps"
    assert set(table["code"]) == {"former"}


def test_only_what_a_person_chose_sets_stages_of_one_kind_apart(tmp_path):
    begun(tmp_path, "gmm-a", seed=0)
    begun(tmp_path, "gmm-b", seed=1, betas=[0.9, 0.999])
    begun(tmp_path, "tom-c", lr=1e-3)
    told = stages(tmp_path).set_index("stage")["differs in"].to_dict()
    assert told == {"gmm-a": "gmm.betas=[0.5,0.999]", "gmm-b": "gmm.betas=[0.9,0.999]", "tom-c": ""}


def test_what_is_no_setting_of_the_trainer_is_not_told_as_one(tmp_path):
    for name, every, data in (("gmm-a", 50, "beef"), ("gmm-b", 100, "cafe")):
        file = begun(tmp_path, name) / "inputs.json"
        file.write_text(
            json.dumps(json.loads(file.read_text()) | {"val_every": every, "data": data})
        )
    told = stages(tmp_path).set_index("stage")["differs in"].to_dict()
    assert told == {"gmm-a": "val_every=50 data=beef", "gmm-b": "val_every=100 data=cafe"}


def test_damaged_stages_are_listed_too(tmp_path):
    (begun(tmp_path, "gmm-a") / "summary.json").write_text("{")
    (tmp_path / "gmm-a" / "model.ckpt").touch()
    (begun(tmp_path, "tom-b") / "inputs.json").write_text("{")
    table = stages(tmp_path).set_index("stage")
    assert table["state"].to_dict() == {"gmm-a": "damaged", "tom-b": "damaged"}
    assert table["seed"]["tom-b"] == "?"


@pytest.mark.parametrize(("store", "told"), [("gone", "no such folder"), (".", "holds no stage")])
def test_where_there_is_nothing_is_told(capfd, tmp_path, store, told):
    outcome = vton_aux(capfd, "stages", str(tmp_path / store))
    assert outcome.status == 2
    assert told in outcome.err

"""The configs in conf/ compose, agree with the code's defaults, and the four arms differ."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from vton_aux.config import ArmConfig, TrainConfig, arm_name, config_folder, register
from vton_aux.data.augment import build_transforms
from vton_aux.overrides import override, quoted
from vton_aux.stages.settings import GMMSettings, TOMSettings
from vton_aux.stages.speed import Speed
from vton_aux.validate import check

CONF = Path(config_folder())


def composed(*overrides: str) -> TrainConfig:
    register()
    with initialize_config_dir(config_folder(), version_base="1.3"):
        return OmegaConf.to_object(compose("train", list(overrides)))


def test_the_papers_settings_are_the_codes_defaults_and_go_with_real_data():
    config = composed("data=viton", "data.root=somewhere")
    assert config.gmm == GMMSettings()
    assert config.tom == TOMSettings()


def test_what_a_number_depends_on_is_the_same_wherever_it_is_trained():
    """What README and the papers' tables assume, whatever the hardware."""
    for trainer in ("auto", "cpu", "gpu", "ddp"):
        config = composed("data=viton", "data.root=somewhere", f"trainer={trainer}")
        assert config.trainer.precision == "32-true"
        assert (config.data.val_fraction, config.data.split_seed) == (0.05, 0)
        assert list(config.data.size) == [256, 192]
    for name in ("cp_vton", "cp_vton_plus"):
        representation = composed(f"representation={name}").representation
        assert (representation.shape_blur, representation.pose_radius) == (16, 5.0)


def test_small_networks_and_a_random_vgg_go_with_synthetic_data_alone():
    config = composed()
    assert (config.gmm.width, config.tom.width, config.tom.vgg) == (16, 16, "random")
    assert composed("tom=paper").tom.vgg == "download"
    assert composed("data=viton", "data.root=somewhere", "gmm=small").gmm.width == 16


@given(st.text(st.characters(exclude_categories=["C"])) | st.text("\\'\"= ,~{}$"))
def test_hydra_reads_any_quoted_path_as_it_is(text):
    assert OverridesParser.create().parse_override(f"k={quoted(text)}").value() == text


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("/a/b_c-1.ckpt", True), ("both", True), ("a b", False), ("<b>a|b&c", False),
        ("it's", False), ("/Müller", False), ("null", False), ("True", False), ("1e3", False),
        ("1_000", False), ("-x", False), ([256, 192], True), (0.2, True), (3, True), (True, True),
    ],
)  # fmt: skip
def test_hydra_reads_an_override_as_its_value(value, plain):
    text = override("k", value)
    assert OverridesParser.create().parse_override(text).value() == value
    assert ("'" in text) != plain


def test_what_the_paper_leaves_open_says_so():
    for stage in ("gmm", "tom"):
        text = (CONF / stage / "paper.yaml").read_text()
        for key in ("aux_weight", "skin_weight", "background_weight", "head_width"):
            line = next(line for line in text.splitlines() if line.startswith(f"{key}:"))
            assert "paper does not say" in line


@pytest.mark.parametrize("arm", [p.stem for p in (CONF / "arm").glob("*.yaml")])
def test_an_arm_is_two_booleans_and_is_known_by_them(arm):
    assert arm_name(composed(f"arm={arm}").arm) == arm


def test_toggling_a_branch_makes_another_arm():
    assert arm_name(composed("arm=baseline", "arm.tom_aux=true").arm) == "tom_only"
    assert arm_name(composed("arm=tom_only", "arm.gmm_aux=true").arm) == "both"


def test_an_arm_of_ones_own_may_set_what_belongs_to_a_stage(tmp_path):
    (tmp_path / "arm").mkdir()
    text = "# @package _global_\narm: {gmm_aux: true, tom_aux: true}\ntom: {aux_weight: 10.0}\n"
    (tmp_path / "arm" / "heavy.yaml").write_text(text)
    config = composed("arm=heavy", f"hydra.searchpath=[file://{tmp_path}]")
    assert (config.tom.aux_weight, config.gmm.aux_weight) == (10.0, 1.0)


def test_data_of_ones_own_come_with_the_papers_models(tmp_path):
    (tmp_path / "data").mkdir()
    shutil.copy(CONF / "data" / "viton.yaml", tmp_path / "data" / "mine.yaml")
    search = f"hydra.searchpath=[file://{tmp_path}]"
    mine, viton = (composed(f"data={d}", "data.root=x", search) for d in ("mine", "viton"))
    assert mine == viton


def test_a_switch_that_an_arm_leaves_at_its_default_makes_no_other_arm(monkeypatch):
    @dataclass
    class More(ArmConfig):
        edge_aux: bool = False

    monkeypatch.setattr("vton_aux.config.ArmConfig", More)
    assert arm_name(More(gmm_aux=False, tom_aux=True)) == "tom_only"
    assert arm_name(More(gmm_aux=False, tom_aux=True, edge_aux=True)) == "custom"


def test_the_chosen_of_two_arms_with_these_booleans_is_the_one(tmp_path, monkeypatch):
    for arm, heads in (("both", "both"), ("aux_both", "both"), ("baseline", "baseline")):
        text = (CONF / "arm" / f"{heads}.yaml").read_text()
        (tmp_path / "arm").mkdir(exist_ok=True)
        (tmp_path / "arm" / f"{arm}.yaml").write_text(text)
    monkeypatch.setattr("vton_aux.config.config_folder", lambda: str(tmp_path))
    config = composed("arm=both")
    chosen = {"arm": "both"}
    hydra = SimpleNamespace(
        runtime=SimpleNamespace(choices=chosen), overrides=SimpleNamespace(task=["arm=both"])
    )
    monkeypatch.setattr("vton_aux.config.HydraConfig.initialized", lambda: True)
    monkeypatch.setattr("vton_aux.config.HydraConfig.get", lambda: hydra)
    assert arm_name(config.arm) == "both"
    chosen["arm"] = "mine"  # that lies elsewhere
    assert arm_name(config.arm) == "mine"
    chosen["arm"] = "baseline"  # whose switches an experiment has turned
    assert arm_name(config.arm) == "aux_both"
    chosen["arm"] = "mine"
    hydra.overrides.task.append("arm.gmm_aux=true")
    assert arm_name(config.arm) == "aux_both"


@pytest.mark.parametrize("name", [p.stem for p in (CONF / "experiment").glob("*.yaml")])
def test_each_experiment_composes_and_passes_the_checks(name):
    check(composed(f"experiment={name}", "data.root=somewhere"))


def test_an_experiment_overrules_the_defaults():
    assert composed("experiment=demo").val_every == 200
    assert composed("experiment=demo").gmm.width == 16
    assert composed("experiment=demo", "val_every=7").val_every == 7


@pytest.mark.parametrize("name", [p.stem for p in (CONF / "data" / "augment").glob("*.yaml")])
def test_each_augmentation_builds(name):
    augment = composed(f"data/augment={name}").data.augment
    assert augment.flip == (0 if name == "none" else 0.5)
    built = build_transforms({"geometry": augment.geometry, "colour": augment.colour})
    assert len(built["geometry"]) == len(augment.geometry)


def test_real_data_are_packed_and_synthetic_ones_are_not():
    assert composed("data=viton", "data.root=somewhere").data.cache == "data/cache"
    assert composed().data.cache is None
    assert not composed("data=viton", "data.root=somewhere").data.resident


@pytest.mark.parametrize("name", [p.stem for p in (CONF / "trainer").glob("*.yaml")])
@pytest.mark.parametrize("representation", ["cp_vton", "cp_vton_plus"])
def test_every_trainer_and_representation_composes(name, representation):
    config = composed(f"trainer={name}", f"representation={representation}")
    assert config.trainer.accelerator in ("auto", "cpu", "gpu")
    assert {1, 4, 13} <= set(config.representation.gmm_keeps)


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("default", Speed()),
        ("gpu", Speed(compile="reduce-overhead")),
        ("off", Speed(channels_last=False, fused_adam=False, malloc=False)),
    ],
)
def test_every_set_of_switches_is_what_it_says(name, switches):
    config = composed(f"speed={name}")
    check(config)
    assert config.speed == switches


def test_cp_vton_plus_keeps_lower_clothes_and_legs_for_tom_alone():
    config = composed("representation=cp_vton_plus").representation
    assert set(config.tom_keeps) - set(config.gmm_keeps) == {2, 9, 12, 16, 17, 20}

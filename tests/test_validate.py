"""Values that types cannot check: an error that names the key, the value and what it may be."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from vton_aux.config import config_folder, register, typed
from vton_aux.errors import UserError
from vton_aux.validate import check

WRONG = {
    ("gmm.points=1",): ("gmm.points=1", "at least 2"),
    ("gmm.lr=nan",): ("gmm.lr=nan", "finite"),
    ("tom.lr=inf",): ("tom.lr=inf", "finite"),
    ("tom.mask_weight=nan",): ("tom.mask_weight=nan", "finite"),
    ("gmm.betas=[1.5,0.9]",): ("gmm.betas=[1.5, 0.9]", "[0, 1)"),
    ("gmm.betas=[0.5,1.0]",): ("gmm.betas=[0.5, 1.0]", "[0, 1)"),
    ("tom.aux_weight=-1",): ("tom.aux_weight=-1", "0 or more"),
    ("pictures=-1",): ("pictures=-1", "0 or more"),
    ("seed=-1",): ("seed=-1", "0 or more"),
    ("seed=4294967296",): ("seed=4294967296", "2^32"),
    ("data.workers=-1",): ("data.workers=-1", "0 or more"),
    ("trainer.precision=bf16",): ("trainer.precision=bf16", "bf16-mixed"),
    ("trainer.precision=16-mixed",): ("trainer.precision=16-mixed", "bf16-mixed"),
    ("representation.shape_blur=0",): ("representation.shape_blur=0", "above 0"),
    ("representation.shape_blur=300", "data.size=[256,192]"): ("representation.shape_blur=300",),
    ("representation.gmm_keeps=[256]",): ("representation.gmm_keeps=[256]", "[0, 255]"),
    ("representation.pose_radius=-3",): ("representation.pose_radius=-3", "0 or more"),
    ("data.size=[512,64]",): ("data.size=[512, 64]", "too narrow"),
    ("gmm.head_width=12",): ("gmm.head_width=12", "multiple of 8"),
    ("tom.hold=1.5",): ("tom.hold=1.5", "[0, 1]"),
    ("tom.select=worst",): ("tom.select=worst", "best"),
    ("stage=both",): ("stage=both", "gmm"),
    ("speed.compile=fast",): ("speed.compile=fast: choose one of null, default, reduce-overhead",),
    ("labels=atr",): ("labels=atr", "coarse"),
    ("data.size=[250,190]",): ("data.size=[250, 190]", "divisible by 64"),
    ("data.size=[224,224]",): ("data.size=[224, 224]", "divisible by 64"),
    ("data.val_fraction=1.5",): ("data.val_fraction=1.5",),
    ("data.augment.geometry=[{transform: Nonsense}]",): ("data.augment.geometry", "Nonsense"),
    ("data.augment.geometry=[{transform: Affine, zoom: 2}]",): ("Affine", "zoom"),
    ("data.augment.flip=2",): ("data.augment.flip=2", "[0, 1]"),
    ("data.resident=true",): ("data.resident", "data.cache"),
    ("data.split_seed=-1",): ("data.split_seed=-1", "0 or more"),
    ("representation.tom_keeps=[1,13,5]",): ("representation.tom_keeps", "[5] is the worn cloth"),
    ("representation.gmm_keeps=[1,13,7]",): ("representation.gmm_keeps", "[7] is the worn cloth"),
    ("trainer.accelerator=mps",): ("trainer.accelerator=mps", "auto, gpu or cpu"),
    ("trainer.devices=0",): ("trainer.devices=0", "1 or more"),
    ("trainer.num_nodes=0",): ("trainer.num_nodes=0", "above 0"),
}  # fmt: skip


@pytest.fixture(scope="module")
def default():
    register()
    with initialize_config_dir(config_folder(), version_base="1.3"):
        return compose("train")


def test_the_default_is_right(default):
    check(typed(default))


@pytest.mark.parametrize(("overrides", "said"), WRONG.items(), ids=lambda v: " ".join(v))
def test_a_wrong_value_is_told_with_its_key(default, overrides, said):
    config = OmegaConf.merge(default, OmegaConf.from_dotlist([*overrides]))
    with pytest.raises(UserError) as told:
        check(typed(config))
    for words in said:
        assert words in str(told.value)

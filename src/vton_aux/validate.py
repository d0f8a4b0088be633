"""The values of a configuration that types cannot check."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import torch

from vton_aux.config import TrainConfig, TrainerConfig
from vton_aux.data.augment import build_transforms
from vton_aux.data.datamodule import check_resident, check_size
from vton_aux.data.labels import LABEL_SETS, WORN_CLOTH
from vton_aux.device import FULL, MIXED
from vton_aux.errors import UserError
from vton_aux.launch import processes
from vton_aux.networks.gmm import feature_levels


def check(config: TrainConfig) -> None:
    """Check a training's values.

    Raises:
        UserError: names the key, the value and what it may be.
    """
    choices: dict[str, tuple[Any, tuple[str | None, ...]]] = {
        "stage": (config.stage, ("all", "gmm", "tom")),
        "labels": (config.labels, tuple(LABEL_SETS)),
        "trainer.precision": (config.trainer.precision, (FULL, MIXED)),
        "gmm.select": (config.gmm.select, ("last", "best")),
        "tom.select": (config.tom.select, ("last", "best")),
        "speed.compile": (
            config.speed.compile,
            (None, "default", "reduce-overhead", "max-autotune"),
        ),
    }
    for key, (value, allowed) in choices.items():
        if value not in allowed:
            words = ", ".join("null" if each is None else each for each in allowed)
            raise UserError(f"{key}={value}: choose one of {words}")
    for key, value in _positive(config):
        if not 0 < value < math.inf:
            raise UserError(f"{key}={value}: must be above 0 and finite")
    for key, value in _not_negative(config):
        if not 0 <= value < math.inf:
            raise UserError(f"{key}={value}: must be 0 or more, and finite")
    if not 0 < config.data.val_fraction < 1:
        raise UserError(f"data.val_fraction={config.data.val_fraction}: must lie between 0 and 1")
    if not config.seed < 2**32:
        raise UserError(f"seed={config.seed}: must be below 2^32")
    for name in ("gmm", "tom"):
        settings = getattr(config, name)
        if settings.head_width % 8:
            raise UserError(f"{name}.head_width={settings.head_width}: must be a multiple of 8")
        if not 0 <= settings.hold <= 1:
            raise UserError(f"{name}.hold={settings.hold}: must lie in [0, 1]")
        if len(settings.betas) != 2 or not all(0 <= beta < 1 for beta in settings.betas):
            raise UserError(f"{name}.betas={list(settings.betas)}: Adam has two, in [0, 1)")
    if config.gmm.points < 2:
        raise UserError(f"gmm.points={config.gmm.points}: a spline has at least 2 a side")
    _check_pixels(config)
    _check_hardware(config.trainer)
    augment = asdict(config.data.augment)
    flip = augment.pop("flip")
    if not 0 <= flip <= 1:
        raise UserError(f"data.augment.flip={flip}: a probability, must lie in [0, 1]")
    build_transforms(augment)
    if config.data.resident:
        check_resident(config.data.cache is not None, augment)


def _positive(config: TrainConfig) -> Iterator[tuple[str, float]]:
    for name in ("gmm", "tom"):
        for key in (
            "width", "head_width", "steps", "batch_size", "lr", "skin_weight", "background_weight"
        ):  # fmt: skip
            yield f"{name}.{key}", getattr(getattr(config, name), key)
    for key in ("val_every", "checkpoint_every", "log_every"):
        yield key, getattr(config, key)
    yield "representation.shape_blur", config.representation.shape_blur
    yield "trainer.num_nodes", config.trainer.num_nodes


def _not_negative(config: TrainConfig) -> Iterator[tuple[str, float]]:
    for name in ("gmm", "tom"):
        for key, value in vars(getattr(config, name)).items():
            if key.endswith("_weight"):
                yield f"{name}.{key}", value
    yield "seed", config.seed
    yield "pictures", config.pictures
    yield "data.workers", config.data.workers
    yield "data.split_seed", config.data.split_seed
    yield "representation.pose_radius", config.representation.pose_radius


def _check_pixels(config: TrainConfig) -> None:
    height, width = check_size(config.data.size)
    if width >> feature_levels(height) < 4:
        raise UserError(
            f"data.size={list(config.data.size)}: too narrow; GMM brings it to about 16 rows, "
            "where it needs 4 columns"
        )
    blur = config.representation.shape_blur
    if blur * height // 256 > min(height, width):
        raise UserError(f"representation.shape_blur={blur}: nothing is left of {height}x{width}")
    for key in ("gmm_keeps", "tom_keeps"):
        labels = getattr(config.representation, key)
        if not all(0 <= label < 256 for label in labels):
            raise UserError(f"representation.{key}={list(labels)}: labels lie in [0, 255]")
        if shown := [label for label in labels if label in WORN_CLOTH]:
            raise UserError(
                f"representation.{key}={list(labels)}: {shown} is the worn cloth, which would show "
                "the networks what they are to predict"
            )


def _check_hardware(trainer: TrainerConfig) -> None:
    if trainer.accelerator not in ("auto", "cpu", "gpu", "cuda"):
        raise UserError(f"trainer.accelerator={trainer.accelerator}: choose auto, gpu or cpu")
    if trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(
            f"trainer.accelerator={trainer.accelerator}: there is no CUDA GPU here, or PyTorch was "
            "built without; trainer=cpu trains on the processor"
        )
    if processes(trainer) < 1:
        raise UserError(f"trainer.devices={trainer.devices}: nothing to train on; give 1 or more")

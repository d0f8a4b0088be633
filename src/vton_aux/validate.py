"""The values of a configuration that types cannot check."""

from dataclasses import asdict

from vton_aux.config import TrainConfig
from vton_aux.data.augment import build_transforms
from vton_aux.data.datamodule import check_resident, check_size
from vton_aux.data.labels import LABEL_SETS
from vton_aux.errors import UserError
from vton_aux.stages.speed import check_mode


def check(config: TrainConfig) -> None:
    """Check a training's values.

    Raises:
        UserError: names the key, the value and what it may be.
    """
    choices = {"stage": ("all", "gmm", "tom"), "labels": tuple(LABEL_SETS)}
    for key, allowed in choices.items():
        value = getattr(config, key)
        if value not in allowed:
            raise UserError(f"{key}={value}: choose one of {', '.join(allowed)}")
    check_size(config.data.size)
    if not 0 < config.data.val_fraction < 1:
        raise UserError(f"data.val_fraction={config.data.val_fraction}: must lie between 0 and 1")
    for name in ("gmm", "tom"):
        settings = getattr(config, name)
        for key in ("width", "steps", "batch_size", "lr", "skin_weight", "background_weight"):
            if getattr(settings, key) <= 0:
                raise UserError(f"{name}.{key}={getattr(settings, key)}: must be above 0")
        if settings.head_width <= 0 or settings.head_width % 8:
            raise UserError(f"{name}.head_width={settings.head_width}: must be a multiple of 8")
        if not 0 <= settings.hold <= 1:
            raise UserError(f"{name}.hold={settings.hold}: must lie in [0, 1]")
        if settings.select not in ("last", "best"):
            raise UserError(f"{name}.select={settings.select}: choose last or best")
        if len(settings.betas) != 2:
            raise UserError(f"{name}.betas={list(settings.betas)}: Adam has two")
    for key in ("val_every", "checkpoint_every", "log_every"):
        if getattr(config, key) <= 0:
            raise UserError(f"{key}={getattr(config, key)}: must be above 0")
    augment = asdict(config.data.augment)
    flip = augment.pop("flip")
    if not 0 <= flip <= 1:
        raise UserError(f"data.augment.flip={flip}: a probability, must lie in [0, 1]")
    if config.speed.compile is not None:
        check_mode(config.speed.compile)
    build_transforms(augment)
    if config.data.resident:
        check_resident(config.data.cache is not None, augment)

"""Typed schemas of the configs in conf/: Hydra checks every key and every value against them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from vton_aux.errors import UserError
from vton_aux.overrides import of_keys
from vton_aux.stages.settings import GMMSettings, TOMSettings
from vton_aux.stages.speed import Speed

MISSING: Any = "???"


def config_folder() -> str:
    """The absolute path of conf/: inside an installed package, or beside src/ in a clone."""
    here = Path(__file__).resolve().parent
    installed = here / "conf"
    return str(installed if installed.is_dir() else here.parents[1] / "conf")


def typed(raw: Any) -> Any:
    """The composed configuration as the dataclass of its schema.

    Raises:
        UserError: a + has added a key that the schema does not have, and nobody would read.
    """
    config = OmegaConf.to_object(raw)
    unknown = [*_unknown(config)]
    if unknown:
        raise UserError(f"{', '.join(unknown)}: there is no such key; a + cannot add one")
    return config


def _unknown(config: Any, prefix: str = "") -> Iterator[str]:
    known = {f.name for f in fields(config)}
    for name, value in vars(config).items():
        if name not in known:
            yield prefix + name
        elif is_dataclass(value):
            yield from _unknown(value, f"{prefix}{name}.")


@dataclass
class ArmConfig:
    """Which stages have the auxiliary head (Table 1's columns)."""

    gmm_aux: bool = MISSING
    tom_aux: bool = MISSING


def arm_name(arm: ArmConfig) -> str:
    """The name of an arm of one's own, as long as no override changes it; else of the arm in conf/
    with these switches, the chosen one before others; else "custom"."""
    chosen = None
    if HydraConfig.initialized():
        chosen = str(HydraConfig.get().runtime.choices["arm"])
    paths = sorted(Path(config_folder(), "arm").glob("*.yaml"), key=lambda p: (p.stem != chosen, p))
    own = chosen is not None and chosen not in [path.stem for path in paths]
    if own and not of_keys(HydraConfig.get().overrides.task, "arm."):
        return str(chosen)
    for path in paths:
        told: Any = OmegaConf.to_container(OmegaConf.load(path))
        told = told.get("arm", told)
        if told.keys() <= asdict(arm).keys() and ArmConfig(**told) == arm:
            return path.stem
    return "custom"


@dataclass
class Generate:
    """A synthetic data set, written where it does not exist yet.

    Attributes:
        train, test: pairs of each split.
        seed: of the people and their cloths.
    """

    train: int = MISSING
    test: int = MISSING
    seed: int = 0


@dataclass
class AugmentConfig:
    """How training samples are changed.

    Attributes:
        flip: probability that the person is mirrored.
        geometry, colour: albumentations transforms as {transform: NAME, argument: value}.
    """

    flip: float = 0.0
    geometry: list[dict[str, Any]] = field(default_factory=list)
    colour: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class DataConfig:
    """A VITON folder and how it is read.

    Attributes:
        root: the folder.
        size: [height, width] in pixels, each divisible by 64, or [128, 96].
        workers: loader processes that decode or augment; 0 does it in the training process, as is
            done with packed samples that are not augmented.
        val_fraction: share of the distinct training images cut out for validation, in (0, 1).
        split_seed: seed of that choice, apart from the run's seed.
        cache: folder where decoded samples are kept; null reads the files each time.
        resident: keep the decoded training and validation samples on the training device.
        generate: make a synthetic set there first; null for real data.
    """

    root: str = MISSING
    size: list[int] = field(default_factory=lambda: [256, 192])
    workers: int = 0
    val_fraction: float = 0.05
    split_seed: int = 0
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    cache: str | None = None
    resident: bool = False
    generate: Generate | None = None


@dataclass
class RepresentationConfig:
    """Arguments of `PersonRepresentation`.

    Attributes:
        gmm_keeps, tom_keeps: raw LIP labels, in [0, 255], whose pixels I_p shows to each stage.
        shape_blur: how often smaller the silhouette is made and blown up again, at height 256.
        pose_radius: half side of a joint's square in pixels, at height 256.
    """

    gmm_keeps: list[int] = MISSING
    tom_keeps: list[int] = MISSING
    shape_blur: int = 16
    pose_radius: float = 5.0


@dataclass
class TrainerConfig:
    """Hardware, arguments of `pytorch_lightning.Trainer`.

    Attributes:
        devices: of each node: a number, a list of GPUs, -1 or "auto".
        precision: "32-true" or "bf16-mixed".
        benchmark: let cuDNN choose by measuring.
    """

    accelerator: str = "auto"
    devices: Any = 1
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    benchmark: bool = False


@dataclass
class WandbConfig:
    """Arguments of W&B's logger; offline unless the person is logged in."""

    project: str = "vton-aux"
    entity: str | None = None
    group: str | None = None
    tags: list[str] = field(default_factory=list)


@dataclass
class TrainConfig:
    """`vton-aux train`.

    Attributes:
        stage: "gmm" alone, or "all" and "tom": TOM and, without `gmm_checkpoint`, its GMM before.
        labels: classes of M_exp: lip, lip_neck or coarse.
        seed: of weights, order and augmentation.
        gmm_checkpoint: train TOM on this GMM instead of the one that the configuration makes.
        store: folder of finished and unfinished stages, found again by what went into them.
        val_every, checkpoint_every, log_every: in steps.
        pictures: validation samples on each sheet.
    """

    arm: ArmConfig = field(default_factory=ArmConfig)
    stage: str = "all"
    labels: str = "lip"
    seed: int = 0
    gmm: GMMSettings = field(default_factory=GMMSettings)
    tom: TOMSettings = field(default_factory=TOMSettings)
    data: DataConfig = field(default_factory=DataConfig)
    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    speed: Speed = field(default_factory=Speed)
    wandb: WandbConfig | None = None
    gmm_checkpoint: str | None = None
    store: str = "runs/stages"
    val_every: int = 5000
    checkpoint_every: int = 1000
    log_every: int = 50
    pictures: int = 4


@dataclass
class EvaluateConfig:
    """`vton-aux evaluate`.

    Attributes:
        checkpoint: a run's tom.ckpt; size, labels and representation come from it.
        predictions: instead of it, a folder of any system's pictures, named by person.
        name: of the system in tables; by default its arm, or the folder's name.
        pairing: "paired" (own cloth) or "unpaired" (test_pairs.txt).
        split: "test" or "val".
        output: folder for the pictures and scores; by default one that the same inputs find again.
        features: of FID and KID: "inception" or "package.module:factory"; null leaves both out.
        features_weights: file of the Inception weights.
        lpips: whether paired pictures get LPIPS too.
        batch_size: samples at a time.
        processes: processes that dress, with device=auto each on a GPU of its own.
        device: "auto", "cpu", "cuda", ...
        precision: of the networks, "32-true" or "bf16-mixed".
        compile: whether torch.compile makes them faster first.
        limit: at most so many samples; null for all.
        wandb: log the scores and a few people as a W&B run too.
    """

    checkpoint: str | None = None
    predictions: str | None = None
    name: str | None = None
    data: DataConfig = field(default_factory=DataConfig)
    pairing: str = "paired"
    split: str = "test"
    output: str | None = None
    features: str | None = None
    features_weights: str | None = None
    lpips: bool = False
    batch_size: int = 4
    processes: int = 1
    device: str = "auto"
    precision: str = "32-true"
    compile: bool = False
    limit: int | None = None
    wandb: WandbConfig | None = None


@dataclass
class TryOnConfig:
    """`vton-aux tryon`: files of one person and one cloth; without a cloth mask it is found."""

    checkpoint: str = MISSING
    person: str = MISSING
    parse: str = MISSING
    pose: str = MISSING
    cloth: str = MISSING
    cloth_mask: str | None = None
    output: str = "tryon.png"
    device: str = "auto"
    precision: str = "32-true"


@dataclass
class ExportConfig:
    """`vton-aux export`: the ending of `output` (.pt2 or .onnx) names the format."""

    checkpoint: str = MISSING
    output: str = "tryon.pt2"


def register() -> None:
    """Make the schemas known to Hydra."""
    store = ConfigStore.instance()
    store.store("train_schema", TrainConfig)
    store.store("evaluate_schema", EvaluateConfig)
    store.store("tryon_schema", TryOnConfig)
    store.store("export_schema", ExportConfig)

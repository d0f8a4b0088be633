"""What goes into a stage: its key in the store, and what its checkpoint tells of its making."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from vton_aux.config import TrainConfig, arm_name
from vton_aux.data.content import content_hash, training_photos
from vton_aux.data.datamodule import VITONDataModule
from vton_aux.files import key_of
from vton_aux.launch import processes
from vton_aux.losses.perceptual import vgg19_file
from vton_aux.stages.checkpoint import read_checkpoint
from vton_aux.stages.settings import OF_A_HEAD, GMMSettings, TOMSettings
from vton_aux.store import weights_digest
from vton_aux.version import MODEL, STAGE, code_version

StageName = Literal["gmm", "tom"]
HARDWARE = ("accelerator", "devices", "num_nodes", "strategy", "benchmark")


@dataclass(frozen=True)
class Recipe:
    """How a stage is trained.

    Attributes:
        inputs: all that decides its weights, as plain values.
        key: theirs, by which the store finds the stage again.
        context: of the stage; its provenance is what evaluations compare.
    """

    inputs: dict[str, Any]
    key: str
    context: dict[str, Any]


def recipe(config: TrainConfig, stage: StageName, data: dict[str, Any], gmm: Path | None) -> Recipe:
    """The recipe of a stage of `config`, with data and code as they are now.

    Args:
        config: the configuration.
        stage: which stage.
        data: arguments of `VITONDataModule` that decide what is read.
        gmm: the checkpoint of TOM's GMM.

    Raises:
        UserError: the data, the GMM's checkpoint or VGG19's file is missing or malformed.
    """
    aux = config.arm.gmm_aux if stage == "gmm" else config.arm.tom_aux
    settings = config.gmm if stage == "gmm" else config.tom
    vgg = _perceptual_weights(settings)
    training = {
        **{name: v for name, v in asdict(config.trainer).items() if name not in HARDWARE},
        "processes": processes(config.trainer),
    }
    origin = _origin(config, data)
    read = {k: v for k, v in asdict(settings).items() if aux or k not in OF_A_HEAD}
    inputs: dict[str, Any] = {
        "stage": stage,
        "aux": aux,
        "settings": read | vgg,
        "representation": asdict(config.representation),
        "reading": {**data, "root": None},
        **training,
        **origin,
    }
    if settings.select == "best":
        inputs["val_every"] = config.val_every
    of_gmm: dict[str, Any] = {}
    if gmm is not None:
        checkpoint = read_checkpoint(gmm)
        gmm_context = checkpoint["hyper_parameters"]["context"]
        of_gmm = gmm_context["provenance"]
        inputs["gmm"] = [of_gmm, weights_digest(checkpoint["state_dict"])]
        origin |= {
            "arm": arm_name(config.arm),
            "gmm_aux": gmm_context["aux"],
            "tom_aux": aux,
            "gmm_key": of_gmm.get("key"),
        }
    key = key_of(inputs)
    provenance = {
        **origin,
        "photos": training_photos(Path(data["root"])),
        "recipe": shared_key(inputs, of_gmm.get("recipe")),
        "training": {**training, **{name: data[name] for name in ("flip", "augment")}, **vgg},
        "key": key,
    }
    context = {
        "size": data["size"],
        "labels": config.labels,
        "representation": asdict(config.representation),
        "aux": aux,
        "provenance": provenance,
    }
    return Recipe(inputs, key, context)


def shared_key(inputs: dict[str, Any], gmm: str | None) -> str:
    """The key of how a stage is trained: what its seeds, and versions of the code, agree in.

    A setting at its default is as good as none: another version may lack it.

    Args:
        inputs: of the stage.
        gmm: the same of TOM's GMM; None where that is not known, and of a GMM.
    """
    same = {name: v for name, v in inputs.items() if name not in ("seed", "code", "model")}
    usual = asdict(GMMSettings() if inputs["stage"] == "gmm" else TOMSettings())
    settings = {k: v for k, v in inputs["settings"].items() if k not in usual or v != usual[k]}
    reading = {**inputs["reading"], "seed": None}
    return key_of({**same, "settings": settings, "reading": reading, "gmm": gmm})


def _origin(config: TrainConfig, data: dict[str, Any]) -> dict[str, Any]:
    """Seed, data and code as they are now: a stage may begin hours after the one before it."""
    module = VITONDataModule(**{**data, "augment": None})
    module.check_processes(processes(config.trainer))
    digest = module.training_fingerprint()
    versions = {"code": code_version(*STAGE), "model": code_version(*MODEL)}
    return {"seed": config.seed, "data": digest, **versions}


def _perceptual_weights(settings: GMMSettings | TOMSettings) -> dict[str, Any]:
    """VGG19 by its content; nothing where the loss does without."""
    if not isinstance(settings, TOMSettings):
        return {}
    if not settings.perceptual_weight:
        return {"vgg": None}
    path = vgg19_file(settings.vgg)
    return {"vgg": "random" if path is None else content_hash(path)}

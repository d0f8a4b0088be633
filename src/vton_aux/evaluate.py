"""`vton-aux evaluate`: dress a data set, or take the pictures of any other system, and score them.

OUTPUT/images, warps, segmentation   the pictures (see `evaluation.dress`)
OUTPUT/scores.parquet, scores.csv    a row a sample: protocol flags, strata, all scores
OUTPUT/summary.json                  means a protocol, and what they came from; written last
"""

import hashlib
import sys
import warnings
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from vton_aux import children
from vton_aux.config import DataConfig, EvaluateConfig, typed
from vton_aux.data.content import content_hash, fingerprint, training_photos
from vton_aux.data.datamodule import VITONDataModule, check_size
from vton_aux.data.layout import files_of
from vton_aux.data.sample import warn_of_other_shape
from vton_aux.data.synthetic.write import UNPAIRED
from vton_aux.device import autocast, pick_device, warn_of_slowness
from vton_aux.errors import UserError
from vton_aux.evaluation.dress import claim, dress, evaluation_data
from vton_aux.evaluation.features import build_features, build_lpips
from vton_aux.evaluation.known_scores import SCORES
from vton_aux.evaluation.runs import Evaluation, read_evaluation
from vton_aux.evaluation.score import METRIC_SETTINGS, find_predictions, score
from vton_aux.evaluation.settings import flat_settings
from vton_aux.evaluation.summary import protocol_scores, write_table
from vton_aux.files import alone, check_writable, key_of, read_object, write_json
from vton_aux.overrides import of_keys, override
from vton_aux.prepare import check_root, in_its_place, pack, prepare_data
from vton_aux.stages.checkpoint import load_tryon
from vton_aux.version import DRESSING, SCORING, code_version

OF_TRAINING = ("data.workers", "data.resident", "data.augment", "data/augment")


def evaluate(config: EvaluateConfig, size_asked: bool = False) -> tuple[dict[str, Any], Path]:
    """Evaluate a try-on model or a folder of pictures; return the summary and its folder.

    Args:
        size_asked: whether the person gave data.size, which then must be the checkpoint's.

    Raises:
        UserError: the checkpoint, a picture, the data or a value is missing or wrong.
    """
    _check(config)
    scored_by = code_version(*SCORING)
    inputs, system = _inputs(config, size_asked)
    prepare_data(config.data)
    data = evaluation_data(inputs)
    pairs, split = data.pairs, data.split
    warn_of_other_shape(files_of(data.root, split, pairs[0]).image, data.size)
    if config.split == "val":
        for trained_on in (system["trained_on"], system["gmm_trained_on"]):
            _check_cut(config, trained_on, data.size)
    elif {system["photos"], system["gmm_photos"]} - {None, training_photos(data.root)}:
        system["trained_elsewhere"] = True
        warnings.warn(
            f"{system['name']}: trained on other photos than {data.root} has for training, so the "
            "clean protocol cannot tell which test photos it has seen",
            stacklevel=1,
        )
    facts = {"root": inputs["root"], "fingerprint": fingerprint(data.root, split, pairs)}
    inputs["data"] = facts["fingerprint"]
    output = _output(config, inputs, system)
    check_writable(output / "summary.json")
    device, features = pick_device(config.device), None
    if config.features is not None:
        features = build_features(config.features, config.features_weights).to(device)
    lpips = build_lpips().to(device) if config.lpips else None
    if config.checkpoint is None:
        pictures = find_predictions(Path(cast(str, config.predictions)), data)
    data.packed = pack(config.data, split, data.size, inputs["labels"])
    folder = None if data.packed is None else data.packed.folder
    truth = data.root / split / UNPAIRED
    unpaired_truth = truth if config.pairing == "unpaired" and truth.is_dir() else None
    with alone(output):
        claim(output, inputs)
        _check_kept(config, output, system["name"])
        if config.checkpoint is not None:
            compiling = "compile=true" if config.compile else None
            warn_of_slowness(device, config.precision, compiling)
            _dress(output, config.device, config.processes, folder)
            pictures = find_predictions(output / "images", data)
        table, scores, distances = score(data, pictures, output, unpaired_truth, features, lpips)
        (output / "summary.json").unlink(missing_ok=True)
        write_table(table, output)
        summary = {
            "system": system,
            "data": facts,
            "split": config.split,
            "pairing": config.pairing,
            "truth": "photo" if config.pairing == "paired" else unpaired_truth and UNPAIRED,
            "size": inputs["size"],
            "labels": inputs["labels"],
            "images": len(table),
            "features": config.features,
            "features_weights": config.features_weights,
            "metric_settings": {**METRIC_SETTINGS, "version": scored_by},
            "code": inputs.get("code"),
            "protocols": protocol_scores(table, scores, distances),
        }
        write_json(output / "summary.json", summary)
    if config.wandb is not None:
        from vton_aux.dashboard import log_evaluation

        log_evaluation(config.wandb, Evaluation(output, summary))
    return summary, output


def _check_kept(config: EvaluateConfig, output: Path, name: str) -> None:
    """Check that what was scored in `output` loses nothing that this command does not mention."""
    try:
        former = read_evaluation(output)
    except UserError:
        return  # nothing finished lies there
    features, protocols = former.summary.get("features"), former.summary["protocols"].values()
    lost: dict[str, Any] = {}
    if config.name is None and former.name != name:
        lost["name"] = former.name
    if config.features is None and features is not None:
        lost["features"] = features
    if not config.lpips and any("lpips" in (of.get("means") or {}) for of in protocols):
        lost["lpips"] = True
    words = " ".join(override(key, value) for key, value in lost.items())
    if words:
        raise UserError(
            f"{output}: evaluated with {words}, which this command would drop; give it again, or "
            "output=FOLDER for another evaluation"
        )


def _check(config: EvaluateConfig) -> None:
    if (config.checkpoint is None) == (config.predictions is None):
        raise UserError(
            "give either checkpoint=FILE (a TOM) or predictions=DIR (pictures named by person)"
        )
    if config.pairing not in ("paired", "unpaired"):
        raise UserError(f"pairing={config.pairing}: choose paired or unpaired")
    if config.split not in ("test", "val"):
        raise UserError(f"split={config.split}: choose test or val")
    if config.split == "val" and config.pairing == "unpaired":
        raise UserError("split=val is paired; the unpaired pairs are those of split=test")
    if config.name is not None and ("/" in config.name or not config.name):
        raise UserError(f"name={config.name}: must not be empty nor hold a /")
    if not 0 < config.data.val_fraction < 1 or config.data.split_seed < 0:
        raise UserError(
            f"data.val_fraction={config.data.val_fraction} data.split_seed="
            f"{config.data.split_seed}: a share between 0 and 1, and 0 or more"
        )
    if min(config.batch_size, config.processes) < 1 or (
        config.limit is not None and config.limit < 1
    ):
        raise UserError("batch_size, processes and limit must be at least 1")
    autocast(config.precision, pick_device(config.device))
    if config.wandb is not None:
        from vton_aux.dashboard import logged_in  # W&B is slow to import

        logged_in(config.wandb)  # what is wrong is told first


def _check_cut(config: EvaluateConfig, trained_on: str | None, size: tuple[int, int]) -> None:
    """Check that the validation set is the one of the training."""
    if trained_on is None:
        return
    data = config.data
    module = VITONDataModule(
        data.root, size, val_fraction=data.val_fraction, split_seed=data.split_seed
    )
    if trained_on != module.training_fingerprint():
        raise UserError(
            f"split=val: data.val_fraction={data.val_fraction} and data.split_seed="
            f"{data.split_seed} cut another validation set out of {data.root} than the "
            "checkpoint's training had; give the training's values and data"
        )


def _inputs(config: EvaluateConfig, size_asked: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """What goes into the evaluation, and the system that is evaluated."""
    inputs: dict[str, Any] = {
        "root": str(Path(config.data.root).resolve()),
        "split": config.split,
        "pairing": config.pairing,
        "val_fraction": config.data.val_fraction,
        "split_seed": config.data.split_seed,
        "limit": config.limit,
        "batch_size": config.batch_size,
    }
    if config.checkpoint is None:
        folder = Path(cast(str, config.predictions)).resolve()
        inputs |= {"size": list(check_size(config.data.size)), "labels": "lip_neck"}
        inputs["predictions"] = str(folder)
        name = config.name or folder.name
        return inputs, {
            "kind": "predictions", "name": name, "arm": None, "seed": None, "steps": None,
            "checkpoint": None, "trained_on": None, "photos": None, "gmm_key": None,
            "gmm_trained_on": None, "gmm_photos": None, "predictions": str(folder),
        }  # fmt: skip
    path = Path(config.checkpoint).resolve()
    stage = load_tryon(path)
    context, provenance = stage.context, stage.context.provenance
    # the place of synthetic data is named by their size
    if list(config.data.size) != context.size and (size_asked or in_its_place(config.data)):
        elsewhere = "" if size_asked else ", or the folder to evaluate on, data.root=DIR"
        raise UserError(
            f"data.size={list(config.data.size)}: the checkpoint was trained at {context.size}; "
            f"give {override('data.size', context.size)}{elsewhere}"
        )
    inputs |= {"size": context.size, "labels": context.labels, "checkpoint": str(path)}
    inputs["weights"] = content_hash(path, hashlib.sha256)[:16]
    inputs |= {"precision": config.precision, "compile": config.compile}
    inputs["code"] = code_version(*DRESSING)
    # arms with the same heads share a stage, which is named by one; its run folder names its own
    arm = read_object(path.parent / "summary.json").get("arm") or provenance.get("arm")
    gmm = stage.hparams["gmm"]
    of_gmm = gmm["context"]["provenance"]
    return inputs, {
        "kind": "checkpoint", "name": config.name or arm or path.stem, "arm": arm,
        "seed": provenance.get("seed"),
        "steps": {"gmm": gmm["settings"]["steps"], "tom": stage.settings.steps},
        "checkpoint": str(path), "trained_on": provenance.get("data"),
        "photos": provenance.get("photos"),
        "gmm_key": of_gmm.get("key"), "gmm_trained_on": of_gmm.get("data"),
        "gmm_photos": of_gmm.get("photos"),
        "recipe": provenance.get("recipe"), "code": provenance.get("code"),
        "labels": context.labels, "precision": config.precision,
        "settings": flat_settings(stage.hparams),
    }  # fmt: skip


def _data_of_training(checkpoint: Path) -> DataConfig:
    """What the run folder's configuration reads.

    Raises:
        UserError: the checkpoint lies in none, or the configuration is damaged or of another
            version.
    """
    path = checkpoint.parent / "config.yaml"
    try:
        # the configuration's own root is seen from where the training was started
        root = read_object(checkpoint.parent / "summary.json")["data_root"]
        data = OmegaConf.merge(OmegaConf.structured(DataConfig), OmegaConf.load(path).data)
        found = replace(cast(DataConfig, OmegaConf.to_object(data)), root=root)
    except (OSError, KeyError, ValueError, AttributeError, YAMLError, OmegaConfBaseException):
        raise UserError(
            f"checkpoint={checkpoint}: config.yaml and summary.json beside it do not tell the data "
            "of its training; give data=viton data.root=DIR"
        ) from None
    if not Path(root).is_dir():
        raise UserError(f"{root}: the data of the training are gone; give data=viton data.root=DIR")
    return found


def _output(config: EvaluateConfig, inputs: dict[str, Any], system: dict[str, Any]) -> Path:
    """The folder asked for, else one that the same inputs find again."""
    if config.output is not None:
        return Path(config.output)
    name = f"{config.split}_{config.pairing}-{key_of(inputs)}"
    if config.checkpoint is not None:
        return Path(config.checkpoint).parent / "evaluations" / name
    return Path("runs") / "predictions" / f"{system['name']}_{name}"


def _dress(output: Path, device: str, processes: int, packed: Path | None) -> None:
    if processes == 1:
        dress(output, device, packed=packed)
        return
    folder = [] if packed is None else [str(packed)]
    command = [sys.executable, "-m", "vton_aux.evaluation.dress", str(output), device]
    statuses = children.run(
        *([*command, str(rank), str(processes), *folder] for rank in range(processes))
    )
    if any(statuses):
        failed = [rank for rank, status in enumerate(statuses) if status]
        raise UserError(f"processes {failed} of {processes} failed; the same command goes on")


def main(raw: Any) -> None:
    """The job that Hydra calls with the composed configuration."""
    config: EvaluateConfig = typed(raw)
    overrides = HydraConfig.get().overrides.task
    for word in of_keys(overrides, *OF_TRAINING):
        raise UserError(f"{word}: of trainings; an evaluation does not read it, leave it out")
    checkpoint = None if config.checkpoint is None else Path(config.checkpoint).resolve()
    named = of_keys(overrides, "data=", "data.root", "data.generate")
    if checkpoint is not None and checkpoint.is_file() and not named:
        asked = [f.name for f in fields(DataConfig) if of_keys(overrides, f"data.{f.name}=")]
        own = {name: getattr(config.data, name) for name in asked}
        config.data = replace(_data_of_training(checkpoint), **own)
    check_root(config.data, overrides)
    summary, output = evaluate(config, size_asked=bool(of_keys(overrides, "data.size=")))
    size = "x".join(map(str, summary["size"]))
    print(
        f"{summary['system']['name']}: {config.pairing} {config.split} images of "
        f"{config.data.root} at {size}"
    )
    for protocol, scores in summary["protocols"].items():
        shown = {"fid": scores.get("fid"), "kid": scores.get("kid"), **scores["means"]}
        values = ", ".join(
            f"{name} {shown[name]:.4f}"
            for name in ("fid", "kid", "ssim", "ms_ssim", "psnr", "warp_iou")
            if shown.get(name) is not None
        )
        print(f"  {protocol} ({scores['images']} images)  {values}")
    means = {name for scores in summary["protocols"].values() for name in scores["means"]}
    for name in sorted(means - SCORES.keys()):
        print(f"  {name}: tables and reports show it once known_scores.SCORES names it")
    print(f"results: {output}")

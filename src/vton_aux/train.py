"""`vton-aux train`: train what an arm needs and gather the results in the run folder.

RUN/config.yaml     the resolved configuration
RUN/gmm.ckpt        the geometric matching module
RUN/tom.ckpt        a whole try-on model: TOM with its frozen GMM
RUN/metrics.csv     the curves of both stages
RUN/pictures/       validation samples after each stage
RUN/summary.json    validation scores, and what they came from; written last
"""

import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from vton_aux import children
from vton_aux.config import TrainConfig, arm_name, typed
from vton_aux.data.datamodule import check_size
from vton_aux.errors import UserError
from vton_aux.files import alone, write_json
from vton_aux.fit import TOLD, Job
from vton_aux.launch import environment, follow, launch, leads
from vton_aux.losses.perceptual import vgg19_file
from vton_aux.prepare import check_root, pack, prepare_data
from vton_aux.recipe import StageName, recipe
from vton_aux.stages.checkpoint import check_model, read_checkpoint
from vton_aux.stages.settings import GMMSettings
from vton_aux.stages.speed import MALLOC
from vton_aux.store import finished, place, unfinished_by_other_code
from vton_aux.validate import check

KILLED = {
    "SIGKILL": "out of memory?",
    "SIGSEGV": "a crash in compiled code, as a diverged training may bring; see log/ there",
}


class StageFailedError(UserError):
    """A stage's process ended with an error."""

    told = True  # by that process


def train(config: TrainConfig, run: Path) -> dict[str, Any]:
    """Train the stages that `config` asks for; return what RUN/summary.json holds.

    Raises:
        UserError: a value is out of range, or the data are missing or malformed.
        KeyboardInterrupt: after a Ctrl-C or SIGTERM; of a stage's training, it says how to go on.
    """
    check(config)
    if config.trainer.accelerator == "auto":  # Lightning's would take Apple's GPUs too
        config.trainer.accelerator = "gpu" if torch.cuda.is_available() else "cpu"
    given = _given_gmm(config)
    prepare_data(config.data)
    augment = asdict(config.data.augment)
    data: dict[str, Any] = {
        "root": str(Path(config.data.root).resolve()),
        "size": list(check_size(config.data.size)),
        "labels": config.labels,
        "val_fraction": config.data.val_fraction,
        "split_seed": config.data.split_seed,
        "flip": augment.pop("flip"),
        "augment": augment,
        "seed": config.seed,
    }
    folders: dict[str, Path] = {}
    if given is None:
        folders["gmm"] = _stage(config, "gmm", data, run)
    if config.stage != "gmm":
        gmm = given or folders["gmm"] / "model.ckpt"
        folders["tom"] = _stage(config, "tom", data, run, gmm)
    return gather(config, run, folders)


def _stage(
    config: TrainConfig,
    stage: StageName,
    data: dict[str, Any],
    run: Path,
    gmm: Path | None = None,
) -> Path:
    """The folder of a finished stage, trained now where no equal one stands in the store."""
    settings = getattr(config, stage)
    made = recipe(config, stage, data, gmm)
    folder = (Path(config.store) / f"{stage}-{made.key}").resolve()
    if finished(folder):
        check_model(folder)
        logged = "" if config.wandb is None else "; wandb=on logs what is trained, so nothing of it"
        print(f"{stage}: found finished in {folder}{logged}")
        return folder
    job = Job(
        stage=stage,
        settings=asdict(settings),
        context=made.context,
        data={**data, **_access(config), "batch_size": settings.batch_size},
        trainer=asdict(config.trainer),
        speed=asdict(config.speed),
        wandb=_wandb(config, stage, made.key, run),
        seed=config.seed,
        gmm=None if gmm is None else str(gmm),
        pictures=config.pictures,
        val_every=config.val_every,
        checkpoint_every=config.checkpoint_every,
        log_every=config.log_every,
        launch=launch(),
    )
    if stage == "gmm" and config.stage != "gmm" and config.tom.perceptual_weight:
        vgg19_file(config.tom.vgg)  # that TOM lacks it is told before its GMM is trained
    if leads():
        # two jobs of a sweep may need one GMM: the second waits and finds it finished
        with alone(folder):
            if not finished(folder):
                going_on = " (goes on)" if (folder / "last.ckpt").is_file() else ""
                for other in unfinished_by_other_code(folder, made.inputs) if not going_on else ():
                    print(
                        f"{stage}: {other} was begun by other code, with which the same command "
                        "goes on; this one starts anew"
                    )
                print(f"{stage}: training in {folder}{going_on}", flush=True)
                job.write(folder)
                write_json(folder / "inputs.json", made.inputs)
                _run(folder, config.speed.malloc)
    else:
        follow(folder, job)
        if not finished(folder):
            _run(folder, config.speed.malloc)
    return folder


def _access(config: TrainConfig) -> dict[str, Any]:
    """Arguments of `VITONDataModule` that change no sample, so no result and no stage's key."""
    packed = pack(config.data, "train", check_size(config.data.size), config.labels)
    return {
        "workers": config.data.workers,
        "packed": {} if packed is None else {"train": str(packed.folder)},
        "resident": config.data.resident,
    }


def _run(folder: Path, malloc: bool) -> None:
    """Train in a process of its own (see `fit`), which also gets a SIGTERM that comes here."""
    command = [sys.executable, "-m", "vton_aux.fit", str(folder)]
    told = folder / TOLD
    told.unlink(missing_ok=True)
    env = {**(MALLOC if malloc else {}), **os.environ, **environment()}
    try:
        (status,) = children.run(command, env=env)
    except KeyboardInterrupt:
        status = children.STOPPED
    if status == 0:
        return
    last = folder / "last.ckpt"
    again = f"goes on from {last}" if last.is_file() else "begins again: there is no checkpoint yet"
    if finished(folder):
        again = f"goes on behind this stage, which is finished in {folder}"
    if children.was_stopped(status):
        raise KeyboardInterrupt(f"the same command {again}")
    if status < 0 and not told.is_file():
        name = signal.Signals(-status).name
        raise UserError(
            f"{folder}: training was killed by {name} ({KILLED.get(name, 'no error was told')}); "
            f"the same command {again}"
        )
    raise StageFailedError(f"{folder}: training ended with status {status}")


def _given_gmm(config: TrainConfig) -> Path | None:
    """The GMM that the configuration names, where it fits the rest of it."""
    if config.gmm_checkpoint is None:
        return None
    if config.stage == "gmm":
        raise UserError(f"gmm_checkpoint={config.gmm_checkpoint}: for TOM, which stage=gmm omits")
    path = Path(config.gmm_checkpoint).resolve()
    arguments = read_checkpoint(path)["hyper_parameters"]
    if "gmm" in arguments:
        raise UserError(f"gmm_checkpoint={path}: a TOM; give the model.ckpt of a GMM")
    if not {"settings", "context"} <= set(arguments):
        raise UserError(f"gmm_checkpoint={path}: not a checkpoint of vton-aux")
    if list(arguments["context"]["size"]) != list(config.data.size):
        raise UserError(
            f"gmm_checkpoint={path}: trained at {arguments['context']['size']}, but "
            f"data.size={list(config.data.size)}"
        )
    representation = arguments["context"]["representation"]
    for key, value in asdict(config.representation).items():
        if key != "tom_keeps" and representation.get(key, value) != value:
            raise UserError(
                f"gmm_checkpoint={path}: trained with representation.{key}={representation[key]}, "
                f"but here it is {value}"
            )
    if arguments["context"]["aux"] != config.arm.gmm_aux:
        kind = "with" if arguments["context"]["aux"] else "without"
        raise UserError(
            f"gmm_checkpoint={path}: trained {kind} the auxiliary head, but arm.gmm_aux="
            f"{str(config.arm.gmm_aux).lower()}; choose the arm that this GMM belongs to"
        )
    try:
        config.gmm = GMMSettings(**arguments["settings"])  # RUN/config.yaml tells what it was
    except TypeError as error:
        raise UserError(f"gmm_checkpoint={path}: fits no GMM of this version: {error}") from None
    return path


def gather(config: TrainConfig, run: Path, folders: dict[str, Path]) -> dict[str, Any]:
    """Put the results of the stages into the run folder and return its summary."""
    summary: dict[str, Any] = {
        "arm": arm_name(config.arm),
        "gmm_aux": config.arm.gmm_aux,
        "tom_aux": config.arm.tom_aux,
        "seed": config.seed,
        "size": list(config.data.size),
        "data_root": str(Path(config.data.root).resolve()),
    }
    curves = []
    for stage, folder in folders.items():
        done = finished(folder)
        if done is None:
            raise UserError(f"{folder}: the stage is not finished; the same command goes on")
        summary[stage] = {**done, "folder": str(folder)}
        curves.append(pd.read_csv(folder / "metrics.csv").assign(stage=stage))
        if leads():
            place(folder / "model.ckpt", run / f"{stage}.ckpt")
            pictures = sorted((folder / "pictures").glob("step_*.png"))
            if pictures:
                place(pictures[-1], run / "pictures" / f"{stage}.png")
    if leads():
        pd.concat(curves).to_csv(run / "metrics.csv", index=False)
        OmegaConf.save(OmegaConf.structured(config), run / "config.yaml")
        write_json(run / "summary.json", summary)
    return summary


def _wandb(config: TrainConfig, stage: StageName, key: str, run: Path) -> dict[str, Any] | None:
    if config.wandb is None:
        return None
    from vton_aux.dashboard import stage_run  # W&B is slow to import

    return stage_run(config, stage, arm_name(config.arm), key, run)


def main(raw: Any) -> None:
    """The job that Hydra calls with the composed configuration."""
    config: TrainConfig = typed(raw)
    run = Path(HydraConfig.get().runtime.output_dir)
    check_root(config.data, HydraConfig.get().overrides.task)
    summary = train(config, run)
    if leads():
        for stage in ("gmm", "tom"):
            if stage in summary:
                scores = summary[stage]["validation"]
                shown = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
                print(f"{summary['arm']} {stage}: {shown}")
        print(f"results: {run}")

"""Checkpoints, written whole; and read: whole try-on models, and what they came from."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from vton_aux.errors import UserError
from vton_aux.files import write_bytes
from vton_aux.stages.tom import TOMStage
from vton_aux.version import MODEL, code_version


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's files, each whole or as it was before.

    Lightning's own come by way of the system's folder for temporary files, and over the one before
    as a copy where that lies on another disk.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write beside `path` and put that in its place."""
        content = BytesIO()  # torch's own writer tells of no full disk
        torch.save(checkpoint, content)
        write_bytes(Path(path), content.getbuffer())


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The contents of a checkpoint of either stage, on the CPU, without running any code of it.

    Raises:
        UserError: the file is missing or is no checkpoint of this package.
    """
    path = Path(path)
    if not path.is_file():
        wrong = "a folder; give the .ckpt in it" if path.is_dir() else "the checkpoint is missing"
        raise UserError(f"{path}: {wrong}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"{path}: not a checkpoint ({type(error).__name__})") from None
    parts = {"state_dict", "hyper_parameters"}
    if not isinstance(checkpoint, dict) or not parts <= set(checkpoint):
        raise UserError(f"{path}: not a checkpoint of vton-aux (no hyper-parameters in it)")
    return checkpoint


def check_model(folder: Path) -> None:
    """Check that the model of a finished stage can be read.

    Raises:
        UserError: it is damaged.
    """
    try:
        read_checkpoint(folder / "model.ckpt")
    except UserError as error:
        raise UserError(f"{error}; without {folder} it is trained again") from None


def load_tryon(path: str | Path) -> TOMStage:
    """A whole try-on model (frozen GMM and TOM) in evaluation mode, on the CPU.

    Warns where another version of the model's code trained it.

    Raises:
        UserError: the file is missing, is no checkpoint or holds a GMM alone.
    """
    checkpoint = read_checkpoint(path)
    arguments = checkpoint["hyper_parameters"]
    if "gmm" not in arguments and {"settings", "context"} <= set(arguments):
        raise UserError(f"{path}: a GMM alone; give the checkpoint of a TOM, which holds its GMM")
    try:
        stage = TOMStage(**{name: arguments[name] for name in ("settings", "context", "gmm")})
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: not a try-on model of this version ({error})") from None
    try:
        stage.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise UserError(f"{path}: the weights fit no network of this version: {first}") from None
    trained_by = stage.context.provenance.get("model")
    if trained_by not in (None, code_version(*MODEL)):
        warnings.warn(
            f"{path}: trained by another version of the model's code, so its pictures may be other "
            "than that version's",
            stacklevel=1,
        )
    return stage.eval()

"""`vton-aux export`: a trained try-on model as one file that runs without this package."""

from pathlib import Path
from typing import Any

from vton_aux.config import ExportConfig, typed
from vton_aux.errors import UserError
from vton_aux.files import check_writable
from vton_aux.portable import WRITERS
from vton_aux.stages.checkpoint import load_tryon


def export(config: ExportConfig) -> Path:
    """Write `output` in the format that its ending names; return its path.

    Raises:
        UserError: the checkpoint is missing or wrong, no format has that ending, the packages that
            write it are missing, or `output` cannot be written.
    """
    output = Path(config.output)
    write = WRITERS.get(output.suffix)
    if write is None:
        raise UserError(f"output={output}: give a name that ends in {' or '.join(WRITERS)}")
    check_writable(output)
    write(load_tryon(Path(config.checkpoint)), output)
    return output


def main(raw: Any) -> None:
    """The job that Hydra calls with the composed configuration."""
    config: ExportConfig = typed(raw)
    output = export(config)
    print(f"{output}: {output.stat().st_size / 1e6:.0f} MB")

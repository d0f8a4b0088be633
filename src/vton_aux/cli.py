"""The command line: `vton-aux COMMAND ...`."""

import os
import sys
from collections.abc import Callable
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from vton_aux.config import config_folder, register
from vton_aux.errors import UserError, one_line

USAGE = """usage: vton-aux COMMAND ...

  train [-m] [KEY=VALUE ...]       train the stages of an arm: arm=both data=viton data.root=DIR
  evaluate checkpoint=FILE ...     dress the test set and score it
  tryon checkpoint=FILE ...        dress one person in one cloth
  data check DIR                   what a VITON folder holds, and what is wrong with it
  data synthesize DIR ...          write a synthetic VITON

`vton-aux COMMAND --help` tells more; train, evaluate and tryon take Hydra overrides."""


def main() -> None:
    """Run a command; errors that the user can mend are one line and exit status 2."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        sys.exit(0 if arguments else 2)
    command, *rest = arguments
    try:
        if command in ("train", "evaluate", "tryon"):
            _hydra(command, rest)
        elif command == "data":
            from vton_aux import data_cli

            sys.exit(data_cli.main(rest))
        else:
            raise UserError(f"unknown command {command}; see vton-aux --help")
    except (UserError, HydraException, OmegaConfBaseException) as error:
        from vton_aux.train import StageFailedError

        if not isinstance(error, StageFailedError):  # its own process has told the error
            print(f"error: {_message(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)


def _hydra(command: str, arguments: list[str]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors reach us instead of Hydra's own printing
    register()
    sys.argv = [f"vton-aux {command}", *arguments]
    hydra.main(version_base="1.3", config_path=config_folder(), config_name=command)(
        _job(command)
    )()


def _job(command: str) -> Callable[[Any], None]:
    def job(config: Any) -> None:
        # imported here: torch and Lightning take seconds that --help should not
        if command == "train":
            from vton_aux.train import main as run
        elif command == "evaluate":
            from vton_aux.evaluate import main as run
        else:
            from vton_aux.tryon import main as run
        run(config)

    return job


def _message(error: BaseException) -> str:
    if isinstance(error, UserError):
        return one_line(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("reference_type", "object_type"))]
    return "; ".join(kept)

"""The command line: `vton-aux COMMAND ...`."""

import os
import pkgutil
import re
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vton_aux.children import STOPPED
from vton_aux.config import config_folder, register
from vton_aux.errors import UserError, one_line
from vton_aux.launch import leads
from vton_aux.overrides import of_keys, quoted

USAGE = """usage: vton-aux COMMAND ...

  train [-m] [KEY=VALUE ...]       train the stages of an arm: arm=both data=viton data.root=DIR
  evaluate checkpoint=FILE ...     dress the test set and score it (or predictions=DIR)
  tryon checkpoint=FILE ...        dress one person in one cloth
  export checkpoint=FILE ...       the model as one file that runs without this package
  table RUN ...                    the paper's Table 1 beside these runs
  report RUN ...                   one HTML file: table, intervals, strata, galleries
  figures RUN ...                  Figures 1 to 3 and galleries as files
  ablation [KEY=VALUE ...]         all of it: train the arms over seeds, evaluate, table, report
  bench run                        measure this machine: loader, steps, inference, metrics
  stages [STORE]                   what the store of trained stages holds
  data check DIR                   what a VITON folder holds, and what is wrong with it
  data pack DIR ...                decode it ahead of training
  data synthesize DIR ...          write a synthetic VITON
  demo                             the ablation, small, on synthetic data

`vton-aux COMMAND --help` tells more; train, evaluate, tryon and export take Hydra
overrides."""


_HYDRA = ("train", "evaluate", "tryon", "export")  # `main` of the module of that name
_PLAIN = {
    "table": "report_cli:table",
    "report": "report_cli:report",
    "figures": "report_cli:figures",
    "ablation": "ablation:main",
    "bench": "bench_cli:main",
    "stages": "stages_cli:main",
    "data": "data_cli:main",
    "demo": "ablation:demo",
}
# stopped, they find again what they have done; `train` and `bench` tell more of it themselves
_GOES_ON = ("evaluate", "ablation", "demo")
# what Hydra and OmegaConf say, and what to do
_CLEARER = {
    r"; To append to your config use .*": ": there is no such key",
    r"(Available options in '\w+'); ": r"\1: ",
    r"^.*missing mandatory value: .*full_key: ([\w.]+).*": r"\1 is missing; give \1=VALUE",
    r"^Error merging override (\w+)\.(\w+)=(\w+); .*not a subclass of .*": (
        r"\1.\2=\3: this is a group of keys; \1/\2=\3 chooses one by name"
    ),
}


def main() -> None:
    """Run a command; errors that the user can mend are one line and exit status 2, Ctrl-C and
    SIGTERM one line and `STOPPED`."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        sys.exit(0 if arguments else 2)
    command, *rest = arguments
    # an error like Ctrl-C's, at which what is half done is undone
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if command in _HYDRA and {"-h", "--help"} & {*rest}:
            print(_help(command))
        elif command in _HYDRA:
            _hydra(command, rest)
        elif command in _PLAIN:
            if status := _code(_PLAIN[command])(rest):
                sys.exit(status)
        else:
            raise UserError(f"unknown command {command}; see vton-aux --help")
    except (UserError, HydraException, OmegaConfBaseException, OSError) as error:
        _tell(error)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        _stop(command, stop)
    finally:
        signal.signal(signal.SIGTERM, former)


def _help(command: str) -> str:
    """The comments and keys of the command's configuration, and what its groups may be."""
    folder = Path(config_folder())
    path = folder / f"{command}.yaml"
    about, _, rest = path.read_text().partition("defaults:\n")
    keys = rest.partition("\n\n")[2].partition("\nhydra:")[0]
    groups = [
        str(name)
        for entry in OmegaConf.load(path).defaults
        if not isinstance(entry, str)
        for name in entry
        if (folder / str(name)).is_dir()
    ]
    if command == "train":
        groups += ["gmm", "tom", "data/augment"]  # chosen by other groups
    parts = [
        "\n".join(line.removeprefix("#").removeprefix(" ") for line in about.splitlines()),
        f"keys:\n{textwrap.indent(keys.strip(), '  ')}",
        "`--cfg job` prints the whole configuration, `--hydra-help` what Hydra itself takes.",
    ]
    if groups:
        lines = ["groups, whose keys GROUP.KEY their files in conf/ explain:"]
        for name in groups:
            files = sorted((folder / name).glob("*.yaml"))
            lines.append(f"  {name}={'|'.join(file.stem for file in files)}")
        parts.insert(2, "\n".join(lines))
    return "\n\n".join(parts)


def _code(name: str) -> Callable[..., Any]:
    """Imported when it is wanted: torch and Lightning take seconds that --help should not."""
    return pkgutil.resolve_name(f"vton_aux.{name}")  # type: ignore[no-any-return]


def _hydra(command: str, arguments: list[str]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors reach us instead of Hydra's own printing
    register()
    arguments = _options_first(arguments)
    if not leads() and not {"-m", "--multirun"} & {*arguments}:
        # it writes nothing, and its clock may name another folder than the first process has
        arguments = [*arguments, "hydra.run.dir=.", "hydra.output_subdir=null"]
    sys.argv = [f"vton-aux {command}", *arguments]
    failed: list[str] = []
    run = hydra.main(version_base="1.3", config_path=config_folder(), config_name=command)
    try:
        run(_job(command, failed))()
    except ValueError as error:
        if str(error).startswith("Only one of --run"):
            raise UserError(str(error)) from None
        if not str(error).startswith("Config group override"):
            raise
        raise UserError(
            "a number or null stands where a group is chosen by name, as in arm=both"
        ) from None
    except AssertionError as error:  # of OmegaConf, where a key's group is null
        if not str(error).startswith("Unexpected type for root"):
            raise
        keys = of_keys(arguments, "wandb.", "data.generate.")
        raise UserError(
            f"{', '.join(keys)}: a key in a group that is null; choose the group, as wandb=on does"
        ) from None
    if failed:
        raise UserError(f"{len(failed)} of the sweep's jobs failed: {', '.join(failed)}")


def _options_first(arguments: list[str]) -> list[str]:
    """The options with their values, then the overrides, which argparse takes in one piece."""
    options: list[str] = []
    overrides: list[str] = []
    for before, word in zip(["", *arguments], arguments, strict=False):
        value = before.startswith("-") and "=" not in before + word
        value = value and not word.startswith(("+", "~"))
        chosen = options if word.startswith("-") or value else overrides
        chosen.append(word)
    return options + overrides


def _job(command: str, failed: list[str]) -> Callable[[Any], None]:
    def job(config: Any) -> None:
        run = _code(f"{command}:main")
        try:
            if HydraConfig.get().job.chdir:
                raise UserError(
                    "hydra.job.chdir=true: the store, the data and all relative paths would lie in "
                    "each run's own folder; leave it out"
                )
            run(config)
        except (UserError, OmegaConfBaseException, OSError) as error:
            settings = HydraConfig.get()
            _tell(error)
            if settings.mode == RunMode.RUN:
                sys.exit(2)
            if not settings.launcher._target_.endswith("BasicLauncher"):
                raise  # a job of its own, on SLURM, fails by itself
            # the other jobs of a sweep go on; all that failed are named at its end
            failed.append(" ".join(settings.overrides.task))
        except KeyboardInterrupt as stop:  # no other job of a sweep begins
            _stop(command, stop)

    return job


def _stop(command: str, stop: KeyboardInterrupt) -> NoReturn:
    """End this process, and say how to go on where `stop` tells it or the command does so."""
    again = str(stop) or ("the same command goes on" if command in _GOES_ON else "")
    print(f"error: interrupted{again and f'; {again}'}", file=sys.stderr)
    sys.exit(STOPPED)


def _tell(error: BaseException) -> None:
    """Print the error as one line, unless the stage's own process has told it."""
    if getattr(error, "told", False):
        return
    if isinstance(error, OverrideParseException):
        print(f"error: {_unreadable(error.override)}", file=sys.stderr)
        return
    if not isinstance(error, HydraException | OmegaConfBaseException):
        print(f"error: {one_line(error)}", file=sys.stderr)
        return
    lines = [*str(error).splitlines(), *str(error.__cause__ or "").splitlines()]
    text = "; ".join(dict.fromkeys(line.strip().rstrip(".:") for line in lines if line.strip()))
    text = (
        text.replace("\\'", "'").partition("; Config search path")[0].partition("; object_type")[0]
    )
    for theirs, ours in _CLEARER.items():
        text = re.sub(theirs, ours, text)
    print(f"error: {text}", file=sys.stderr)


def _unreadable(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals:
        return f"{override}: no override; give KEY=VALUE"
    if value[:1] + value[-1:] == "()":
        return f"{override}: Hydra cannot read it; a list has brackets: '{key}=[{value[1:-1]}]'"
    return (
        f"{override}: Hydra cannot read it; quote odd characters for Hydra, and that for the "
        f'shell: "{key}={quoted(Path(value).expanduser() if value[:1] == "~" else value)}"'
    )

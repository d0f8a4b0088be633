"""Run `vton-aux` inside the test's process."""

import sys
from typing import NamedTuple

import pytest
from hydra.core.global_hydra import GlobalHydra

from vton_aux.cli import main


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


def vton_aux(capfd: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """What the command prints (further processes included) and its exit status."""
    capfd.readouterr()
    argv, sys.argv = sys.argv, ["vton-aux", *map(str, arguments)]
    GlobalHydra.instance().clear()
    try:
        main()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.argv = argv
        GlobalHydra.instance().clear()
    return Outcome(status, *capfd.readouterr())

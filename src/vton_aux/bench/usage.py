"""Memory and page faults of this process and of those that it has started."""

import os
import re
import resource
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Usage(NamedTuple):
    """Of all the processes together.

    Attributes:
        peak_mib: sum of the largest resident sizes, shared pages counted in each.
        faults: minor page faults so far.
    """

    peak_mib: float
    faults: int


def usage() -> Usage:
    """What the processes have used; where there is no /proc, this one alone."""
    if not (_PROC / "self" / "stat").is_file():
        own = resource.getrusage(resource.RUSAGE_SELF)
        return Usage(own.ru_maxrss / 1024, own.ru_minflt)
    peaks, faults = zip(*map(_of, _family(os.getpid())), strict=True)
    return Usage(sum(peaks), sum(faults))


def _read(path: Path) -> str:
    """What stands there; nothing where the thread or process has ended since."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _family(process: int) -> list[int]:
    lists = [_read(path) for path in _PROC.glob(f"{process}/task/*/children")]
    children = [int(child) for of_thread in lists for child in of_thread.split()]
    return [process, *(one for child in children for one in _family(child))]


def _of(process: int) -> tuple[float, int]:
    stat, status = (_read(_PROC / str(process) / name) for name in ("stat", "status"))
    if not (stat and status):
        return 0.0, 0
    peak = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)  # a zombie has none
    # the name, in brackets, may hold spaces; minflt is the eighth field behind it
    return int(peak[1]) / 1024 if peak else 0.0, int(stat.rpartition(")")[2].split()[7])

"""Processes of our own that end in good order with the one that started them."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

STOPPED = 128 + signal.SIGINT  # exit status of a process that was told to end, and did in order
_STARTED_BY = "VTON_AUX_STARTED_BY"  # process id
_GRACE = 600.0  # seconds from SIGTERM to SIGKILL


def run(
    *commands: Sequence[str], env: Mapping[str, str] | None = None, quiet: bool = False
) -> list[int]:
    """Run the commands side by side; their exit statuses, below 0 where a signal killed one.

    Ctrl-C and SIGTERM reach each of them as one SIGTERM, at whose end they are waited for; a second
    Ctrl-C kills them. (A terminal sends Ctrl-C to all processes at once, to those also that are
    still importing.)

    Args:
        env: their environment, by default this process's.
        quiet: whether their standard output is thrown away.

    Raises:
        KeyboardInterrupt: after a Ctrl-C or SIGTERM, when all have ended.
    """
    output = subprocess.DEVNULL if quiet else None
    env = {**(os.environ if env is None else env), _STARTED_BY: str(os.getpid())}
    running: list[subprocess.Popen[bytes]] = []
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for command in commands:
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            running.append(subprocess.Popen(command, env=env, stdout=output))
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return [process.wait() for process in running]
    except KeyboardInterrupt:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
        raise
    finally:
        for process in running:
            process.kill()
        signal.signal(signal.SIGTERM, former)


def was_stopped(status: int) -> bool:
    """Whether a process with this exit status ended because it was told to."""
    return status in (STOPPED, -signal.SIGTERM)


def end_with_parent() -> None:
    """Send this process a SIGTERM when the one that started it is gone, however that ended.

    The parent is one that called `run`, or `end_with_parent` itself before.
    """
    parent = int(os.environ.get(_STARTED_BY, os.getppid()))
    os.environ[_STARTED_BY] = str(os.getpid())

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()

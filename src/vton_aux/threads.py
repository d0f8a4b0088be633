"""Work that threads of this process do beside it, and the cores that there are for them."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")

MOST = 16  # a tenth of scoring is Python's own, which one thread at a time does


def cores() -> int:
    """On how many cores this process may run; where the system does not tell, all that it has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(
    work: Callable[[Job], Result],
    jobs: Iterable[Job],
    threads: int,
    begin: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """The results of `work`, in the order of the jobs, of which at most two a thread are under way.

    Args:
        threads: how many there are, but no more than `MOST`.
        begin: called once in each thread.

    Raises:
        Exception: what `work` or an iteration over `jobs` raises, in its turn; jobs that are under
            way are done nevertheless.
    """
    threads = min(threads, MOST)
    running: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, initializer=begin) as pool:
        for job in jobs:
            if len(running) == 2 * threads:
                yield running.popleft().result()
            running.append(pool.submit(work, job))
        while running:
            yield running.popleft().result()


@contextmanager
def one_core_each() -> Iterator[Callable[[], object]]:
    """What threads `begin` with that compute side by side, each on one core; no longer so after it.

    PyTorch would let each of them use all cores.
    """
    before = torch.get_num_threads()
    try:
        yield partial(torch.set_num_threads, 1)
    finally:
        torch.set_num_threads(before)  # of threads that are to come, too

"""Cases in turns: each round lets every case of a section work once, one at a time."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vton_aux.bench.case import Case
from vton_aux.errors import UserError
from vton_aux.stages.speed import MALLOC


class _Worker:
    """A process that holds one prepared case and waits."""

    def __init__(self, case: Case, device: str) -> None:
        self.case = case
        environment = {k: v for k, v in os.environ.items() if k not in MALLOC}
        environment.update(MALLOC if case.malloc else {})
        if case.threads:
            environment["OMP_NUM_THREADS"] = str(case.threads)
        command = [sys.executable, "-m", "vton_aux.bench.worker", json.dumps(asdict(case)), device]
        self.said = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed in __exit__)
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.said, text=True,
        )  # fmt: skip

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it died by itself
            self.process.stdin.close()
        self.process.terminate()
        self.process.wait()
        self.said.close()

    def prepare(self) -> None:
        """Wait until the case is ready."""
        self.prepared = self._answer()

    def burst(self, seconds: float) -> dict[str, Any]:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # `_answer` tells that it died
            print(seconds, file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.said.seek(0)
            last = self.said.read().strip().splitlines()[-1:]
            raise UserError(f"bench {self.case.name}: {''.join(last) or 'the process died'}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise UserError(f"bench {self.case.name}: {answer['error']}")
        return answer


def measure(
    cases: Sequence[tuple[str, Case]], device: str, repeats: int, seconds: float
) -> Iterator[list[dict[str, Any]]]:
    """After each round the rows so far, in the order of `cases`, each with its section.

    A case that cannot be prepared, as where the memory does not hold all of them at once, is told
    on stderr and has no row; without any case nothing is yielded.

    A row holds section, name, images/s of each repeat, their median, lowest and highest,
    GFLOP/image, peak memory, page faults an image, and `ratio`: the median over the repeats of the
    rate divided by that of the section's case named in `against` in the same round.

    Raises:
        UserError: a case fails in a round; the message names it.
    """
    label = ", ".join(dict.fromkeys(section for section, _ in cases))
    with ExitStack() as stack:
        begun = [stack.enter_context(_Worker(case, device)) for _, case in cases]
        ready: list[tuple[str, _Worker]] = []
        for (section, _), worker in tqdm(
            zip(cases, begun, strict=True),
            desc=f"{label}: preparing",
            total=len(begun),
            leave=False,
        ):
            try:
                worker.prepare()
                ready.append((section, worker))
            except UserError as error:
                tqdm.write(f"{error}; left out", file=sys.stderr)
        if not ready:
            return
        bursts: dict[tuple[str, str], list[dict[str, Any]]] = {
            (section, worker.case.name): [] for section, worker in ready
        }
        for _ in tqdm(range(repeats), desc=f"{label}: rounds"):
            for section, worker in ready:
                bursts[section, worker.case.name].append(worker.burst(seconds))
            rates = {
                key: [one["images"] / one["seconds"] for one in done]
                for key, done in bursts.items()
            }
            yield [
                _row(section, of.case, of.prepared, bursts[section, of.case.name], rates)
                for section, of in ready
            ]


def _row(
    section: str,
    case: Case,
    prepared: dict[str, Any],
    bursts: list[dict[str, Any]],
    rates: dict[tuple[str, str], list[float]],
) -> dict[str, Any]:
    own = rates[section, case.name]
    images = sum(one["images"] for one in bursts)
    row: dict[str, Any] = {
        "section": section,
        "name": case.name,
        "images_per_second": statistics.median(own),
        "lowest": min(own),
        "highest": max(own),
        "repeats": [round(rate, 4) for rate in own],
        "gflop_per_image": prepared["gflop_per_image"],
        "precision": case.precision,
        "peak_mib": round(max(one["peak_mib"] for one in bursts)),
        "faults_per_image": round(sum(one["faults"] for one in bursts) / images, 1),
        "options": _without_folders(case.options),
    }
    if "gpu_peak_mib" in bursts[-1]:
        row["gpu_peak_mib"] = round(bursts[-1]["gpu_peak_mib"])
    if case.against is not None and (section, case.against) in rates:
        row["against"] = case.against
        pairs = zip(own, rates[section, case.against], strict=True)
        row["ratio"] = statistics.median(mine / theirs for mine, theirs in pairs)
    return row


def _without_folders(options: dict[str, Any]) -> dict[str, Any]:
    """The options with files by their names alone: where they lie is nobody else's matter."""
    told = dict(options)
    for key, value in options.items():
        if isinstance(value, dict):
            told[key] = _without_folders(value)
        elif key in ("root", "packed", "source"):
            told[key] = Path(value).name
    return told

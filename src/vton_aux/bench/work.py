"""What is measured beside the networks: each case is a unit of work that can be done again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vton_aux.bench import reference
from vton_aux.bench.case import Case, Work, precision_of
from vton_aux.bench.feed import feed
from vton_aux.bench.inputs import random_batch
from vton_aux.bench.lightning import fit
from vton_aux.bench.steps import infer, step
from vton_aux.device import autocast
from vton_aux.metrics.image import paired_scores
from vton_aux.metrics.regions import region_scores
from vton_aux.metrics.similarity import similarity
from vton_aux.representation import PersonRepresentation, TryOnInputs
from vton_aux.stages.speed import compiled


def prepare(case: Case, device: torch.device) -> Work:
    """Build what `case` needs; its first unit is a warm-up.

    Raises:
        UserError: the data or the reference is missing.
    """
    kinds: dict[str, Callable[..., Work]] = {
        "matmul": matmul, "copy": copy, "loader": loader, "step": step, "fit": fit, "infer": infer,
        "metrics": metrics, "representation": representation, "processes": processes,
    }  # fmt: skip
    return kinds[case.kind](device, **case.options)


def matmul(device: torch.device, size: int, dtype: str) -> Work:
    """A square matrix product; an "image" is 10^9 FLOPs."""
    a, b = (torch.randn(size, size, device=device, dtype=getattr(torch, dtype)) for _ in range(2))
    gflop = 2 * size**3 / 1e9
    out = torch.empty_like(a)

    def unit() -> float:
        torch.mm(a, b, out=out)
        return gflop

    return Work(unit, 1.0)


def copy(device: torch.device, megabytes: int) -> Work:
    """A copy of float32 in memory; an "image" is a megabyte read or written."""
    a = torch.randn(megabytes * 250_000, device=device)
    out = torch.empty_like(a)

    def unit() -> int:
        out.copy_(a)
        return 2 * megabytes

    return Work(unit)


def loader(
    device: torch.device,
    root: str,
    source: str | None = None,
    represent: bool = False,
    bf16: bool = False,
    batch: int = 4,
    **options: Any,
) -> Work:
    """Batches into the training process, in training order; `options` are those of `feed`.

    `source` is the folder of the reference, which then loads. `represent` adds I_p, of bf16 as bf16
    networks read it or of float32, and the float32 targets.
    """
    if source is not None:
        theirs = reference.Reference(Path(source)).batches(Path(root))
        return Work(lambda: len(next(theirs)["cloth"]))
    batches = feed(device, root, batch=batch, **options)
    to_person = PersonRepresentation()

    def unit() -> int:
        found = next(batches)
        if represent:
            with autocast(precision_of(bf16), device):
                to_person(found)
        return batch

    return Work(unit)


def metrics(device: torch.device, what: str, batch: int = 4) -> Work:
    """SSIM, MS-SSIM and PSNR ("similarity"), or SSIM and the scores by region."""
    torch.manual_seed(0)
    truth = torch.rand(batch, 3, 256, 192, device=device)
    picture = (truth + 0.1 * torch.randn_like(truth)).clamp(0, 1)
    parse = random_batch(batch, (256, 192), device)["parse"].long()
    names = ["paired"] * batch

    def unit() -> int:
        with torch.inference_mode():
            if what == "similarity":
                paired_scores(picture, truth, names)
            else:
                region_scores(picture, truth, parse, similarity(picture, truth).ssim_map)
        return batch

    return Work(unit)


def representation(
    device: torch.device, batch: int = 4, bf16: bool = False, compile: str | None = None
) -> Work:
    """I_p and the targets of a uint8 batch that lies on the device."""
    samples = random_batch(batch, (256, 192), device)
    del samples["pairing"]  # no input of a compiled function
    to_person: Callable[..., TryOnInputs] = PersonRepresentation()
    if compile is not None:
        to_person = compiled(to_person, compile)

    def unit() -> int:
        with torch.inference_mode(), autocast(precision_of(bf16), device):
            to_person(samples)
        return batch

    return Work(unit)


def processes(device: torch.device, count: int, batch: int = 4, bf16: bool = False) -> Work:
    """GMM steps under DDP in `count` processes on this machine, cores shared out among them."""
    from vton_aux.bench.processes import Processes

    group = Processes(count, device.type, batch, bf16)
    return Work(group.step)

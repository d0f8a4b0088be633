"""Training steps and inference, ours and the reference's."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vton_aux.bench import reference
from vton_aux.bench.case import Work, precision_of
from vton_aux.bench.feed import feed
from vton_aux.bench.inputs import build_stage, random_batch, random_images
from vton_aux.device import autocast
from vton_aux.representation import TryOnInputs
from vton_aux.stages.base import Stage
from vton_aux.stages.inference import ready
from vton_aux.stages.speed import Speed
from vton_aux.stages.tom import TOMStage

AHEAD = 2  # nothing in a training waits for a GPU's step


def step(
    device: torch.device,
    stage: str,
    aux: bool = False,
    vgg: bool = False,
    bf16: bool = False,
    whole: bool = False,
    batch: int = 4,
    size: tuple[int, int] = (256, 192),
    speed: dict[str, Any] | None = None,
    source: str | None = None,
    data: dict[str, Any] | None = None,
) -> Work:
    """A training step: forward, losses, backward, Adam.

    `whole` starts from the uint8 batch and, for TOM, runs the frozen GMM, as in training; else the
    networks' inputs are ready, as in the reference's loop. `source` is the reference's folder.
    `data` are arguments of `feed`, which then loads a batch for each step.
    """
    if source is not None:
        return _reference_step(device, Path(source), stage, vgg, batch)
    switches = Speed(**(speed or {}))
    module = build_stage(stage, aux, vgg, size, replace(switches, compile=None))
    module.to(device).train()
    samples = random_batch(batch, size, device)
    batches = repeat(samples) if data is None else feed(device, batch=batch, **data)
    if not whole:
        _give_ready_inputs(module, samples)
    configured: Any = module.configure_optimizers()
    optimizer = configured["optimizer"]

    def unit() -> int:
        with autocast(precision_of(bf16), device):
            loss = module.training_step(next(batches), 0)["loss"]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return batch

    gflop = _gflop(unit)
    module.quicken(switches)  # only now: what is compiled cannot be counted
    return Work(unit, gflop, AHEAD)


def infer(
    device: torch.device,
    batch: int = 1,
    bf16: bool = False,
    compile: bool = False,
    source: str | None = None,
) -> Work:
    """GMM, warp and TOM without gradient, their inputs ready."""
    size = (256, 192)
    if source is not None:
        code = reference.Reference(Path(source))
        gmm, tom = code.gmm(device).eval(), code.tom(device).eval()
        person, cloth, mask = (random_images(batch, n, device) for n in (22, 3, 1))

        def theirs() -> int:
            with torch.no_grad():
                warped, _ = reference.warp_cloth(gmm, person, cloth, mask)
                reference.render(tom, person, warped)
            return batch

        return Work(theirs, _gflop(theirs))
    module = build_stage("tom", False, False, size, Speed()).to(device).eval()
    assert isinstance(module, TOMStage)
    region: AbstractContextManager[Any] = nullcontext()
    inputs = module.representation(random_batch(batch, size, device))

    def unit() -> int:
        with torch.inference_mode(), region:
            module.dress(inputs)
        return batch

    gflop = _gflop(unit)
    region = ready(module, precision_of(bf16), compile)  # only now: what is packed is not counted
    return Work(unit, gflop)


class _Ready(nn.Module):
    def __init__(self, inputs: TryOnInputs) -> None:
        super().__init__()
        self.inputs = inputs

    def forward(self, batch: Any) -> TryOnInputs:
        return self.inputs


def _give_ready_inputs(module: Stage, samples: dict[str, Any]) -> None:
    inputs = module.representation(samples)
    module.representation = _Ready(inputs)  # type: ignore[assignment]
    if isinstance(module, TOMStage):
        warped = module.warp(inputs)
        module.warp = lambda _: warped  # type: ignore[method-assign,assignment]


def _reference_step(device: torch.device, source: Path, stage: str, vgg: bool, batch: int) -> Work:
    code = reference.Reference(source)
    person, cloth, image = (random_images(batch, n, device) for n in (22, 3, 3))
    mask = (random_images(batch, 1, device) > 0).float()
    if stage == "gmm":
        network = code.gmm(device)

        def loss() -> Tensor:
            return F.l1_loss(reference.warp_cloth(network, person, cloth, mask)[0], image)
    else:
        network = code.tom(device)
        perceptual = code.vgg_loss(device) if vgg else None

        def loss() -> Tensor:
            tryon, composition = reference.render(network, person, cloth)
            total = F.l1_loss(tryon, image) + F.l1_loss(composition, mask)
            return total if perceptual is None else total + perceptual(tryon, image)

    one = reference.training_step(network.train(), loss)

    def unit() -> int:
        one()
        return batch

    return Work(unit, _gflop(unit), AHEAD)


def _gflop(unit: Callable[[], float]) -> float:
    """10^9 floating-point operations an image (a multiplication and an addition are two)."""
    with FlopCounterMode(display=False) as counter:
        images = unit()
    return float(counter.get_total_flops()) / images / 1e9

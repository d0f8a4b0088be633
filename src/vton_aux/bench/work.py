"""What is measured: each case is a unit of work that can be done again and again."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vton_aux.bench import reference
from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.packed import PackedSplit
from vton_aux.device import FULL, MIXED, autocast, pick_device
from vton_aux.losses.perceptual import PerceptualLoss
from vton_aux.metrics.image import paired_scores
from vton_aux.metrics.regions import region_scores
from vton_aux.metrics.similarity import similarity
from vton_aux.representation import PersonRepresentation, TryOnInputs
from vton_aux.stages.base import Stage
from vton_aux.stages.gmm import GMMStage
from vton_aux.stages.inference import ready
from vton_aux.stages.speed import Speed, compiled
from vton_aux.stages.tom import TOMStage

Kind = Literal[
    "matmul", "copy", "loader", "step", "infer", "metrics", "representation", "processes"
]
REPRESENTATION = {"gmm_keeps": [1, 2, 4, 13], "tom_keeps": [1, 2, 4, 13]}


@dataclass
class Case:
    """One measured thing.

    Attributes:
        name: as in the tables.
        kind: which function below prepares it.
        options: its arguments.
        against: name of the case that its rate is divided by.
        threads: of PyTorch; 0 for all cores.
        malloc: whether the process gets the settings of `stages.speed.MALLOC`.
        precision: whose matmul peak its FLOPs are compared with, "fp32" or "bf16".
    """

    name: str
    kind: Kind
    options: dict[str, Any] = field(default_factory=dict)
    against: str | None = None
    threads: int = 0
    malloc: bool = True
    precision: str = "fp32"


@dataclass
class Work:
    """A prepared case: `unit` does something and returns the images that it did."""

    unit: Callable[[], float]
    gflop_per_image: float | None = None


def prepare(case: Case, device: str) -> Work:
    """Build what `case` needs; its first unit is a warm-up.

    Raises:
        UserError: the data, the reference or the device is missing.
    """
    kinds: dict[str, Callable[..., Work]] = {
        "matmul": matmul, "copy": copy, "loader": loader, "step": step, "infer": infer,
        "metrics": metrics, "representation": representation, "processes": processes,
    }  # fmt: skip
    return kinds[case.kind](pick_device(device), **case.options)


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
    packed: str | None = None,
    resident: bool = False,
    represent: bool = False,
    bf16: bool = False,
    workers: int = 0,
    batch: int = 4,
    pairs: int | None = None,
) -> Work:
    """Batches into the training process, in training order.

    `packed` is the folder of the packed split, `source` that of the reference; without either the
    files are read. `represent` adds I_p, of bf16 as bf16 networks read it or of float32, and the
    float32 targets.
    """
    if source is not None:
        theirs = reference.Reference(Path(source)).batches(Path(root))
        return Work(lambda: len(next(theirs)["cloth"]))
    folders = {} if packed is None else {"train": packed}
    module = VITONDataModule(
        root, batch_size=batch, workers=workers, packed=folders, resident=resident
    )
    if pairs is not None:
        train, validation = module.train_and_validation_pairs()
        module._split = train[:pairs], validation
    module.steps = 10**7
    if packed is not None:
        for array in PackedSplit(Path(packed)).arrays.values():
            array.max()  # into the page cache: what is measured is not the disk
    batches = iter(module.train_dataloader())
    to_person = build_representation(device)

    def unit() -> int:
        found = next(batches)
        found = module.transfer_batch_to_device(found, device, 0)
        if represent:
            with autocast(MIXED if bf16 else FULL, device):
                to_person(found)
        return batch

    return Work(unit)


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
) -> Work:
    """A training step: forward, losses, backward, Adam.

    `whole` starts from the uint8 batch and, for TOM, runs the frozen GMM, as in training; else the
    networks' inputs are ready, as in the reference's loop. `source` is the reference's folder.
    """
    if source is not None:
        return _reference_step(device, Path(source), stage, vgg, batch)
    switches = Speed(**(speed or {}))
    module = build_stage(stage, aux, vgg, size, replace(switches, compile=None))
    module.to(device).train()
    samples = random_batch(batch, size, device)
    if not whole:
        _give_ready_inputs(module, samples)
    configured: Any = module.configure_optimizers()
    optimizer = configured["optimizer"]

    def unit() -> int:
        with autocast(MIXED if bf16 else FULL, device):
            loss = module.training_step(samples, 0)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return batch

    gflop = _gflop(unit)
    module.quicken(switches)  # only now: what is compiled cannot be counted
    return Work(unit, gflop)


def infer(
    device: torch.device,
    batch: int = 1,
    bf16: bool = False,
    compile: bool = False,
    whole: bool = False,
    source: str | None = None,
) -> Work:
    """GMM, warp and TOM without gradient; `whole` starts from the uint8 batch."""
    size = (256, 192)
    if source is not None:
        code = reference.Reference(Path(source))
        gmm, tom = code.gmm(device).eval(), code.tom(device).eval()
        person, cloth, mask = (_signed(batch, n, device) for n in (22, 3, 1))

        def theirs() -> int:
            with torch.no_grad():
                warped, _ = reference.warp_cloth(gmm, person, cloth, mask)
                reference.render(tom, person, warped)
            return batch

        return Work(theirs, _gflop(theirs))
    module = build_stage("tom", False, False, size, Speed()).to(device).eval()
    assert isinstance(module, TOMStage)
    region = ready(module, MIXED if bf16 else FULL)
    samples = random_batch(batch, size, device)
    inputs = module.representation(samples)

    def unit() -> int:
        with torch.inference_mode(), region:
            module.dress(module.representation(samples) if whole else inputs)
        return batch

    gflop = _gflop(unit)
    if compile:
        ready(module, MIXED if bf16 else FULL, compiled=True)
    return Work(unit, gflop)


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


def representation(device: torch.device, batch: int = 4, compile: str | None = None) -> Work:
    """I_p and the targets of a uint8 batch that lies on the device."""
    samples = random_batch(batch, (256, 192), device)
    del samples["pairing"]  # no input of a compiled function
    to_person: Callable[..., TryOnInputs] = build_representation(device)
    if compile is not None:
        to_person = compiled(to_person, compile)

    def unit() -> int:
        with torch.inference_mode():
            to_person(samples)
        return batch

    return Work(unit)


def processes(device: torch.device, count: int, batch: int = 4, bf16: bool = False) -> Work:
    """GMM steps under DDP in `count` processes on this machine, cores shared out among them."""
    from vton_aux.bench.processes import Processes

    group = Processes(count, device.type, batch, bf16)
    return Work(group.step)


def build_stage(name: str, aux: bool, vgg: bool, size: tuple[int, int], speed: Speed) -> Stage:
    """A new stage at the paper's width; VGG19 with random weights, which cost the same."""
    torch.manual_seed(0)
    context = {"size": list(size), "representation": REPRESENTATION, "aux": aux}
    stage: Stage
    if name == "gmm":
        stage = GMMStage({}, context)
    else:
        settings = {"perceptual_weight": float(vgg), "vgg": "random"}
        gmm = {"settings": {}, "context": {**context, "aux": False}}
        stage = TOMStage(settings, context, gmm=gmm)
        stage.perceptual = PerceptualLoss("random") if vgg else None
    stage.quicken(speed)
    stage.log = lambda *_, **__: None  # type: ignore[method-assign]
    return stage


def build_representation(device: torch.device) -> PersonRepresentation:
    """CP-VTON's."""
    keeps = REPRESENTATION
    made = PersonRepresentation(gmm_keeps=keeps["gmm_keeps"], tom_keeps=keeps["tom_keeps"])
    return made.to(device)


def random_batch(batch: int, size: tuple[int, int], device: torch.device) -> dict[str, Any]:
    """A batch as `VITONDataset` gives it, of random pixels; what a step costs is the same."""
    generator = torch.Generator().manual_seed(0)
    height, width = size

    def pixels(high: int, channels: int) -> Tensor:
        shape = (batch, height, width, channels)
        values = torch.randint(0, high, shape, generator=generator, dtype=torch.uint8)
        return values.permute(0, 3, 1, 2).to(device)

    place = torch.rand(batch, 18, 2, generator=generator) * torch.tensor([width, height])
    return {
        "person": pixels(256, 3),
        "cloth": pixels(256, 3),
        "cloth_mask": pixels(2, 1),
        "parse": pixels(20, 1)[:, 0],
        "joints": torch.cat([place, torch.ones(batch, 18, 1)], dim=2).to(device),
        "pairing": ["paired"] * batch,
    }


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
    person, cloth, image = (_signed(batch, n, device) for n in (22, 3, 3))
    mask = (_signed(batch, 1, device) > 0).float()
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

    return Work(unit, _gflop(unit))


def _signed(batch: int, channels: int, device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(channels)
    return torch.rand(batch, channels, 256, 192, generator=generator).mul(2).sub(1).to(device)


def _gflop(unit: Callable[[], float]) -> float:
    """10^9 floating-point operations an image (a multiplication and an addition are two)."""
    with FlopCounterMode(display=False) as counter:
        images = unit()
    return float(counter.get_total_flops()) / images / 1e9

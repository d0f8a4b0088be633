"""Figure 1: the model that runs, read from its modules during one forward pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vton_aux.data.labels import LABEL_SETS
from vton_aux.errors import UserError
from vton_aux.networks.decoders import SegmentationDecoder
from vton_aux.networks.gmm import GMM
from vton_aux.networks.tom import TOM
from vton_aux.pictures import mask_picture, photo, segmentation_picture
from vton_aux.representation import TryOnInputs
from vton_aux.stages.gmm import build_gmm
from vton_aux.stages.settings import Context, GMMSettings
from vton_aux.stages.tom import TOMStage

Pictures = dict[str, npt.NDArray[np.uint8]]


class Shape(NamedTuple):
    """Of a feature map."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True)
class Head:
    """An auxiliary head: the maps it passes through, the last one the logits of M_exp.

    Attributes:
        maps: the projected features, each level's, the logits.
        skips: of each level, whether features of the encoder are added.
        weight: of its loss.
    """

    maps: list[Shape]
    skips: list[bool]
    parameters: int
    weight: float


@dataclass(frozen=True)
class GMMParts:
    """The feature maps of the geometric matching module, each list from input to output."""

    person: list[Shape]
    cloth: list[Shape]
    correlation: Shape
    regressor: list[Shape]
    points: int
    losses: list[str]
    parameters: int
    head: Head | None


@dataclass(frozen=True)
class TOMParts:
    """The feature maps of the try-on module, each list from input to output."""

    encoder: list[Shape]
    decoder: list[Shape]
    losses: list[str]
    parameters: int
    head: Head | None


@dataclass(frozen=True)
class Architecture:
    """What Figure 1 draws: both stages, and one sample on its way through them."""

    size: tuple[int, int]
    gmm: GMMParts
    tom: TOMParts
    offsets: npt.NDArray[np.float32]  # (N, 2) of this sample's control points
    pictures: Pictures


@torch.no_grad()
def read_architecture(stage: TOMStage, batch: Mapping[str, Any]) -> Architecture:
    """Send one sample through the stage and note what passes.

    A TOM's checkpoint holds its frozen GMM without the GMM's auxiliary head, so the GMM is built
    again from its settings, with the head it was trained with; only its shapes are read.

    Args:
        stage: a try-on model.
        batch: one sample of `VITONDataset`, in a batch of one.

    Raises:
        UserError: TOM's network is none of CP-VTON's, so it is not known how to draw it.
    """
    if not isinstance(stage.network, TOM):
        raise UserError(f"{type(stage.network).__name__}: Figure 1 can draw CP-VTON's U-Net alone")
    stage.eval()
    inputs = stage.representation(batch)
    result = stage.dress(inputs, segment=True)
    arguments = stage.hparams["gmm"]
    settings, context = GMMSettings(**arguments["settings"]), Context(**arguments["context"])
    classes = len(LABEL_SETS[context.labels].classes) if context.aux else 0
    pictures: dict[str, Tensor] = {
        "shape": inputs.tom_person[:, :1],
        "head": inputs.tom_person[:, 1:4],
        "pose": inputs.tom_person[:, 4:].amax(1, keepdim=True),
        "cloth": inputs.cloth,
        "worn": inputs.worn_cloth,
        "warp": result.warp.cloth,
        "rendered": result.rendered,
        "try-on": result.image,
        "photo": inputs.image,
    }
    labels = stage.labels
    drawn = {name: photo(images)[0] for name, images in pictures.items()}
    drawn["mask"] = mask_picture(result.mask)[0]
    drawn["parse"] = segmentation_picture(
        torch.tensor(labels.class_of)[inputs.parse.int().cpu()], labels
    )[0]
    if result.expected_segmentation is not None:
        drawn["M_exp"] = segmentation_picture(result.expected_segmentation.argmax(1), labels)[0]
    return Architecture(
        size=(stage.context.size[0], stage.context.size[1]),
        gmm=_gmm(build_gmm(settings, context, classes).eval(), settings, inputs),
        tom=_tom(stage, inputs, result.warp.cloth),
        offsets=result.warp.offsets[0].cpu().numpy(),
        pictures=drawn,
    )


def _gmm(network: GMM, settings: GMMSettings, inputs: TryOnInputs) -> GMMParts:
    shapes = _Shapes(network)
    network(inputs.gmm_person.cpu(), inputs.cloth.cpu(), segment=True)
    losses = {
        "L1": 1.0,
        "mask L1": settings.mask_weight,
        "TV": settings.tv_weight,
        "grid": settings.grid_weight,
    }
    head = network.segmentation
    return GMMParts(
        person=shapes.through(network.person_encoder.layers),
        cloth=shapes.through(network.cloth_encoder.layers),
        correlation=shapes.inputs[network.regressor.layers],
        regressor=shapes.through(network.regressor.layers)[1:],
        points=network.spline.points,
        losses=_terms(losses),
        parameters=_parameters(network) - _parameters(head),
        head=_head(head, shapes, settings.aux_weight),
    )


def _tom(stage: TOMStage, inputs: TryOnInputs, warped: Tensor) -> TOMParts:
    network: TOM = stage.network
    shapes = _Shapes(network)
    network(inputs.tom_person, warped, segment=True)
    settings = stage.settings
    losses = {
        "L1": 1.0,
        "VGG": settings.perceptual_weight,
        "mask L1": settings.mask_weight,
    }
    head = network.segmentation
    encoder = [shapes.outputs[level] for level in network.encoder.levels]
    return TOMParts(
        encoder=[shapes.inputs[network.encoder], *encoder],
        decoder=[shapes.outputs[level] for level in reversed(network.decoder.levels)],
        losses=_terms(losses),
        parameters=_parameters(network) - _parameters(head),
        head=_head(head, shapes, settings.aux_weight),
    )


def _head(head: SegmentationDecoder | None, shapes: "_Shapes", weight: float) -> Head | None:
    if head is None:
        return None
    levels = [shapes.outputs[level] for level in head.smooth]
    return Head(
        maps=[shapes.outputs[head.project], *levels, shapes.outputs[head]],
        skips=[isinstance(lateral, nn.Conv2d) for lateral in head.lateral],
        parameters=_parameters(head),
        weight=weight,
    )


class _Shapes:
    """The shapes that go into and come out of every module of a network in its next call."""

    def __init__(self, network: nn.Module) -> None:
        self.inputs: dict[nn.Module, Shape] = {}
        self.outputs: dict[nn.Module, Shape] = {}
        self.handles = [module.register_forward_hook(self._note) for module in network.modules()]
        self.handles.append(network.register_forward_hook(self._end))

    def through(self, layers: nn.Sequential) -> list[Shape]:
        """The input of the layers and what each convolution makes of it."""
        convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
        return [self.inputs[layers], *(self.outputs[layer] for layer in convolutions)]

    def _note(self, module: nn.Module, inputs: Any, output: Any) -> None:
        for value, kept in ((inputs[0], self.inputs), (output, self.outputs)):
            if isinstance(value, Tensor) and value.ndim == 4:
                kept[module] = Shape(value.shape[1], value.shape[2], value.shape[3])

    def _end(self, *_: Any) -> None:
        for handle in self.handles:
            handle.remove()


def _terms(weights: Mapping[str, float]) -> list[str]:
    return [name if w == 1 else f"{w:g} {name}" for name, w in weights.items() if w]


def _parameters(module: nn.Module | None) -> int:
    return 0 if module is None else sum(p.numel() for p in module.parameters())

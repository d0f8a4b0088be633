"""A try-on model as one file that runs without this package: torch.export's (.pt2) or ONNX's.

The program is all of the inference, pixels to pixels, in float32: I_p, the frozen GMM, TOM and the
fusion. It has no auxiliary head and needs no cloth mask, for neither network reads one.
"""

import copy
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from vton_aux.data.labels import LABEL_SETS
from vton_aux.data.pose import JOINTS
from vton_aux.errors import UserError
from vton_aux.files import whole, write_bytes
from vton_aux.networks.tom import compose
from vton_aux.pictures import grey_levels
from vton_aux.representation import to_unit
from vton_aux.stages.gmm import match
from vton_aux.stages.tom import TOMStage

FACTS = "tryon.json"  # under this name the file tells what it is: `facts`
INPUTS, OUTPUT = ("person", "parse", "joints", "cloth"), "tryon"


class PortableTryOn(nn.Module):
    """The inference of `stage`, which must be in evaluation mode and stays as it is."""

    def __init__(self, stage: TOMStage) -> None:
        super().__init__()
        self.representation, self.gmm = stage.representation, stage.gmm
        self.tom = copy.deepcopy(stage.network)
        self.tom.segmentation = None

    def forward(self, person: Tensor, parse: Tensor, joints: Tensor, cloth: Tensor) -> Tensor:
        """Dress a batch.

        Args:
            person, cloth: (B, 3, H, W) uint8 RGB.
            parse: (B, H, W) uint8 raw LIP labels.
            joints: (B, 18, 3) float32: x, y in pixels, found (0 or 1).

        Returns:
            I_try-on, (B, 3, H, W) uint8 RGB.
        """
        batch = {"person": person, "parse": parse, "joints": joints, "cloth": cloth}
        inputs = self.representation({**batch, "cloth_mask": torch.ones_like(cloth[:, :1])})
        warped = match(self.gmm, inputs).cloth
        out = self.tom(inputs.tom_person, warped)
        return grey_levels(to_unit(compose(warped, out.rendered, out.mask)))


def facts(stage: TOMStage) -> dict[str, Any]:
    """What the file tells of itself, as plain values."""
    height, width = stage.context.size
    picture = f"(B, 3, {height}, {width}) uint8 RGB"
    return {
        "inputs": {
            "person": f"{picture}: photo",
            "parse": f"(B, {height}, {width}) uint8: indices of `labels`",
            "joints": "(B, 18, 3) float32: x, y in pixels, found (0 or 1), as in `joints`",
            "cloth": f"{picture}: shop photo",
        },
        "outputs": {OUTPUT: picture},
        "size": [height, width],
        "labels": LABEL_SETS["lip_neck"].classes[: len(stage.labels.class_of)],
        "joints": JOINTS,
        "provenance": stage.context.provenance,
        "versions": {package: version(package) for package in ("vton-aux", "torch")},
    }


def program(stage: TOMStage) -> ExportedProgram:
    """The inference of `stage` (on the CPU) as a graph of PyTorch's operations, for any batch."""
    model = PortableTryOn(stage)
    height, width = stage.context.size
    shapes = (3, height, width), (height, width), (len(JOINTS), 3), (3, height, width)
    types = torch.uint8, torch.uint8, torch.float32, torch.uint8
    # a tensor each: one that stood for two inputs would make them one
    example = tuple(torch.zeros(2, *s, dtype=t) for s, t in zip(shapes, types, strict=True))
    batch = Dim("batch", min=1)
    with torch.no_grad(), _quiet():
        graph = torch.export.export(model, example, dynamic_shapes=({0: batch},) * len(example))
        # what it does beside: the regions of `torch.autocast`, which cannot be saved, become plain
        plain: ExportedProgram = graph.run_decompositions({})
    return plain


def save_pt2(stage: TOMStage, path: Path) -> None:
    """Write `path`, for `torch.export.load(path).module()(person, parse, joints, cloth)`."""
    graph, told = program(stage), json.dumps(facts(stage), indent=2)
    content = BytesIO()  # torch's own writer ends the process on a full disk
    with _quiet():
        torch.export.save(graph, content, extra_files={FACTS: told})
    write_bytes(path, content.getbuffer())


def save_onnx(stage: TOMStage, path: Path) -> None:
    """Write `path`, for any ONNX runtime; inputs and output have the names in `facts`.

    Raises:
        UserError: the packages of the extra `export` are missing.
    """
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"output={path}: needs {' and '.join(missing)}; pip install 'vton-aux[export]', "
            "or give a name that ends in .pt2"
        )
    with torch.no_grad(), _quiet():
        made = torch.onnx.export(
            program(stage),
            input_names=INPUTS,
            output_names=[OUTPUT],
            dynamic_shapes=({0: "batch"},) * len(INPUTS),
            dynamo=True,
            verbose=False,
        )
    assert made is not None
    made.model.metadata_props[FACTS] = json.dumps(facts(stage))
    with whole(path) as part:
        made.save(part, external_data=False)


WRITERS: dict[str, Callable[[TOMStage, Path], None]] = {".pt2": save_pt2, ".onnx": save_onnx}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporters tell their own developers, warnings among it."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)

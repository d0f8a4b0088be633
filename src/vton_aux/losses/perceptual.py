"""The VGG19 perceptual loss, without torchvision."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vton_aux.data.content import content_hash
from vton_aux.errors import UserError
from vton_aux.files import alone
from vton_aux.losses.l1 import l1_to_constant
from vton_aux.networks.aligned import aligned_conv2d

# channels of each stage's convolutions; a max-pool stands before each stage but the first
_STAGES = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512, 512), (512,))
_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
_FILE = "vgg19-dcbb9e9d.pth"  # torchvision's; the name ends in the start of its SHA-256
_URL = f"https://download.pytorch.org/models/{_FILE}"


class PerceptualLoss(nn.Module):
    """Weighted L1 between VGG19 features of two images in [-1, 1], fed as they are.

    The features are those after the first ReLU of each of the five stages (torchvision's
    vgg19.features up to 1, 6, 11, 20, 29), weighted 1/32, 1/16, 1/8, 1/4, 1: what CP-VTON's
    public code computes. The weights are constants: no gradient, not in any checkpoint.

    Args:
        weights: "download" (torchvision's file, checked and kept in torch's hub folder),
            "random" (a fixed random network: a known, weaker perceptual loss), or a file's path.

    Raises:
        UserError: the file is missing, cannot be downloaded, or is not VGG19's.
    """

    def __init__(self, weights: str) -> None:
        super().__init__()
        path = vgg19_file(weights)
        state = _random_state() if path is None else _read_state(path)
        self.names: list[list[str]] = []
        for stage, indices in enumerate(_layer_indices()):
            self.names.append([])
            for convolution, index in enumerate(indices):
                name = f"conv{stage + 1}_{convolution + 1}"
                kernel = state[f"features.{index}.weight"].float()
                kernel = kernel.contiguous(memory_format=torch.channels_last)
                self.register_buffer(f"{name}_weight", kernel, persistent=False)
                bias = state[f"features.{index}.bias"].float()
                self.register_buffer(f"{name}_bias", bias, persistent=False)
                self.names[-1].append(name)

    def features(self, image: Tensor, stages: int = len(_STAGES)) -> list[Tensor]:
        """(B, 3, H, W) -> the first `stages` of the features after relu1_1, 2_1, 3_1, 4_1, 5_1."""
        *finer, last = self._kernels(image.device.type)[:stages]
        return self._features(image, [*finer, last[:1]])

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Scalar loss; `target` gets no gradient."""
        kernels = self._kernels(prediction.device.type)
        with torch.no_grad():
            wanted = self._features(target, kernels)
        found = self._features(prediction, kernels)
        distances = [l1_to_constant(a, b) for a, b in zip(found, wanted, strict=True)]
        return torch.stack([w * d for w, d in zip(_WEIGHTS, distances, strict=True)]).sum()

    def _kernels(self, device: str) -> list[list[tuple[Tensor, Tensor]]]:
        """Weight and bias of each convolution, stage by stage, in autocast's dtype.

        Autocast itself would convert these constants anew at each convolution.
        """
        dtype = torch.float32
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        return [
            [
                (getattr(self, f"{name}_weight").to(dtype), getattr(self, f"{name}_bias").to(dtype))
                for name in names
            ]
            for names in self.names
        ]

    def _features(self, image: Tensor, kernels: list[list[tuple[Tensor, Tensor]]]) -> list[Tensor]:
        taken = []
        x = image
        for stage, convolutions in enumerate(kernels):
            if stage:
                x = F.max_pool2d(x, 2)
            for number, (weight, bias) in enumerate(convolutions):
                x = aligned_conv2d(x, weight, bias, padding=1).relu_()
                if number == 0:
                    taken.append(x)
        return taken


def _layer_indices() -> list[list[int]]:
    """Indices of the convolutions in torchvision's vgg19.features, stage by stage."""
    indices, position = [], 0
    for stage in _STAGES:
        indices.append([position + 2 * i for i in range(len(stage))])
        position += 2 * len(stage) + 1  # convolution and ReLU each, then the pool
    return indices


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for stage, indices in zip(_STAGES, _layer_indices(), strict=True):
        for grown, index in zip(stage, indices, strict=True):
            shapes[f"features.{index}.weight"] = (grown, channels, 3, 3)
            shapes[f"features.{index}.bias"] = (grown,)
            channels = grown
    return shapes


def _random_state() -> dict[str, Tensor]:
    """Kaiming-normal weights, the same on every machine and in every run."""
    generator = torch.Generator().manual_seed(19)
    state = {}
    for name, shape in _shapes().items():
        if name.endswith("bias"):
            state[name] = torch.zeros(shape)
        else:
            fan_in = shape[1] * 9
            state[name] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
    return state


def vgg19_file(weights: str) -> Path | None:
    """The file that `PerceptualLoss` will read, fetched where need be; None for "random".

    Raises:
        UserError: it is missing, cannot be downloaded, or is damaged.
    """
    if weights == "random":
        return None
    path = _downloaded() if weights == "download" else Path(weights).expanduser()
    if not path.is_file():
        raise UserError(
            f"{path}: the VGG19 weights are missing; get {_URL}, or set tom.vgg=download, or "
            "tom.vgg=random for a weaker loss"
        )
    if path.name == _FILE and not content_hash(path, hashlib.sha256).startswith(_FILE[6:14]):
        raise UserError(f"{path}: the file is damaged (its SHA-256 is another); fetch it again")
    return path


def _read_state(path: Path) -> Mapping[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"{path}: not a PyTorch weight file ({type(error).__name__})") from None
    for name, shape in _shapes().items():
        found = state.get(name) if isinstance(state, Mapping) else None
        if not isinstance(found, Tensor) or tuple(found.shape) != shape:
            raise UserError(f"{path}: no VGG19 of torchvision: {name} of shape {shape} is missing")
    return dict(state)


def _downloaded() -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / _FILE
    if path.is_file():
        return path
    try:
        with alone(path):
            if not path.is_file():
                torch.hub.download_url_to_file(_URL, str(path), hash_prefix=_FILE[6:14])
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"{_URL}: the VGG19 weights cannot be downloaded ({error}); get the file on another "
            "machine and give its path as tom.vgg=PATH, or set tom.vgg=random for a weaker loss"
        ) from None
    return path

"""CP-VTON's public code as a yardstick, from a checkout of github.com/sergeywong/cp-vton.

Nothing in its files is changed. It expects a CUDA device and an older torchvision, so its modules
are loaded beside a small stand-in for torchvision (`ToTensor`, `Normalize`, `vgg19`), and on a CPU
`.cuda()` does nothing. Its training loop has no function for one step: `Step` does what the loop
does, with `align_corners=True`, the default of the PyTorch that it was written for.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vton_aux.errors import UserError

_FILES = ("networks.py", "cp_dataset.py", "grid.png")
_VGG = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)


def check_checkout(folder: Path) -> None:
    """Check that the folder holds the reference.

    Raises:
        UserError: one of its files is missing.
    """
    for name in _FILES:
        if not (folder / name).is_file():
            raise UserError(
                f"{folder / name}: missing; give a checkout of github.com/sergeywong/cp-vton"
            )


class Reference:
    """The reference's modules.

    Args:
        folder: the checkout.

    Raises:
        UserError: one of its files is missing.
    """

    def __init__(self, folder: Path) -> None:
        check_checkout(folder)
        self.folder = folder.resolve()
        with _importable(self.folder):
            self.networks = importlib.import_module("networks")
            self.data = importlib.import_module("cp_dataset")

    def options(self, root: Path | None = None) -> SimpleNamespace:
        """Its command line's values for a GMM at 256x192, batch 4."""
        return SimpleNamespace(
            dataroot=None if root is None else str(root), datamode="train", stage="GMM",
            data_list="train_pairs.txt", fine_height=256, fine_width=192, radius=5, grid_size=5,
            shuffle=True, batch_size=4, workers=0,
        )  # fmt: skip

    def gmm(self, device: torch.device) -> nn.Module:
        """Its GMM."""
        with _cuda_where(device):
            gmm = self.networks.GMM(self.options())
        # today's convolutions may hand on channels-last maps, which its `view` cannot flatten
        gmm.regression.register_forward_pre_hook(lambda _, x: (x[0].contiguous(),))
        moved: nn.Module = gmm.to(device)
        return moved

    def tom(self, device: torch.device) -> nn.Module:
        """Its U-Net with InstanceNorm."""
        unet: nn.Module = self.networks.UnetGenerator(
            25, 4, 6, ngf=64, norm_layer=nn.InstanceNorm2d
        )
        return unet.to(device)

    def vgg_loss(self, device: torch.device) -> nn.Module:
        """Its perceptual loss; VGG19's weights are random, which costs the same."""
        with _cuda_where(device):
            loss: nn.Module = self.networks.VGGLoss()
        return loss.to(device)

    def batches(self, root: Path) -> Iterator[dict[str, Any]]:
        """Its loader over the training pairs of `root`, shuffled, without end."""
        options = self.options(root)
        with _working_in(self.folder):  # each sample opens grid.png there
            loader = self.data.CPDataLoader(options, self.data.CPDataset(options))
            while True:
                yield loader.next_batch()


def warp_cloth(
    gmm: nn.Module, person: Tensor, cloth: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Its warp of cloth and mask."""
    with _cuda_where(person.device):
        grid, _ = gmm(person, cloth)
    warped = F.grid_sample(cloth, grid, padding_mode="border", align_corners=True)
    return warped, F.grid_sample(mask, grid, padding_mode="zeros", align_corners=True)


def render(tom: nn.Module, person: Tensor, cloth: Tensor) -> tuple[Tensor, Tensor]:
    """Its try-on and composition mask."""
    rendered, mask = torch.split(tom(torch.cat([person, cloth], 1)), 3, 1)
    rendered, mask = torch.tanh(rendered), torch.sigmoid(mask)
    return cloth * mask + rendered * (1 - mask), mask


def training_step(network: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """One step of its loops: Adam with the public learning rate and betas."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.5, 0.999))

    def step() -> Tensor:
        value = loss()
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return value

    return step


class _ToTensor:
    def __call__(self, image: Any) -> Tensor:
        pixels = torch.from_numpy(np.array(image))
        pixels = pixels[:, :, None] if pixels.dim() == 2 else pixels
        return pixels.permute(2, 0, 1).contiguous().float().div(255)


class _Normalize:
    def __init__(self, mean: Any, std: Any) -> None:
        self.mean, self.std = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]

    def __call__(self, image: Tensor) -> Tensor:
        channels = len(image)  # today's torchvision refuses one channel beside three means
        return image.clone().sub_(self.mean[:channels]).div_(self.std[:channels])


class _Compose:
    def __init__(self, transforms: list[Any]) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image


def _vgg19(pretrained: bool = False) -> SimpleNamespace:
    layers: list[nn.Module] = []
    channels = 3
    for width in _VGG:
        if not width:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        channels = width
    return SimpleNamespace(features=nn.Sequential(*layers))


def _torchvision() -> dict[str, ModuleType]:
    root, transforms = ModuleType("torchvision"), ModuleType("torchvision.transforms")
    models = ModuleType("torchvision.models")
    transforms.Compose, transforms.ToTensor = _Compose, _ToTensor  # type: ignore[attr-defined]
    transforms.Normalize, models.vgg19 = _Normalize, _vgg19  # type: ignore[attr-defined]
    root.transforms, root.models = transforms, models  # type: ignore[attr-defined]
    return {module.__name__: module for module in (root, transforms, models)}


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    stand_ins = _torchvision()
    former = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name, module in former.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    former = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(former)


@contextmanager
def _cuda_where(device: torch.device) -> Iterator[None]:
    """`.cuda()` as it is where `device` is a GPU, else nothing."""
    if device.type == "cuda":
        yield
        return
    with (
        mock.patch.object(Tensor, "cuda", lambda self: self),
        mock.patch.object(nn.Module, "cuda", lambda self: self),
    ):
        yield

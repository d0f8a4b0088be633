"""FID and KID: distances between the features of two sets of pictures; LPIPS, of two pictures.

torchmetrics computes them. FID's and KID's features come from a module: Inception (the published
numbers) or any module that is given by name. A distance says nothing without their name.
"""

import importlib
import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from vton_aux.errors import UserError
from vton_aux.losses.perceptual import PerceptualLoss

INCEPTION = "inception"
KID_SUBSETS, KID_SUBSET_SIZE = 100, 1000


def build_features(name: str, weights: str | None = None) -> nn.Module:
    """A module from uint8 pictures (B, 3, H, W) to features (B, D) float.

    Args:
        name: "inception" (2,048 features of the pool before the last layer, as published FIDs), or
            "package.module:factory", called without arguments (`random_vgg` is one).
        weights: file of the Inception weights; null lets torch-fidelity fetch them.

    Raises:
        UserError: the extra is missing, the weights cannot be had, or there is no such module.
    """
    if name == INCEPTION:
        return _inception(weights)
    package, colon, factory = name.partition(":")
    if not colon:
        raise UserError(f"features={name}: give `inception` or `package.module:factory`")
    try:
        module = getattr(importlib.import_module(package), factory)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise UserError(f"features={name}: {error}") from None
    if not isinstance(module, nn.Module):
        raise UserError(f"features={name}: makes a {type(module).__name__}, not a torch module")
    return module.eval()


def _inception(weights: str | None) -> nn.Module:
    try:
        import torch_fidelity  # noqa: F401
        from torchmetrics.image.fid import NoTrainInceptionV3
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"features=inception: needs torch-fidelity and torchvision ({error}); "
            "pip install 'vton-aux[fid]', or features=null to leave FID and KID out"
        ) from None
    try:
        network: nn.Module = NoTrainInceptionV3("inception-v3-compat", ["2048"], weights)
    except Exception as error:  # whatever a broken file brings
        raise UserError(
            f"features=inception: {weights or 'the weights'} cannot be had ({_reason(error)}); "
            "fetch torch-fidelity's Inception file on another machine and give it as "
            "features_weights=PATH"
        ) from None
    return network.eval()


def build_lpips() -> nn.Module:
    """LPIPS (Zhang et al. 2018, AlexNet): two batches (B, 3, H, W) in [0, 1] -> (B,) distances.

    Raises:
        UserError: torchvision or its AlexNet weights cannot be had.
    """
    try:
        metric = LearnedPerceptualImagePatchSimilarity("alex", normalize=True)
    except Exception as error:  # whatever a broken file brings
        raise UserError(
            f"lpips=true: needs torchvision and its AlexNet weights ({_reason(error)}); "
            "pip install 'vton-aux[lpips]', or leave it out"
        ) from None
    return _PerImage(metric.eval())


def _reason(error: Exception) -> str:
    """One line, with the kind of error where the text may not say it."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ImportError) else f"{type(error).__name__}: {text}"


class _PerImage(nn.Module):
    def __init__(self, metric: LearnedPerceptualImagePatchSimilarity) -> None:
        super().__init__()
        self.net = metric.net

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        distances: Tensor = self.net(prediction, target, normalize=True)
        return distances.flatten()


class RandomVGG(nn.Module):
    """Channel means of a fixed random VGG19 after relu3_1, 256 features.

    Needs no download and tells gross differences only; its distances compare with nothing that
    was published.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = PerceptualLoss("random")

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 -> (B, 256) float32."""
        deepest = self.network.features(images.float() / 127.5 - 1, stages=3)[-1]
        return F.adaptive_avg_pool2d(deepest, 1).flatten(1)


random_vgg = RandomVGG  # the name that evaluations and configs hold


class SetDistance:
    """FID and KID between true and made pictures, fed with their features.

    KID is the unbiased estimate over 100 random subsets of 1,000 pictures (of half of the
    pictures, where there are fewer than 2,000), with a fixed seed.
    """

    def __init__(self, dimension: int, images: int) -> None:
        self.images = images
        given = _Given(dimension)
        # KID keeps all features: a few kilobytes a picture
        warnings.filterwarnings("ignore", message=".*will save all extracted features.*")
        self.fid = FrechetInceptionDistance(feature=given)
        self.kid = KernelInceptionDistance(
            feature=given,
            subsets=KID_SUBSETS,
            subset_size=min(KID_SUBSET_SIZE, max(2, images // 2)),
        )

    def update(self, true: Tensor, made: Tensor) -> None:
        """Add features (B, D) of true and of made pictures."""
        for metric in (self.fid, self.kid):
            metric.update(true, real=True)
            metric.update(made, real=False)

    def compute(self) -> dict[str, float]:
        """fid and kid."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            kid = self.kid.compute()[0]
        return {"fid": float(self.fid.compute()), "kid": float(kid)}


class _Given(nn.Module):
    """Hands on features that are computed already."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.num_features = dimension

    def forward(self, features: Tensor) -> Tensor:
        return features

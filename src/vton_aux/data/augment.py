"""Augmentation with albumentations: geometry moves the person, colour changes person and cloth.

Geometry moves person, parse and joints together and leaves the shop cloth alone: how the cloth
gets onto the moved person is what GMM learns. Colour is drawn once a sample and applied to the
person and to the cloth alike, so that the worn cloth keeps the shop cloth's colour; the shop
picture's background stays, for the warped cloth is compared on white. The flip is no transform of
these: see `flip`.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else each import asks the net
import albumentations as A
import numpy as np

from vton_aux.data.pose import in_frame
from vton_aux.data.sample import Sample, UInt8
from vton_aux.errors import UserError

_DROPOUTS = ("CoarseDropout", "GridDropout", "PixelDropout")  # here they are of the picture alone
_MIRRORS = ("HorizontalFlip", "VerticalFlip", "Transpose", "D4", "SquareSymmetry")


def build_transforms(
    specifications: Mapping[str, Sequence[Mapping[str, Any]]] | None,
) -> dict[str, list[Any]]:
    """albumentations transforms from plain values: {"transform": "Affine", "scale": [0.9, 1.1]}.

    Returns:
        `geometry` and `colour`, the arguments of `Augmentation`.

    Raises:
        UserError: a transform has no such name or no such argument, mirrors, or moves pixels where
            colours are to change.
    """
    built: dict[str, list[Any]] = {}
    for kind, transforms in (specifications or {}).items():
        built[kind] = []
        for specification in transforms:
            arguments = dict(specification)
            name = str(arguments.pop("transform", ""))
            constructor = getattr(A, name, None)
            if constructor is None:
                raise UserError(f"data.augment.{kind}: albumentations has no transform {name!r}")
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    built[kind].append(constructor(**arguments))
            except (TypeError, ValueError, UserWarning) as error:
                reason = " ".join(str(error).split())
                raise UserError(f"data.augment.{kind}: {name}: {reason}") from None
            _check_kind(kind, name, built[kind][-1])
    return built


def _check_kind(kind: str, name: str, transform: Any) -> None:
    changes_colours = isinstance(transform, A.ImageOnlyTransform) or name in _DROPOUTS
    if kind == "colour" and not changes_colours:
        raise UserError(f"data.augment.colour: {name} moves pixels; it belongs to geometry")
    if kind == "geometry" and name in _MIRRORS:
        raise UserError(
            f"data.augment.geometry: {name} mirrors without exchanging left and right in parse and "
            "joints; data.augment.flip does"
        )


class Augmentation:
    """Callable on samples, deterministic for a given draw.

    Args:
        geometry: albumentations transforms of the person's image, parse and joints.
        colour: albumentations transforms of the person's and the cloth's colours.
    """

    def __init__(self, geometry: Sequence[Any] = (), colour: Sequence[Any] = ()) -> None:
        self.geometry = A.Compose(
            list(geometry) or [A.NoOp()],  # albumentations warns of joints that nothing moves
            keypoint_params=A.KeypointParams(
                format="xy", label_fields=["found"], remove_invisible=False
            ),
        )
        self.colour = A.Compose(list(colour))

    def __call__(self, sample: Sample, draw: int) -> Sample:
        """A changed copy of `sample`; the same `draw` makes the same change."""
        # albumentations gives every transform of a Compose the same stream; these must differ
        for number, transform in enumerate((*self.geometry.transforms, *self.colour.transforms)):
            transform.set_random_seed((draw * 1009 + number) % 2**32)
        moved = self._moved(sample)
        # a transform may reorder joints, and `found` follows: it tells each joint's former place
        joints = np.column_stack(
            [moved["keypoints"], sample["joints"][np.asarray(moved["found"], dtype=int), 2]]
        ).astype(np.float32)
        height, width = sample["parse"].shape
        joints[:, 2] *= in_frame(joints, height, width)
        person, cloth = self._coloured(moved["image"], sample["cloth"])
        cloth = np.where(sample["cloth_mask"][..., None] > 0, cloth, sample["cloth"])
        return Sample(
            person=person,
            parse=moved["mask"],
            joints=joints,
            cloth=cloth,
            cloth_mask=sample["cloth_mask"],
        )

    def _moved(self, sample: Sample) -> dict[str, Any]:
        shape, count = sample["parse"].shape, len(sample["joints"])
        try:
            moved: dict[str, Any] = self.geometry(
                image=sample["person"],
                mask=sample["parse"],
                keypoints=sample["joints"][:, :2],
                found=list(range(count)),
            )
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"data.augment.geometry: {reason}") from None
        if moved["mask"].shape != shape or len(moved["keypoints"]) != count:
            raise UserError(
                f"data.augment.geometry: makes {moved['mask'].shape} of {shape} and "
                f"{len(moved['keypoints'])} joints of {count}; both must stay"
            )
        return moved

    def _coloured(self, person: UInt8, cloth: UInt8) -> tuple[UInt8, UInt8]:
        # as one picture: contrast turns around a picture's own mean
        both = self.colour(image=np.hstack([person, cloth]))["image"]
        if both.dtype != np.uint8 or both.shape != (len(person), 2 * person.shape[1], 3):
            raise UserError(
                f"data.augment.colour: makes {both.dtype} of shape {both.shape}; colours must stay "
                "bytes of the same size"
            )
        width = person.shape[1]
        return np.ascontiguousarray(both[:, :width]), both[:, width:]

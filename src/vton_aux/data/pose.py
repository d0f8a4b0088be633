"""OpenPose files (COCO-18 and BODY-25) as 18 COCO joints."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vton_aux.errors import UserError

JOINTS = (
    "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow",
    "left wrist", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
    "right eye", "left eye", "right ear", "left ear",
)  # fmt: skip

# BODY-25 has the mid hip at 8 and six foot points at the end, which COCO-18 lacks
_COCO_IN_BODY25 = (*range(8), *range(9, 19))
# order of the joints after a horizontal flip
FLIPPED = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)


def read_pose(path: Path) -> npt.NDArray[np.float32]:
    """Joints of the first person in an OpenPose JSON file.

    Returns:
        (18, 3) float32: x and y in pixels of the person image, and 1 where the joint was found,
        else 0. As in CP-VTON, a joint with x <= 1 or y <= 1 counts as not found; so does one
        whose place is null.

    Raises:
        UserError: the file is missing, is not OpenPose JSON, holds no person, or its places are
            no pixels.
    """
    try:
        people = json.loads(path.read_text())["people"]
    except FileNotFoundError:
        raise UserError(f"{path}: the pose file is missing") from None
    except OSError as error:
        raise UserError(f"{path}: the pose file cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not an OpenPose JSON file ({error})") from None
    if not people:
        raise UserError(f"{path}: OpenPose found no person; leave this pair out of the pair list")
    try:
        flat = people[0].get("pose_keypoints_2d") or people[0]["pose_keypoints"]
        points = np.asarray(flat, dtype=np.float32).reshape(-1, 3)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(
            f"{path}: people[0] needs pose_keypoints or pose_keypoints_2d, x, y, confidence a joint"
        ) from None
    if len(points) == 25:
        points = points[list(_COCO_IN_BODY25)]
    if len(points) != 18:
        raise UserError(f"{path}: {len(points)} joints; COCO-18 and BODY-25 are known")
    points[~np.isfinite(points).all(1)] = 0
    if points[:, :2].any() and np.abs(points[:, :2]).max() <= 1:
        raise UserError(
            f"{path}: all places lie in [-1, 1]; pixels of the photo are wanted, which OpenPose "
            "writes with --keypoint_scale 0"
        )
    points[:, 2] = (points[:, 0] > 1) & (points[:, 1] > 1)
    return points


def in_frame(joints: Any, height: int, width: int) -> Any:
    """Which joints (..., 18, 3), array or tensor, lie in the picture: (..., 18) bool."""
    x, y = joints[..., 0], joints[..., 1]
    return (x >= 0) & (y >= 0) & (x < width) & (y < height)

"""What makes a test sample hard: from its parse, joints and masks alone, never from a prediction.

The paper claims its gain for self-occlusion (folded arms), complex poses and cloths of another
shape than the worn one (section 1); these are the numbers behind such strata. A paired sample wears
its own cloth, so its shape difficulty tells how far wearing it changes its shape.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

ARMS = (14, 15)
# self-occlusion above which a sample counts as occluded: 10 % of VITON's test photos. Looked at, a
# share below 0.07 is mostly a bare arm that hangs along the torso's edge, one above 0.08 mostly an
# arm before the torso; the histogram has its valley there
OCCLUDED = 0.08
BONES = ((2, 3), (3, 4), (5, 6), (6, 7))  # shoulder to elbow to wrist, right then left
SHOULDERS, HIPS = (2, 5), (11, 8)
BOX = (64, 64)  # both masks are scaled to it
BROKEN = 0.5  # a shop cloth's mask that fills less of its box has lost parts of the cloth


def self_occlusion(
    parse: npt.NDArray[np.uint8], joints: npt.NDArray[np.float32], worn: npt.NDArray[np.bool_]
) -> float:
    """Share of the torso that arms cover: |arms in torso| / |torso|.

    The torso is the quadrilateral of shoulders and hips; a hip that was not found lies below its
    shoulder on the lower edge of the worn cloth. The parse calls a sleeve garment, so arms folded
    in long sleeves count by their hands alone.

    Args:
        parse: (H, W) raw LIP labels; 14 and 15 are arms.
        joints: (18, 3) x, y, found.
        worn: (H, W) where the photo shows the worn cloth.

    Returns:
        A share in [0, 1]; NaN where a shoulder was not found, or nothing tells the lower edge.
    """
    if not joints[list(SHOULDERS), 2].all():
        return math.nan
    corners = [joints[i, :2] for i in SHOULDERS]
    rows = np.flatnonzero(worn.any(axis=1))
    for hip, shoulder in zip(HIPS, reversed(SHOULDERS), strict=True):
        if joints[hip, 2]:
            corners.append(joints[hip, :2])
        elif rows.size:
            corners.append(np.array([joints[shoulder, 0], rows[-1]], dtype=np.float32))
        else:
            return math.nan
    torso = np.zeros(parse.shape, np.uint8)
    cv2.fillConvexPoly(torso, np.rint(corners).astype(np.int32), 1)
    inside = torso > 0
    return float(np.isin(parse[inside], ARMS).mean()) if inside.any() else math.nan


def pose_difficulty(joints: npt.NDArray[np.float32]) -> float:
    """Mean angle in degrees between the arms' bones and straight down, over the bones found.

    0 for arms that hang, 90 for arms stretched aside, 180 for raised ones; NaN without a bone.
    """
    angles = []
    for start, end in BONES:
        x, y = joints[end, :2] - joints[start, :2]
        if joints[start, 2] and joints[end, 2] and (x or y):
            angles.append(abs(math.degrees(math.atan2(x, y))))
    return float(np.mean(angles)) if angles else math.nan


def shape_difficulty(cloth: npt.NDArray[np.bool_], worn: npt.NDArray[np.bool_]) -> float:
    """1 - IoU of the shop cloth and the worn cloth, both scaled from their boxes to one square.

    0 where the worn cloth has the shop cloth's silhouette, near 1 where they share nothing. What
    hides the worn cloth, arms, hair or a waistband, changes its shape too.

    Args:
        cloth: (H, W) mask of the shop cloth.
        worn: (H, W) mask of the cloth in the photo.

    Returns:
        A share in [0, 1]; NaN where a mask is empty or the shop cloth's is broken, as VITON's are
        for 4 % of the test photos, white and pink cloths mostly.
    """
    if not cloth.any() or not worn.any():
        return math.nan
    a, b = _boxed(cloth), _boxed(worn)
    if a.mean() < BROKEN:
        return math.nan
    return 1 - float((a & b).sum() / (a | b).sum())


def terciles(values: npt.NDArray[np.float64]) -> npt.NDArray[np.str_]:
    """ "easy", "medium" or "hard" by the terciles of `values`; "unknown" where one is NaN."""
    low, high = np.nanquantile(values, [1 / 3, 2 / 3]) if np.isfinite(values).any() else (0, 0)
    strata = np.where(values <= low, "easy", np.where(values <= high, "medium", "hard"))
    return np.where(np.isnan(values), "unknown", strata)


def _boxed(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    return np.asarray(cv2.resize(box, BOX, interpolation=cv2.INTER_AREA) > 0.5)

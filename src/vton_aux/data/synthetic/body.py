"""From a pose to the geometry of a body: torso coordinates, joints, outlines and limbs.

Torso coordinates are the standard body's: x sideways from the spine and y down from the neck
joint, in reference units, with the shoulder joints at x = 39 and the hip joints at y = 118.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vton_aux.data.synthetic.geometry import (
    Points,
    closed_curve,
    limb,
    mirrored,
    rotated,
    unit,
)
from vton_aux.data.synthetic.person import Arm, ArmPose, Person

SPINE = 118.0
SHOULDER = 39.0
UPPER_RADII = (10.6, 10.2, 9.0, 8.0, 7.4)
FORE_RADII = (7.4, 7.6, 6.8, 5.5, 4.5)
_QUARTERS = np.arange(5)  # of a limb: where its radii lie
_HEAD = 1.05  # size of the head; larger than life suits a drawing
_HEAD_PIVOT = (0.0, -16.0)


@dataclass(frozen=True)
class ArmShape:
    """One arm on the picture, in reference units.

    Attributes:
        pose: what the arm does.
        outside: -1 for the arm on the left of the picture, else 1.
        shoulder, elbow, wrist: the joints.
        scale: of the person.
    """

    pose: ArmPose
    outside: int
    shoulder: Points
    elbow: Points
    wrist: Points
    scale: float

    @property
    def upper_share(self) -> float:
        """Length of the upper arm as a share of the whole arm."""
        upper = np.hypot(*(self.elbow - self.shoulder))
        return float(upper / (upper + np.hypot(*(self.wrist - self.elbow))))

    def sections(self, shares: Points, ease: Points, *, fore: bool) -> tuple[Points, Points]:
        """Outer and inner points (n, 2) of cross-sections of the arm.

        `shares` (n,) are positions on the way from the shoulder to the wrist, `ease` (n,) the gaps
        to the skin in units of the standard body. The sections belong to the forearm or to the
        upper arm, whose axes go on straight beyond the elbow.
        """
        start, end = (self.elbow, self.wrist) if fore else (self.shoulder, self.elbow)
        split = self.upper_share
        t = (shares - split) / (1 - split) if fore else shares / split
        radii = FORE_RADII if fore else UPPER_RADII
        radius = self.scale * (np.interp(4 * t, _QUARTERS, radii) + ease)[:, None]
        along = unit(end - start)
        outwards = np.array([-along[1], along[0]]) * -self.outside
        axis = start + t[:, None] * (end - start)
        return axis + radius * outwards, axis - radius * outwards

    @cached_property
    def upper_outline(self) -> Points:
        """Outline of the upper arm."""
        return limb(self.shoulder, self.elbow, [r * self.scale for r in UPPER_RADII])

    @cached_property
    def fore_outlines(self) -> list[Points]:
        """Outlines of the forearm, the palm with the fingers, and the thumb."""
        forearm = limb(self.elbow, self.wrist, [r * self.scale for r in FORE_RADII])
        along, thumb_side = self._hand_axes()
        palm = [(-2, 4.6), (5, 5.6), (9, 5.9), (14, 4.6), (19, 2.4), (20.5, 0), (20, -2.6),
                (15, -5), (9, -5.6), (4, -5.2), (-2, -4.6)]  # fmt: skip
        base = self.wrist + self.scale * (3 * along + 3.5 * thumb_side)
        tip = self.wrist + self.scale * (12.5 * along + 7.6 * thumb_side)
        thumb = limb(base, tip, [3.0 * self.scale, 2.5 * self.scale, 1.7 * self.scale])
        return [forearm, self._on_hand(closed_curve(palm)), thumb]

    def finger_gaps(self) -> list[Points]:
        """The three lines between the fingers."""
        lines = (((11, 2.6), (18.5, 1.5)), ((11.5, 0), (19.5, -0.2)), ((11.5, -2.6), (18.5, -2)))
        return [self._on_hand(np.asarray(line)) for line in lines]

    def _hand_axes(self) -> tuple[Points, Points]:
        along = unit(self.wrist - self.elbow)
        if self.pose == "hip":  # the hand bends down onto the hip
            along = unit(along + np.array([0.0, 1.1]))
        # the thumb points to the front of the body: inwards when hanging, up when folded
        inwards = np.array([-along[1], along[0]]) * self.outside
        return along, -inwards if self.pose in ("folded", "raised") else inwards

    def _on_hand(self, points: npt.ArrayLike) -> Points:
        along, thumb_side = self._hand_axes()
        frame = self.scale * np.stack([along, thumb_side])
        return self.wrist + np.asarray(points, np.float64) @ frame


class Body:
    """The body of a person: where torso and head coordinates lie, joints and outlines."""

    def __init__(self, person: Person) -> None:
        pose = person.pose
        self.person = person
        self.scale = pose.scale
        self._builds = (person.broad_shoulders, person.broad_hips)
        self.neck = np.array(pose.neck)
        self._down = rotated([(0, 1)], pose.lean)[0]
        self._across = np.vstack(
            [rotated([(1, 0)], pose.lean + turn)[0] for turn in (pose.shoulders, pose.hips)]
        )
        corners = np.array([(0, 0), (_HEAD, 0), (0, _HEAD)])
        tilted = rotated(corners, pose.head_tilt, _HEAD_PIVOT)
        placed = self.neck + self.scale * rotated(tilted, pose.lean)
        self._head_origin, self._head_axes = placed[0], placed[1:] - placed[0]
        self.right = self._arm(pose.right, -1)
        self.left = self._arm(pose.left, 1)

    def at(self, points: npt.ArrayLike) -> Points:
        """Torso coordinates (n, 2) as reference points."""
        xy = np.asarray(points, np.float64)
        x, y = xy[:, 0], xy[:, 1]
        low = np.minimum(np.maximum(y / SPINE, 0), 1)[:, None]
        above, below = self._across
        sideways = x[:, None] * (self._builds[0] + low * (self._builds[1] - self._builds[0]))
        shift = y[:, None] * self._down + sideways * (above + low * (below - above))
        return np.asarray(self.neck + self.scale * shift)

    def head(self, points: npt.ArrayLike) -> Points:
        """Head coordinates (n, 2), upright around the neck joint, as reference points."""
        return np.asarray(np.asarray(points, np.float64) @ self._head_axes + self._head_origin)

    def half_width(self, y: npt.ArrayLike) -> Points:
        """Half width of the torso's skin at heights `y` in torso coordinates."""
        waist = 30.5 - 4.5 * self.person.slim_waist
        heights = (20, 40, 60, 80, 98, 118, 140)
        return np.interp(np.asarray(y, np.float64), heights, (33, 33.5, 30, waist, 33, 37.5, 37.5))

    def torso_outline(self) -> Points:
        """Neck, shoulders and trunk, without the arms."""
        ys = np.array([24.0, 42, 60, 80, 92, 100])
        side = np.column_stack([self.half_width(ys) - np.where(ys > 95, 4, 0), ys])
        neck = [(8.3, -34), (8.3, -22), (12.5, -16.5), (24, -13), (37, -8.5), (44, -3.5),
                (44, 4), (36, 14)]  # fmt: skip
        return closed_curve(self.at(mirrored(np.vstack([neck, side]))), 4)

    def leg_outlines(self, hem: float, gap: float) -> list[Points]:
        """Both legs from the hips to `hem` (torso y), with `gap` half the distance between."""
        legs = []
        for side in (-1, 1):
            outer = [(38.4, 118), (38.6, 126), (37.5, 145), (34, 180), (29, 225), (27, 260)]
            inner = [(9, 260), (6, 225), (3.5 + gap, 180), (1 + gap, 150), (gap, 138), (0, 118)]
            points = np.array([*outer, *inner], np.float64)
            points[:, 1] = np.minimum(points[:, 1], hem)
            legs.append(self.at(points * (side, 1)))
        return legs

    def joints(self) -> Points:
        """COCO-18 joints (18, 2) in reference units, whether or not they are detected."""
        hips, knees, ankles = (
            self.at([(-x, y), (x, y)]) for x, y in ((25, 118), (21, 228), (18, 330))
        )
        turn = 4.0 * self.person.pose.head_turn
        nose, right_eye, left_eye, right_ear, left_ear = self.head(
            [(turn, -43), (turn - 8, -52), (turn + 8, -52), (-19, -48), (19, -48)]
        )
        right, left = ([arm.shoulder, arm.elbow, arm.wrist] for arm in (self.right, self.left))
        right_leg, left_leg = ([hips[k], knees[k], ankles[k]] for k in range(2))
        eyes_ears = [right_eye, left_eye, right_ear, left_ear]
        return np.vstack([nose, self.neck, *right, *left, *right_leg, *left_leg, *eyes_ears])

    def _arm(self, arm: Arm, outside: int) -> ArmShape:
        shoulder = self.at([(outside * SHOULDER, 1.5)])[0]
        wrist = self.at([(outside * arm.wrist[0], arm.wrist[1])])[0]
        upper, fore = (length * self.scale for length in arm.lengths)
        reach = wrist - shoulder
        longest = 0.995 * (upper + fore)
        distance = min(float(np.hypot(*reach)), longest)
        along = unit(reach)
        share = (upper**2 - fore**2 + distance**2) / (2 * distance)
        bend = np.sqrt(max(upper**2 - share**2, 0.0))
        # a raised arm turns the elbow the other way: out and down
        turn = outside if arm.pose == "raised" else -outside
        outwards = np.array([-along[1], along[0]]) * turn
        elbow = shoulder + share * along + bend * outwards
        return ArmShape(arm.pose, outside, shoulder, elbow, shoulder + distance * along, self.scale)

"""A person drawn at random: pose, build, looks and studio, all that a garment does not change."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vton_aux.data.synthetic.geometry import RGB
from vton_aux.data.synthetic.paint import mixed, scaled

ArmPose = Literal["down", "front", "hip", "raised", "folded"]
HairStyle = Literal["long", "wavy", "bob", "bun", "ponytail", "curly", "short"]
Bottom = Literal["jeans", "trousers", "skirt", "shorts"]

_SKINS: tuple[RGB, ...] = (
    (252, 222, 200), (246, 209, 182), (236, 190, 158), (222, 170, 134),
    (196, 142, 104), (160, 108, 76), (126, 82, 58), (96, 62, 46),
)  # fmt: skip
_HAIRS: tuple[RGB, ...] = (
    (40, 33, 36), (62, 43, 36), (92, 60, 42), (124, 82, 54), (142, 70, 44), (186, 98, 52),
    (176, 134, 86), (216, 180, 122), (232, 212, 170), (66, 40, 52),
)  # fmt: skip
_DARK_HAIRS = 4  # the first few of `_HAIRS`, likelier than the others
_IRISES: tuple[RGB, ...] = ((74, 50, 36), (58, 42, 34), (70, 104, 84), (82, 120, 150))
_DENIM: tuple[RGB, ...] = ((58, 82, 122), (38, 52, 82), (112, 142, 178), (60, 62, 70))
_CLOTHS: tuple[RGB, ...] = (
    (42, 42, 48), (34, 44, 66), (232, 228, 222), (178, 160, 138), (120, 124, 128), (96, 70, 62),
    (120, 46, 60), (74, 90, 74), (206, 160, 152), (66, 74, 104),
)  # fmt: skip
_WALLS: tuple[RGB, ...] = (
    (236, 236, 238), (240, 237, 232), (228, 232, 236), (238, 230, 228), (226, 232, 228),
    (242, 240, 238), (230, 226, 232),
)  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """One arm's pose; lengths in reference units of the standard body.

    Attributes:
        pose: what the arm does.
        wrist: target of the wrist in torso coordinates (lateral away from the body, down).
        lengths: upper arm and forearm.
    """

    pose: ArmPose
    wrist: tuple[float, float]
    lengths: tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Where the person stands and how; reference units and degrees.

    Attributes:
        scale: size of the person, 1 fills the frame from above the head to the thighs.
        neck: the neck joint.
        lean: turn of the spine, clockwise.
        shoulders, hips: turn of the two lines, clockwise.
        head_tilt, head_turn: roll of the head, and how far the face looks sideways.
        right, left: the arms (of the person, so the right one is on the left of the picture).
        right_over: whether the right forearm lies over the left one when folded.
        undetected: indices of joints that the pose estimator misses.
    """

    scale: float
    neck: tuple[float, float]
    lean: float
    shoulders: float
    hips: float
    head_tilt: float
    head_turn: float
    right: Arm
    left: Arm
    right_over: bool
    undetected: tuple[int, ...]


@dataclass(frozen=True)
class Person:
    """Everything of a picture but the garment.

    Attributes:
        broad_shoulders, broad_hips: widths of the body relative to the standard one.
        slim_waist: how far the waist goes in, 0..1.
        part: where the hair parts, -1..1 from the picture's left to its right.
        fringe: whether hair covers the forehead.
        hair_length: how far long hair falls, 0..1.
        tucked: whether a garment that ends at the hips goes into the trousers.
        hem: length of a skirt or shorts in torso coordinates.
        light: -1 for light from the left, 1 from the right.
        seed: of the folds, the strands of hair and the noise.
    """

    pose: Pose
    broad_shoulders: float
    broad_hips: float
    slim_waist: float
    skin: RGB
    hair: RGB
    hair_style: HairStyle
    hair_length: float
    part: float
    fringe: bool
    iris: RGB
    lips: RGB
    smile: float
    bottom: Bottom
    bottom_colour: RGB
    hem: float
    tucked: bool
    wall: RGB
    light: int
    seed: tuple[int, ...]

    @property
    def skin_shadow(self) -> RGB:
        """Skin away from the light."""
        return scaled(self.skin, (0.74, 0.62, 0.56))

    @property
    def skin_light(self) -> RGB:
        """Skin towards the light."""
        return mixed(self.skin, (255, 244, 232), 0.38)


def draw_pose(rng: np.random.Generator) -> Pose:
    """A random frontal pose framed as in VITON, from above the head to the thighs."""
    scale = float(rng.uniform(0.9, 1.08))
    folded = rng.random() < 0.14
    right, left = (_draw_arm(rng, folded, side) for side in range(2))
    # what estimators miss most on VITON: wrists and elbows, far ears
    misses = {3: 0.02, 4: 0.07, 6: 0.02, 7: 0.07, 8: 0.01, 11: 0.01, 16: 0.08, 17: 0.12}
    return Pose(
        scale=scale,
        neck=(96 + float(rng.normal(0, 5)), 66 + 20 * scale + float(rng.normal(0, 3))),
        lean=float(rng.normal(0, 2.2)),
        shoulders=float(rng.normal(0, 2.2)),
        hips=float(rng.normal(0, 2.5)),
        head_tilt=float(rng.normal(0, 5)),
        head_turn=float(np.clip(rng.normal(0, 0.5), -1, 1)),
        right=right,
        left=left,
        right_over=bool(rng.random() < 0.5),
        undetected=tuple(joint for joint, p in misses.items() if rng.random() < p),
    )


def _draw_arm(rng: np.random.Generator, folded: bool, side: int) -> Arm:
    poses: tuple[ArmPose, ...] = ("down", "front", "hip", "raised")
    pose: ArmPose = poses[rng.choice(4, p=(0.5, 0.2, 0.18, 0.12))]
    x, y = rng.uniform(-1, 1, 2)
    upper, fore = 62 + 2 * x, 52 + 2 * y
    if folded:
        # foreshortened: the upper arm comes forward, the forearm lies across
        return Arm("folded", (-27 + 3 * x, 47 + 3 * y + 9 * side), (50, 62))
    if pose == "raised":
        if rng.random() < 0.5:  # a hand in the hair, the upper arm foreshortened
            return Arm("raised", (35 + 3 * x, -47 + 5 * y), (36, 56))
        return Arm("raised", (64 + 5 * x, 6 + 8 * y), (58, 50))
    wrist = {
        "down": (54 + 7 * x, 110 + 3 * y),
        "front": (33 + 7 * x, 104 + 6 * y),
        "hip": (36 + 2 * x, 87 + 5 * y),
    }[pose]
    return Arm(pose, wrist, (upper, fore))


def draw_person(seed: tuple[int, ...]) -> Person:
    """The person that belongs to `seed`."""
    rng = np.random.default_rng(seed)
    pose = draw_pose(rng)
    styles: tuple[HairStyle, ...] = ("long", "wavy", "bob", "bun", "ponytail", "curly", "short")
    bottoms: tuple[Bottom, ...] = ("jeans", "trousers", "skirt", "shorts")
    skin = _SKINS[rng.integers(len(_SKINS))]
    dark = 2 if sum(skin) < 400 else _DARK_HAIRS
    hairs = _HAIRS[:dark] if sum(skin) < 400 or rng.random() < 0.3 else _HAIRS
    bottom = bottoms[rng.choice(4, p=(0.42, 0.33, 0.17, 0.08))]
    colours = _DENIM if bottom in ("jeans", "shorts") else _CLOTHS
    rose = ((186, 74, 84), (200, 98, 96), (164, 52, 66), (206, 120, 112))[rng.integers(4)]
    return Person(
        pose=pose,
        broad_shoulders=float(np.clip(rng.normal(1, 0.04), 0.92, 1.1)),
        broad_hips=float(np.clip(rng.normal(1, 0.06), 0.9, 1.15)),
        slim_waist=float(rng.uniform(0.2, 1)),
        skin=skin,
        hair=hairs[rng.integers(len(hairs))],
        hair_style=styles[rng.choice(7, p=(0.27, 0.2, 0.14, 0.12, 0.11, 0.09, 0.07))],
        hair_length=float(rng.uniform()),
        part=float(rng.uniform(-1, 1)),
        fringe=bool(rng.random() < 0.22),
        iris=_IRISES[rng.integers(len(_IRISES))],
        lips=mixed(rose, skin, 0.25 if sum(skin) > 420 else 0.45),
        smile=float(rng.uniform(0, 1)),
        bottom=bottom,
        bottom_colour=colours[rng.integers(len(colours))],
        hem=float(rng.uniform(160, 185) if bottom == "skirt" else rng.uniform(146, 160)),
        tucked=bool(rng.random() < 0.4),
        wall=_WALLS[rng.integers(len(_WALLS))],
        light=-1 if rng.random() < 0.6 else 1,
        seed=seed,
    )

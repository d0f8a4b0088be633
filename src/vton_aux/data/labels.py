"""Human-parsing labels: the raw LIP indices of the files and the classes that a head predicts."""

from collections.abc import Mapping
from dataclasses import dataclass

LIP = (
    "background", "hat", "hair", "glove", "sunglasses", "upper clothes", "dress", "coat", "socks",
    "pants", "jumpsuits", "scarf", "skirt", "face", "left arm", "right arm", "left leg",
    "right leg", "left shoe", "right shoe",
)  # fmt: skip
NECK = 20  # CP-VTON+ writes neck and chest skin under this label; VITON calls it background

WORN_CLOTH = (5, 6, 7)  # upper clothes, dress, coat: what the shop cloth replaces
LEFT_RIGHT = ((14, 15), (16, 17), (18, 19))  # labels that a horizontal flip swaps

# colours of the LIP data set, for pictures
PALETTE = (
    (0, 0, 0), (128, 0, 0), (255, 0, 0), (0, 85, 0), (170, 0, 51), (255, 85, 0), (0, 0, 85),
    (0, 119, 221), (85, 85, 0), (0, 85, 85), (85, 51, 0), (52, 86, 128), (0, 128, 0), (0, 0, 255),
    (51, 170, 221), (0, 255, 255), (85, 255, 170), (170, 255, 85), (255, 255, 0), (255, 170, 0),
    (170, 170, 50),
)  # fmt: skip


@dataclass(frozen=True)
class LabelSet:
    """The classes of M_exp and how the raw labels of the parse files map to them.

    Attributes:
        name: key of the set in `LABEL_SETS`.
        classes: name of each class, in the order of the logits.
        class_of: class index of each raw label; a raw label >= len(class_of) is an error.
        skin: classes whose weight is raised to handle occlusion (the paper, section 2).
        background: the class whose weight is raised to stem bleeding (the paper, section 2).
    """

    name: str
    classes: tuple[str, ...]
    class_of: tuple[int, ...]
    skin: tuple[int, ...]
    background: int

    @property
    def colours(self) -> tuple[tuple[int, int, int], ...]:
        """One RGB colour (0..255) a class: that of its first raw label."""
        return tuple(PALETTE[self.class_of.index(c)] for c in range(len(self.classes)))


def grouped(name: str, groups: Mapping[str, tuple[int, ...]], skin: tuple[str, ...]) -> LabelSet:
    """A label set of these classes and their raw labels; raw label 0 is the background.

    Raises:
        ValueError: the raw labels are not 0, 1, 2, ..., each once.
    """
    classes = tuple(groups)
    raw = sorted((label, c) for c, labels in enumerate(groups.values()) for label in labels)
    if [label for label, _ in raw] != list(range(len(raw))):
        raise ValueError(f"label set {name}: raw labels are {raw}, not 0, 1, 2, ..., each once")
    class_of = tuple(c for _, c in raw)
    return LabelSet(name, classes, class_of, tuple(classes.index(s) for s in skin), class_of[0])


_SKIN = ("face", "left arm", "right arm", "left leg", "right leg")
_LIP_GROUPS = {name: (label,) for label, name in enumerate(LIP)}

LABEL_SETS = {
    labels.name: labels
    for labels in (
        grouped("lip", _LIP_GROUPS, skin=_SKIN),
        grouped("lip_neck", {**_LIP_GROUPS, "neck": (NECK,)}, skin=(*_SKIN, "neck")),
        grouped(
            "coarse",
            {
                "background": (0,),
                "head": (1, 2, 4),
                "face": (13, NECK),
                "upper clothes": (5, 6, 7, 10, 11),
                "lower clothes": (8, 9, 12),
                "arms": (3, 14, 15),
                "legs": (16, 17, 18, 19),
            },
            skin=("face", "arms", "legs"),
        ),
    )
}

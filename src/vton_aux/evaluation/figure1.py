"""Figure 1 as an SVG: (A) the geometric matching module, (B) the try-on module.

A feature map is a slab: its height tells the rows, its width the channels. The auxiliary heads are
drawn, dashed, where the model has them.
"""

# ruff: noqa: RUF001  (the signs of multiplication and minus)

from collections.abc import Sequence

from vton_aux.data.sample import UInt8
from vton_aux.evaluation.architecture import Architecture, Head
from vton_aux.evaluation.drawing import MUTED, RED, STEP, THUMB, Drawing, document

WIDTH = 1280
OUT, LOSS, TRUTH = WIDTH - 236, WIDTH - 146, WIDTH - 54  # the columns that both modules share


def figure_1(of: Architecture) -> str:
    """The drawing, a whole SVG file."""
    draw = Drawing(of.size)
    first = 58
    second = first + (488 if of.gmm.head else 384)
    end = second + (440 if of.tom.head else 376)
    _gmm(draw, of, first)
    _tom(draw, of, second)
    _key(draw, end, aux=bool(of.gmm.head or of.tom.head))
    description = (
        "I_p and the shop cloth pass two encoders, whose correlation gives the thin-plate spline; "
        f"a U-Net renders the person and the composition mask. {_aux_words(of)}"
    )
    title = "The architecture: geometric matching module and try-on module"
    return document(draw, (WIDTH, end + 24), title, description)


def _aux_words(of: Architecture) -> str:
    stages = [name for name, part in (("GMM", of.gmm), ("TOM", of.tom)) if part.head]
    if not stages:
        return "Neither stage has an auxiliary head."
    return f"An auxiliary head on the encoder of {' and of '.join(stages)} predicts M_exp."


def _gmm(draw: Drawing, of: Architecture, top: float) -> None:
    parts = of.gmm
    _heading(draw, "A", "Geometric matching module (GMM)", parts.parameters, parts.head, top - 34)
    cloth_y, person_y = top + 92, top + 254
    middle, start = (cloth_y + person_y) / 2, 196
    draw.thumb(of.pictures["cloth"], 92, cloth_y, "c", channels=3)
    _representation(draw, of, 92, person_y)
    rows = (
        ("encoder of the cloth", parts.cloth, cloth_y, 124),
        ("encoder of the person", parts.person, person_y, 148),
    )
    for name, maps, y, edge in rows:
        draw.path((edge, y), (start - 12, y), arrow=True)
        end = draw.maps("encoder", maps[1:], start, y)
        draw.words(start + (len(maps) - 3) * STEP, y - 48, name)
    joint = end + 44
    for y, side in ((cloth_y, -36), (person_y, 36)):
        draw.path((end + 6, y), (joint, y), (joint, middle + side), arrow=True)
    draw.map("match", parts.correlation, joint, middle)
    draw.words(joint + 18, middle + 36, "correlation", anchor="start")
    draw.path((joint + 22, middle), (joint + 60, middle), arrow=True)
    last = draw.maps("match", parts.regressor, joint + 76, middle)
    draw.words(joint + 76 + 1.5 * STEP, middle + 52, "regressor")
    spline = OUT - 106
    theta = spline - 94
    draw.path((last + 8, middle), (theta - 36, middle), arrow=True)
    draw.control_points(of.offsets, parts.points, theta, middle)
    draw.words(theta, middle + 54, f"θ  {parts.points}×{parts.points}×2", math=True)
    draw.path((theta + 36, middle), (spline - 31, middle), arrow=True)
    draw.box(spline, middle, "TPS", "warp")
    over = top + 14
    draw.path((92, cloth_y - draw.thumb_height / 2 - 4), (92, over), (spline, over),
              (spline, middle - 23), arrow=True)  # fmt: skip
    draw.words(spline + 8, over + 22, "c", anchor="start", math=True)
    draw.path((spline + 31, middle), (OUT - THUMB / 2 - 4, middle), arrow=True)
    draw.thumb(of.pictures["warp"], OUT, middle, "I_{warp}")
    name = "L_{1}" if parts.losses == ["L1"] else "L_{gmm}"
    _compare(draw, middle, name, parts.losses, of.pictures["worn"], "I_{gt-warp}")
    if parts.head is None:
        return
    y, tap = top + 378, joint - 22
    draw.path((tap, cloth_y), (tap, y - 8), aux=True)
    for tapped in (cloth_y, person_y):
        draw.dot(tap, tapped)
    draw.circle(tap, y, "C", 8)
    draw.path((tap + 8, y), (joint + 26, y), aux=True, arrow=True)
    last = draw.maps("auxiliary", parts.head.maps, joint + 42, y, aux=True)
    _decoder_name(draw, joint + 26, y + 50)
    draw.words(last + 10, y - 9, "M_{exp}", anchor="start", math=True, colour=RED)
    draw.path((last + 8, y), (LOSS - 38, y), aux=True)
    _cross_entropy(draw, of, parts.head, y)


def _tom(draw: Drawing, of: Architecture, top: float) -> None:
    parts = of.tom
    _heading(draw, "B", "Try-on module (TOM)", parts.parameters, parts.head, top - 34)
    y = top + 202
    up, down = y - 84, y + 118
    person_y, warp_y = y - 66, y + 66
    _representation(draw, of, 92, person_y)
    draw.thumb(of.pictures["warp"], 92, warp_y, "I_{warp}", channels=3, under="of the frozen GMM")
    joint, start = 186, 236
    draw.path((148, person_y), (joint, person_y), (joint, y - 8))
    draw.path((124, warp_y), (joint, warp_y), (joint, y + 8))
    draw.circle(joint, y, "C", 8)
    draw.words(joint + 13, y - 7, f"{parts.encoder[0].channels}", anchor="start", size=10)
    draw.path((joint + 8, y), (start - 12, y), arrow=True)
    encoder = parts.encoder[1:]
    end = draw.maps("encoder", encoder, start, y)
    deepest = start + (len(encoder) - 1) * STEP
    draw.words(deepest, y - 36, "encoder")
    rise = end + 30
    first = rise + 34
    draw.path((end + 6, y), (rise, y), (rise, up), (first - 14, up), arrow=True)
    last = draw.maps("decoder", parts.decoder, first, up)
    draw.words(first - 12, up + 46, "decoder", anchor="start")
    for level in range(len(encoder) - 1):
        # joins what decoder level `meets` has made, before the next one
        meets = len(encoder) - 2 - level
        draw.skip(encoder[level], (start + level * STEP, y), (first + (meets + 0.5) * STEP, up - 6),
                  up - 80 + 8 * level)  # fmt: skip
    fuse = OUT - 92
    outputs = fuse - 82
    split, high, low = last + 26, up - 62, up + 62
    for target, name, picture, symbol, channels in (
        (high, "tanh", "rendered", "I_{rp}", 3),
        (low, "sigmoid", "mask", "M_{cm}", 1),
    ):
        left, right = outputs - THUMB / 2 - 4, outputs + THUMB / 2 + 3
        draw.path((last + 10, up), (split, up), (split, target), (left, target), arrow=True)
        draw.words((split + left) / 2 - 2, target - 6, name, size=10, colour=MUTED)
        draw.thumb(of.pictures[picture], outputs, target, symbol, channels)
        side = 14 if target > up else -14
        draw.path((right, target), (fuse, target), (fuse, up + side), arrow=True)
    over, side = top, 24
    draw.path((92 - THUMB / 2 - 3, warp_y), (side, warp_y), (side, over), (fuse + 30, over),
              (fuse + 30, up - 34), (fuse + 11, up - 11), arrow=True)  # fmt: skip
    draw.words(fuse + 38, over + 20, "I_{warp}", anchor="start", math=True)
    draw.circle(fuse, up, "⊗")
    draw.path((fuse + 14, up), (OUT - THUMB / 2 - 4, up), arrow=True)
    draw.thumb(of.pictures["try-on"], OUT, up, "I_{try-on}")
    _compare(draw, up, "L_{tom}", parts.losses, of.pictures["photo"], "I")
    draw.words(
        OUT + 40, up + 96, "I_{try-on} = M_{cm} · I_{warp} + (1 − M_{cm}) · I_{rp}", math=True
    )
    if parts.head is None:
        return
    draw.path((end + 6, y), (rise, y), (rise, down), (first - 14, down), aux=True, arrow=True)
    last = draw.maps("auxiliary", parts.head.maps, first, down, aux=True)
    _decoder_name(draw, first - 12, down - 60)
    for meets, joins in enumerate(parts.head.skips, start=1):
        if joins:
            level = len(encoder) - 1 - meets
            below = draw.rows(parts.head.maps[meets]) / 2 + 17
            draw.skip(encoder[level], (start + level * STEP, y),
                      (first + meets * STEP, down + below), down + 84 - 8 * level)  # fmt: skip
    middle = (last + LOSS) / 2
    draw.path((last + 8, down), (middle - THUMB / 2 - 4, down), aux=True, arrow=True)
    draw.thumb(of.pictures["M_exp"], middle, down, "M_{exp}")
    draw.path((middle + THUMB / 2 + 3, down), (LOSS - 38, down), aux=True)
    _cross_entropy(draw, of, parts.head, down)


def _heading(
    draw: Drawing, letter: str, title: str, parameters: int, head: Head | None, y: float
) -> None:
    words = f"{parameters / 1e6:.2f} M parameters"
    if head is not None:
        words += f", auxiliary head {head.parameters / 1e6:.2f} M"
    draw.heading(f"({letter})  {title}", words, y, WIDTH)


def _compare(
    draw: Drawing, y: float, name: str, terms: Sequence[str], truth: UInt8, truth_name: str,
    aux: bool = False,
) -> None:  # fmt: skip
    """A loss with its terms, and the picture that it compares with."""
    if not aux:
        draw.path((OUT + THUMB / 2 + 3, y), (LOSS - 36, y))
    draw.path((LOSS + 36, y), (TRUTH - THUMB / 2 - 4, y), aux=aux)
    draw.pill(LOSS, y, name, aux)
    for number, term in enumerate(terms if terms != ["L1"] else ()):
        words = term if aux or not number else f"+ {term}"
        draw.words(LOSS, y + 31 + 13 * number, words, size=10, colour=MUTED)
    draw.thumb(truth, TRUTH, y, truth_name)


def _representation(draw: Drawing, of: Architecture, x: float, y: float) -> None:
    """I_p as its three parts, fanned out."""
    for name, shift in (("pose", 24), ("head", 0), ("shape", -24)):
        draw.picture(of.pictures[name], x + shift, y - shift / 6)
    below = y + draw.thumb_height / 2 + 18
    draw.words(x, below, "I_{p}", math=True)
    draw.words(x, below + 14, "shape 1, head 3, pose 18", size=10, colour=MUTED)


def _decoder_name(draw: Drawing, x: float, y: float) -> None:
    for line, word in enumerate(("segmentation", "decoder")):
        draw.words(x, y + 14 * line, word, anchor="start", colour=RED)


def _cross_entropy(draw: Drawing, of: Architecture, head: Head, y: float) -> None:
    weight = "" if head.weight == 1 else f"{head.weight:g} · "
    terms = [f"{weight}weighted", "cross-entropy"]
    _compare(draw, y, "L_{CE}", terms, of.pictures["parse"], "parse of I", aux=True)


def _key(draw: Drawing, y: float, aux: bool) -> None:
    x = 40.0
    for kind, words in (
        ("encoder", "encoder"),
        ("match", "matching"),
        ("decoder", "primary decoder"),
        ("auxiliary", "auxiliary head, needed in training only"),
    ):
        if aux or kind != "auxiliary":
            draw.key(kind, x, y, words)
            x += 48 + 6.4 * len(words)
    draw.words(WIDTH - 40, y + 4, "under a feature map its channels, above it rows × columns",
               anchor="end", colour=MUTED)  # fmt: skip

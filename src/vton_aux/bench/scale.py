"""Table 1 on paper: what its five trainings take, from counted FLOPs and measured rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vton_aux.errors import UserError

IMAGES = 800_000  # of a training: 200,000 steps of 4
_HEAD = " + auxiliary head"
# each training: its name, its section in the suite, and what the name of its case adds
TRAININGS = (
    ("GMM", "gmm", ""),
    ("GMM, auxiliary head", "gmm", _HEAD),
    ("TOM on the plain GMM", "tom_vgg", ""),
    ("TOM, auxiliary head, on the plain GMM", "tom_vgg", _HEAD),
    ("TOM, auxiliary head, on the auxiliary GMM", "tom_vgg", _HEAD),
)


@dataclass(frozen=True)
class GPU:
    """A card: dense bf16 TFLOP/s of its data sheet, dollars an hour (an assumption)."""

    name: str
    tflops: float
    dollars: float


GPUS = (GPU("H100 SXM", 989, 3.0), GPU("H200", 989, 4.0), GPU("A100", 312, 1.5))


def table1_on_paper(
    results: Mapping[str, Any], fraction: float, batch: int = 4, gpus: Sequence[GPU] = GPUS
) -> str:
    """Markdown: each training's FLOPs, its time at the measured rate, and on cards on paper.

    Eight cards are taken for eight times as fast as one, without loss.

    Args:
        results: of a run of the suite that holds the sections gmm and tom_vgg, or for another
            batch than 4 batch_gmm and batch_tom_vgg.
        fraction: of the data sheet's peak that a training reaches.
        batch: samples a step of the measured rates.
        gpus: the cards.

    Raises:
        UserError: a section is missing, or a number makes no sense.
    """
    if not 0 < fraction <= 1 or batch < 1:
        raise UserError(
            f"--fraction {fraction:g} --batch {batch}: a fraction lies in (0, 1], a batch above 0"
        )
    rows = {(row["section"], row["name"]): row for row in results["rows"]}
    heads = [f"{gpu.name}, min" for gpu in gpus]
    lines = [
        "| training | GFLOP/image | PFLOP | measured here | " + " | ".join(heads) + " |",
        "|---" * (4 + len(gpus)) + "|",
    ]
    totals = [0.0] * (2 + len(gpus))
    for name, section, head in TRAININGS:
        if batch == 4:
            cases = [f"{section} {precision}{head}, as trained" for precision in ("bf16", "fp32")]
        else:
            section, cases = f"batch_{section}", [f"{section} batch {batch}{head}"]
        row = next((rows[section, case] for case in cases if (section, case) in rows), None)
        if row is None:
            raise UserError(
                f"{cases[0]}: not measured; run vton-aux bench run --sections {section}"
            )
        work = row["gflop_per_image"] * IMAGES / 1e6
        hours = IMAGES / row["images_per_second"] / 3600
        minutes = [work * 1e3 / (gpu.tflops * fraction) / 60 for gpu in gpus]
        values = [work, hours, *minutes]
        totals = [total + value for total, value in zip(totals, values, strict=True)]
        cells = [name, f"{row['gflop_per_image']:.1f}", *_cells(values)]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("| **Table 1** | | " + " | ".join(f"**{cell}**" for cell in _cells(totals)) + " |")
    measured = ["", ""]
    own = results["machine"]["gpu"] or ""
    for card in (gpu for gpu in gpus if gpu.name.split()[0] in own):
        measured = [f"{_number(totals[1] / 8 * 60)} min", f"{totals[1] * card.dollars:.2f}"]
    cost = [total / 60 * gpu.dollars for total, gpu in zip(totals[2:], gpus, strict=True)]
    eight = [total / 8 for total in totals[2:]]
    for label, here, on_cards in (
        ("on eight cards, min", measured[0], [*map(_number, eight)]),
        ("dollars, one card or eight", measured[1], [f"{c:.2f}" for c in cost]),
    ):
        lines.append(f"| {label} | | | {here} | " + " | ".join(on_cards) + " |")
    return "\n".join(lines)


def _cells(values: Sequence[float]) -> list[str]:
    """PFLOP, hours of which one makes minutes where they are few, minutes."""
    work, hours, *minutes = values
    here = f"{_number(hours)} h" if hours >= 2 else f"{_number(hours * 60)} min"
    return [_number(work), here, *map(_number, minutes)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"

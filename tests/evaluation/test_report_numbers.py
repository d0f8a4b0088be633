"""The report's headline: what it says of the method, of these trained models, and of nothing."""

import pytest

from fake_evaluations import scores, write_evaluation
from vton_aux.evaluation.report_numbers import finding
from vton_aux.evaluation.runs import find_evaluations
from vton_aux.evaluation.table1 import make_tables

NAMES = ("ssim", "psnr")


def found(folder, gains):
    """The finding of a baseline and of `both`, whose seeds gain so much; a gain a score."""
    for seed, gain in enumerate(gains):
        for name, own, luck in (("baseline", (0, 0), 0), ("both", gain, 9)):
            table = scores(seed=seed, names=NAMES)
            for score, size in zip(NAMES, own, strict=True):
                table[score] = scores(seed=seed + luck, gain=size, names=NAMES)[score]
            run = folder / f"{name}_{seed}"
            write_evaluation(run, name, table=table, fid=None, system__seed=seed)
    return finding(make_tables(find_evaluations([folder]), "official")[0])


@pytest.mark.parametrize(
    ("gains", "verdict", "headline"),
    [
        (
            [(0.4, 0.4)],
            "open",
            "As trained, segmentation in both stages scores better than CP-VTON in SSIM and PSNR "
            "on these 60 images; one seed cannot tell the method from luck.",
        ),
        (
            [(0.9, 0.9), (0.1, 0.1), (0.4, 0.4)],
            "open",
            "As trained, segmentation in both stages scores better than CP-VTON in SSIM and PSNR "
            "on these 60 images; 3 seeds do not tell the method from luck.",
        ),
        (
            [(0.4, 0.9), (0.41, 0.1), (0.39, 0.4)],
            "better",
            "Segmentation in both stages scores better than CP-VTON in SSIM on these 60 images.",
        ),
        (
            [(0.4, -0.4), (0.41, -0.41), (0.39, -0.39)],
            "open",
            "Segmentation in both stages scores better than CP-VTON in SSIM, but worse in PSNR on "
            "these 60 images.",
        ),
        (
            [(-0.4, -0.4), (-0.41, -0.41), (-0.39, -0.39)],
            "worse",
            "Segmentation in both stages scores worse than CP-VTON in SSIM and PSNR on these 60 "
            "images.",
        ),
        (
            [(0.0, 0.0)],
            "open",
            "No difference between segmentation in both stages and CP-VTON is shown on these 60 "
            "images.",
        ),
    ],
)
def test_the_headline_credits_the_method_with_what_the_seeds_tell(
    gains, verdict, headline, tmp_path
):
    told = found(tmp_path, gains)
    assert (told["headline"], told["verdict"]) == (headline, verdict)
    credited = [s for s in told["sentences"] if "it is the method's doing" in s]
    assert bool(credited) == (not headline.startswith(("As trained", "No difference")))

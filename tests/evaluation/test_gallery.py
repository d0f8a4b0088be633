import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictured_evaluations import write_pictured
from vton_aux.data.datamodule import VITONDataModule
from vton_aux.data.sample import read_photo
from vton_aux.errors import UserError
from vton_aux.evaluation.album import Album, Sample
from vton_aux.evaluation.figures import write_figures
from vton_aux.evaluation.gallery import (
    best_and_worst,
    candidates,
    figures,
    gain_and_loss,
    gains,
    galleries,
    picture_of,
    ranked,
    spread,
)
from vton_aux.evaluation.runs import read_evaluation


def numbers(*values):
    names = [(f"{i:06d}_0.jpg", f"{i:06d}_1.jpg", "paired") for i in range(len(values))]
    index = pd.MultiIndex.from_tuples(names, names=["person", "cloth", "pairing"])
    return pd.Series(values, index=index, dtype=float)


def places(chosen):
    return [int(person[:6]) for person, *_ in chosen.index]


def test_from_best_to_worst_with_ties_by_name_and_without_unknown_ones():
    values = numbers(0.5, 0.9, np.nan, 0.5, 0.1)
    assert places(ranked(values)) == [1, 0, 3, 4]
    assert places(ranked(values, higher_is_better=False)) == [4, 0, 3, 1]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.randoms())
def test_the_order_of_the_rows_does_not_matter(values, random):
    series = numbers(*values)
    shuffled = series.sample(frac=1, random_state=random.randrange(1000))
    for rule in (ranked, lambda s: spread(s, 3), lambda s: best_and_worst(s, "ssim", 3)[1]):
        assert rule(series).equals(rule(shuffled))


def test_best_and_worst_follow_the_direction_of_the_score_and_do_not_meet():
    values = numbers(0.1, 0.5, 0.3, 0.4)
    best, worst = best_and_worst(values, "ssim", 9)
    assert (places(best), places(worst)) == ([1, 3], [0, 2])
    best, worst = best_and_worst(values, "bleeding", 1)
    assert (places(best), places(worst)) == ([0], [1])


def test_gains_are_turned_so_that_more_is_better():
    before, after = numbers(0.5, 0.5, 0.5, np.nan), numbers(0.6, 0.4, 0.5, 0.5)
    gained = gains(before, after, "ssim")
    assert gained.round(6).tolist() == [0.1, -0.1, 0.0]
    assert gains(before, after, "bleeding").equals(-gained)


def test_gains_and_losses_hold_no_image_that_did_not_change():
    gain, loss = gain_and_loss(numbers(0.2, 0.0, -0.1, 0.3, -0.3), 2)
    assert (places(gain), places(loss)) == ([3, 0], [4, 2])
    assert loss.tolist() == [-0.3, -0.1]
    assert gain_and_loss(numbers(0.2, 0.0), 2)[1].empty


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.integers(1, 10))
def test_a_spread_goes_evenly_from_the_lowest_to_the_highest(values, count):
    chosen = spread(numbers(*values), count)
    assert len(chosen) == min(count, len(values))
    assert chosen.is_monotonic_increasing
    assert chosen.iloc[0] == min(values)
    if len(chosen) > 1:
        assert chosen.iloc[-1] == max(values)


def test_clean_rows_come_first_and_copies_never():
    table = pd.DataFrame({"clean": [True, False], "copy": [False, False]})
    assert candidates(table).index.tolist() == [0]
    table = pd.DataFrame({"clean": [False, False], "copy": [True, False]})
    assert candidates(table).index.tolist() == [1]
    assert len(candidates(pd.DataFrame({"validation": [True, True]}))) == 2


@pytest.fixture(scope="module")
def evaluations(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluations")
    made = {
        (name, pairing): read_evaluation(
            write_pictured(folder / f"{name}-{pairing}", root, name, pairing, noise=noise)
        )
        for name, noise in (("baseline", 20), ("both", 10))
        for pairing in ("paired", "unpaired")
    }
    made["other", "paired"] = read_evaluation(
        write_pictured(folder / "other", root, "other", noise=5, kind="predictions")
    )
    return made


def of(evaluations, pairing, *names):
    return {name: evaluations[name, pairing] for name in names}


def test_figures_2_and_3_show_the_same_samples_side_by_side(evaluations):
    second, third = figures(of(evaluations, "unpaired", "baseline", "both"), 3)
    assert list(second.columns) == ["person", "shop cloth", "baseline", "both"]
    assert list(third.columns) == ["person", "shop cloth", "baseline", "both", "truth"]
    assert second.samples == third.samples
    assert third.by_difficulty
    assert third.numbers == sorted(third.numbers)
    assert second.notes["both"][0].startswith("warp IoU 0.")


def test_a_paired_figure_needs_no_column_of_truth(evaluations):
    _, third = figures(of(evaluations, "paired", "both"), 2)
    assert list(third.columns) == ["person", "shop cloth", "both"]


def test_pictures_alone_have_no_figure_2(evaluations):
    second, third = figures(of(evaluations, "paired", "other"), 2)
    assert second is None
    assert "other" in third.columns


def test_galleries_rank_the_last_system_against_the_first(evaluations):
    sheets = galleries(of(evaluations, "paired", "baseline", "both"), "ssim", 2)
    assert set(sheets) == {"best", "worst", "gain"}  # less noise is better on every image
    assert sheets["gain"].said[0].startswith("SSIM +0.")
    assert sheets["gain"].numbers == sorted(sheets["gain"].numbers, reverse=True)
    best, worst = sheets["best"], sheets["worst"]
    assert not set(best.samples) & set(worst.samples)
    assert best.notes["both"][0] == best.said[0]
    assert set(galleries(of(evaluations, "paired", "both"), "ssim", 2)) == {"best", "worst"}


def test_a_sheet_is_one_picture_with_its_numbers(evaluations):
    sheet = galleries(of(evaluations, "paired", "both"), "ssim", 1)["best"]
    height, width = sheet.columns["person"][0].shape[:2]
    picture = picture_of(sheet)
    assert picture.width > 4 * width
    assert picture.height > height


def test_an_album_finds_every_picture(evaluations, root):
    evaluation = evaluations["both", "unpaired"]
    album, sample = Album(evaluation), Sample(*evaluation.table.index[0])
    person = album.person(sample)
    assert np.array_equal(person, read_photo(root / "test" / "image" / sample.person))
    assert np.array_equal(album.cloth(sample), read_photo(root / "test" / "cloth" / sample.cloth))
    assert not np.array_equal(album.pasted(sample), person)
    assert np.array_equal(
        album.truth(sample), read_photo(root / "test" / "image-unpaired" / sample.person)
    )
    assert album.synthetic
    assert album.missing is None


def test_pictures_of_another_size_are_shown_as_the_models_see_them(evaluations, root):
    evaluation = evaluations["both", "paired"]
    album = Album(evaluation)
    album.size = (128, 96)
    seen = VITONDataModule(root, size=album.size).test_dataset()[0]
    sample = Sample(seen["person_name"], seen["cloth_name"], "paired")
    for shown, tensor in ((album.person(sample), "person"), (album.cloth(sample), "cloth")):
        assert np.array_equal(shown, np.asarray(seen[tensor]).transpose(1, 2, 0))


@pytest.mark.parametrize("kind", ["images", "warps"])
def test_a_missing_picture_is_named(evaluations, root, tmp_path, kind):
    folder = write_pictured(tmp_path / "evaluation", root, "both")
    lost = next((folder / kind).iterdir())
    lost.unlink()
    with pytest.raises(UserError, match=lost.name):
        figures({"both": read_evaluation(folder)}, 99)


def test_data_that_were_moved_are_told_before_a_figure_is_written(root, tmp_path):
    folder = write_pictured(tmp_path / "evaluation", root, "both")
    summary = json.loads((folder / "summary.json").read_text())
    summary["data"]["root"] = "/gone"
    (folder / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(UserError, match="/gone: missing; if it was moved"):
        write_figures([read_evaluation(folder)], tmp_path / "figures", 2)
    assert not (tmp_path / "figures").exists()

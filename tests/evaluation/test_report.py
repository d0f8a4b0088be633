"""The report and the figures as files; `test_report_browser` looks at them in a browser."""

import base64
import io
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from command_line import vton_aux
from fake_evaluations import write_evaluation
from pictured_evaluations import write_pictured
from vton_aux import report_cli
from vton_aux.data.layout import test_pairs as pairs_of
from vton_aux.data.synthetic import write_dataset
from vton_aux.errors import UserError
from vton_aux.evaluation.report import make_report, symbols
from vton_aux.evaluation.report_basis import commands
from vton_aux.evaluation.runs import find_evaluations


class Page(HTMLParser):
    """The elements of a page with their attributes, and its words."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open = [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("people") / "viton"
    write_dataset(root, train=4, test=20, seed=0, size=(128, 96), progress=False)
    return root


@pytest.fixture(scope="module")
def runs(people, checkpoints, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, noise in (("baseline", 24), ("tom_only", 23), ("both", 18)):
        for seed in (0, 1):
            for pairing in ("paired", "unpaired"):
                write_pictured(
                    folder / f"{name}_{seed}_{pairing}", people, name, pairing, seed,
                    noise + seed / 5,
                    checkpoint=checkpoints / "tom.ckpt", head=name != "baseline",
                    fid=20 - (24 - noise) / 4 + seed / 9,
                )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def text(runs):
    return make_report(find_evaluations([runs]), people=3)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def report_of(*folders, people=2):
    return make_report(find_evaluations(folders), people)


def test_the_headline_is_a_plain_sentence(page):
    assert "Does predicting the person's segmentation make virtual try-on better?" in page.words
    said = "Segmentation in both stages scores better than CP-VTON in SSIM and PSNR on these 16"
    assert said.replace("-", "\N{NON-BREAKING HYPHEN}") in page.words
    assert "the seeds" in page.words


def test_table_1_stands_beside_the_papers(page):
    for number in ("20.31", "0.698", "0.767", "15.19"):
        assert number in page.words
    assert "Clean protocol, 16 images" in page.words
    assert "Official protocol, 20 images" in page.words
    assert "MS-SSIM wants both sides above 160 pixels" in page.words


@pytest.mark.parametrize(
    "place",
    ["finding", "table-1", "intervals", "strata", "classes", "figure-1", "figure-2", "figure-3",
     "galleries", "basis", "again"],
)  # fmt: skip
def test_every_section_is_there_and_in_the_navigation(page, place):
    ids = [attributes.get("id") for _, attributes in page.elements]
    assert place in ids
    assert f"#{place}" in [link["href"] for link in page.all("a")]


def test_ids_are_unique(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_nothing_is_fetched(text, page):
    assert not re.search(r"(?:src|href|url\()\s*=?\s*[\"'(]?\s*(?:https?:)?//", text)
    assert not re.search(r"@import|fetch\(|XMLHttpRequest", text)
    for tag in ("script", "link", "img", "image"):
        for attributes in page.all(tag):
            place = attributes.get("src") or attributes.get("href") or "data:"
            assert place.startswith("data:")


def test_every_picture_can_be_seen_and_is_told_in_words(page):
    pictures = page.all("img")
    # 3 columns of inputs and truth and 3 systems, and 3 galleries of 4 pictures an item
    assert len(pictures) == 3 * 5 + 3 * 6 + 3 * 3 * 4
    for attributes in pictures:
        assert len(attributes["alt"]) > 10
        kind, _, content = attributes["src"].partition(",")
        assert kind == "data:image/webp;base64"
        Image.open(io.BytesIO(base64.b64decode(content))).load()


def test_tables_have_headers(page):
    assert page.all("th")
    assert {th["scope"] for th in page.all("th")} == {"col", "colgroup", "row", "rowgroup"}


def test_every_interval_is_told_in_words(page):
    strips = [a for a in page.all("svg") if a.get("class", "").startswith("strip")]
    assert strips
    assert all(a["role"] == "img" and a["aria-label"] for a in strips)
    assert any("95 % interval +0." in a["aria-label"] for a in strips)
    assert {a["class"].split()[1] for a in strips} >= {"better", "open"}


def test_the_papers_difference_is_marked_only_beside_the_same_score(text, runs, tmp_path):
    paired = text.count('class="claim"')
    for folder in runs.iterdir():
        shutil.copytree(folder, tmp_path / folder.name)
        path = tmp_path / folder.name / "summary.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "features": "own:features"}))
    other = report_of(tmp_path, people=3).count('class="claim"')
    # FID paired and unpaired of two systems under two protocols
    assert paired - other == 8


def test_sliders_have_names_and_work_without_a_mouse(page):
    sliders = [a for a in page.all("input") if a["type"] == "range"]
    assert len(sliders) == 9
    assert all("Person 0000" in a["aria-label"] for a in sliders)


def test_the_basis_is_told(page):
    for words in ("photo also in the training set", "distinct test photos", "GMM 200, TOM 300",
                  "cafe", "Gaussian 11, sigma 1.5", "vton-aux evaluate checkpoint=", "tom.width",
                  "synthetic, drawn by vton-aux"):  # fmt: skip
        assert words in page.words
    assert "redistribute" not in page.words


def test_it_is_the_same_each_time_and_of_bounded_size(runs, text):
    assert make_report(find_evaluations([runs]), people=3) == text
    assert len(text) < 5e6


def test_real_pictures_are_not_to_be_passed_on(people, tmp_path):
    real = tmp_path / "real"
    shutil.copytree(people, real)
    shutil.rmtree(real / "test" / "image-unpaired")
    folder = write_pictured(tmp_path / "both", real, "both")
    assert "Do not redistribute." in report_of(folder)
    without = report_of(folder, people=0)
    assert "Do not redistribute." not in without
    assert "made with --people 0" in without
    assert "<img" not in without


def test_figure_1_of_a_report_without_people_is_drawn_with_a_synthetic_one(runs):
    page = Page(report_of(runs / "both_0_paired", people=0))
    assert not page.all("img")
    assert len(page.all("image")) > 10


def test_one_system_alone(runs):
    page = Page(report_of(runs / "both_0_paired"))
    assert "Both: scores without a baseline to compare with." in page.words
    assert "#intervals" not in [link["href"] for link in page.all("a")]
    assert "Largest gains" not in page.words
    assert "Best" in page.words


def test_pictures_of_another_system(people, runs, tmp_path):
    other = write_pictured(tmp_path / "x", people, "<b>x</b>", kind="predictions", noise=40)
    page = Page(report_of(runs / "baseline_0_paired", other))
    assert "<b>x</b> scores worse than CP" in page.words
    assert "How do these try-ons compare?" in page.words
    assert "pictures alone" in page.words
    assert "predictions=" in page.words


def test_headline_and_galleries_are_about_one_system(people, runs, tmp_path):
    """Not about the last one, where that is not compared with the baseline."""
    other = write_pictured(tmp_path / "x", people, "x", "unpaired", kind="predictions")
    page = Page(report_of(runs / "baseline_0_paired", runs / "tom_only_0_paired", other))
    assert "As trained, segmentation in TOM scores better than CP" in page.words
    assert "SSIM of only TOM against CP-VTON" in page.words


def test_unpaired_photos_have_pictures_and_say_what_is_missing(people, tmp_path):
    real = tmp_path / "real"
    shutil.copytree(people, real)
    folder = write_pictured(tmp_path / "both", real, "both", "unpaired", fid=None)
    take_scores_out(folder)
    shutil.rmtree(real / "test" / "image-unpaired")
    page = Page(report_of(folder))
    assert "Galleries: they rank by a paired score, and there is none." in page.words
    assert "IoU of Mexp: no auxiliary head" in page.words
    assert page.all("img")


def take_scores_out(folder):
    """Leave what an evaluation of real unpaired try-ons has."""
    summary = json.loads((folder / "summary.json").read_text())
    table = pd.DataFrame(
        [(*pair, "unpaired") for pair in pairs_of(Path(summary["data"]["root"]), "unpaired")],
        columns=["person", "cloth", "pairing"],
    )
    table = table.assign(official=True, clean=True, copy=False, seen_in_training=False)
    table.to_parquet(folder / "scores.parquet", index=False)
    protocols = {name: {"images": len(table), "means": {}} for name in ("official", "clean")}
    (folder / "summary.json").write_text(json.dumps({**summary, "protocols": protocols}))


def test_data_that_moved_away_cost_the_pictures_alone(runs, people, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(people, moved)
    folder = write_pictured(tmp_path / "both", moved, "both")
    shutil.rmtree(moved)
    page = Page(report_of(folder))
    assert f"{moved} is not on this machine" in page.words
    assert "0.712" in page.words


def test_a_lost_checkpoint_costs_figure_1_alone(people, tmp_path):
    folder = write_pictured(tmp_path / "both", people, "both", checkpoint=tmp_path / "gone.ckpt")
    page = Page(report_of(folder))
    assert f"Figure 1: {tmp_path / 'gone.ckpt'}: the checkpoint is missing" in page.words
    assert page.all("img")


def test_symbols_are_set_and_everything_else_is_escaped():
    assert symbols("M_exp mIoU <b>") == "<i>M</i><sub>exp</sub> mIoU &lt;b&gt;"


def test_the_commands_write_what_they_say(runs, tmp_path, capfd):
    outcome = vton_aux(
        capfd, "report", runs, "--output", tmp_path / "new" / "r.html", "--people", 1
    )
    assert outcome.status == 0, outcome.err
    assert str(tmp_path / "new" / "r.html") in outcome.out
    assert (tmp_path / "new" / "r.html").read_text().startswith("<!DOCTYPE html>")
    outcome = vton_aux(capfd, "figures", runs, "--output", tmp_path / "figures", "--people", 2)
    assert outcome.status == 0, outcome.err
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {
        "architecture.svg", "figure2.png", "figure3.png", "best.png", "worst.png", "gain.png",
    }  # fmt: skip
    assert {str(tmp_path / "figures" / name) for name in names} == set(outcome.out.split())


def test_another_system_can_be_the_one_to_compare_with(runs, tmp_path, capfd):
    systems = [path for name in ("tom_only", "both") for path in runs.glob(f"{name}_*")]
    outcome = vton_aux(
        capfd, "report", *systems, "--output", tmp_path / "r.html", "--people", 1, "--against",
        "tom_only",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    page = Page((tmp_path / "r.html").read_text())
    assert "segmentation in both stages scores better than only TOM in SSIM" in page.words
    print(page.words[page.words.index("paper 0.") :][:60])
    assert "0.698 →" not in page.words
    figures = tmp_path / "figures"
    chosen = ("--output", figures, "--people", 1, "--against", "both")
    outcome = vton_aux(capfd, "figures", *systems, *chosen)
    assert outcome.status == 0, outcome.err
    assert (figures / "loss.png").is_file()  # only TOM, which is worse than both
    outcome = vton_aux(capfd, "report", *systems, "--against", "other")
    assert outcome.status == 2
    assert "--against other: not among" in outcome.err


def test_the_commands_again_hold_all_that_was_asked_for(tmp_path):
    folder = write_evaluation(
        tmp_path / "e",
        "a|b",
        system__arm="both",
        system__precision="bf16-mixed",
        features_weights="w.pth",
    )
    inputs = {"batch_size": 16, "compile": True, "limit": 3, "val_fraction": 0.2}
    (folder / "inputs.json").write_text(json.dumps(inputs))
    evaluate, _ = commands(find_evaluations([tmp_path]))
    words = shlex.split(evaluate)
    given = {key: value for key, _, value in (word.partition("=") for word in words[2:])}
    assert given == {
        "checkpoint": "'a|b/tom.ckpt'", "name": "'a|b'", "data": "viton", "data.root": "/data",
        "pairing": "paired", "limit": "3", "batch_size": "16", "precision": "bf16-mixed",
        "compile": "true", "features": "inception", "features_weights": "w.pth",
    }  # fmt: skip


def test_by_default_they_write_beside_the_evaluations(runs, tmp_path):
    shutil.copytree(runs / "both_0_paired", tmp_path / "evaluation")
    report_cli.report([str(tmp_path), "--people", "0"])
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "RUNS", "--people", "-1"], "--people -1"),
        (["figures", "RUNS", "--people", "0"], "--people 0"),
        (["report", "RUNS/none"], "no such folder"),
        (["report", "RUNS", "--people", "0", "--output", "RUNS"], "cannot be written"),
        (["figures", "RUNS", "--output", "FILE"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_told(runs, tmp_path, arguments, words):
    (tmp_path / "file").write_text("")
    places = {"RUNS": str(runs), "FILE": str(tmp_path / "file")}
    given = [re.sub("RUNS|FILE", lambda found: places[found[0]], word) for word in arguments]
    with pytest.raises(UserError, match=words):
        getattr(report_cli, given[0])(given[1:])

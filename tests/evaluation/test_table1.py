import csv
import math
import re

import numpy as np
import pandas as pd
import pytest

from fake_evaluations import scores, write_evaluation
from vton_aux import report_cli
from vton_aux.errors import UserError
from vton_aux.evaluation.footnotes import footnote
from vton_aux.evaluation.report_numbers import intervals
from vton_aux.evaluation.runs import find_evaluations
from vton_aux.evaluation.statistics import bootstrap_means, holm
from vton_aux.evaluation.table1 import PAPER, Row, cautions, make_tables
from vton_aux.evaluation.table1_frames import to_frame
from vton_aux.evaluation.table1_print import to_latex, to_markdown

ARMS = {"baseline": 0.0, "tom_only": 0.0, "both": 0.4}
NOTHING = pd.DataFrame(index=range(60))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three arms of two seeds, paired and unpaired, and the pictures of another system."""
    root = tmp_path_factory.mktemp("runs")
    for place, (arm, gain) in enumerate(ARMS.items()):
        for seed in (0, 1):
            table = scores(gain=gain, seed=10 * seed + place).assign(
                warp_iou=0.8 + 0.01 * place, skin_ssim=np.where(np.arange(60) % 2, 0.6, np.nan)
            )
            folder, own = root / arm / str(seed), {"system__seed": seed}
            paired = write_evaluation(
                folder / "paired", arm, table=table, fid=None, features="inception", **own
            )
            if arm != "baseline":
                _segment(paired, 0.7 + 0.02 * seed)
            write_evaluation(
                folder / "unpaired", arm, "unpaired", NOTHING, fid=20 - place + seed**place, **own
            )
    write_evaluation(
        root / "other" / "paired", "wuton", table=scores(seed=78, names=("ssim", "psnr")), fid=None,
        system__kind="predictions", system__seed=None, system__steps=None, system__trained_on=None,
    )  # fmt: skip
    return root


def _segment(folder, iou):
    path = folder / "summary.json"
    path.write_text(path.read_text().replace('"fid"', f'"segmentation_iou": {iou}, "fid"'))


@pytest.fixture(scope="module")
def tables(runs):
    return make_tables(find_evaluations([runs]))


def lines_of(markdown, start):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in markdown.splitlines()
        if line.startswith(start)
    ]


def test_a_cell_is_the_mean_of_images_and_seeds_with_its_spread(runs, tables):
    official, clean = tables
    both = [pd.read_csv(runs / "both" / s / "paired" / "scores.csv") for s in "01"]
    cell = official.cells[Row("ssim", "paired"), "both"]
    means = [t["ssim"].mean() for t in both]
    assert cell.value == pytest.approx(np.mean(means))
    assert cell.seed_sd == pytest.approx(np.std(means, ddof=1))
    (interval,) = bootstrap_means(sum(t[["ssim"]] for t in both) / 2)
    assert (cell.low, cell.high) == pytest.approx(interval)
    assert (cell.seeds, cell.images) == (2, 60)
    cell = clean.cells[Row("ssim", "paired"), "both"]
    assert cell.value == pytest.approx(np.mean([t.loc[t["clean"], "ssim"].mean() for t in both]))
    assert cell.images == 40
    assert official.cells[Row("skin_ssim", "paired"), "both"].images == 30  # elsewhere undefined
    fid = official.cells[Row("fid", "unpaired"), "tom_only"]
    assert (fid.value, fid.seed_sd) == pytest.approx((19.5, math.sqrt(0.5)))
    segmentation = official.cells[Row("segmentation_iou", "paired"), "both"]
    assert segmentation.value == pytest.approx(0.71)


def test_the_papers_numbers_stand_beside_ours_in_its_order(tables):
    text = to_markdown(tables[:1])
    (head,) = lines_of(text, "|  | CP-VTON (paper)")
    assert head[1:4] == ["CP-VTON (paper)", "only TOM (paper)", "Both (paper)"]
    assert head[4:] == ["CP-VTON", "only TOM", "Both", "wuton"]
    rows = {name: lines_of(text, f"| {name}")[0] for name in ("FID", "SSIM", "MS-SSIM", "PSNR")}
    assert rows["SSIM"][1:4] == ["0.698", "0.701", "0.712"]
    assert rows["PSNR"][1:4] == ["14.54", "14.64", "15.19"]
    assert [cell[:5] for cell in rows["FID"][1:4]] == ["20.31", "19.87", "18.93"]
    for cell in rows["MS-SSIM"][4:7]:
        assert re.fullmatch(r"0\.\d{3} ± 0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]", cell)


def test_what_cannot_be_had_is_not_available_with_the_reason(tables):
    text = to_markdown(tables[:1])
    row = next(r for r in lines_of(text, "| FID, unpaired") if len(r) == 8 and "20.31" in r[1])
    mark = re.fullmatch(r"n/a \((.)\)", row[-1]).group(1)
    assert f"({mark}) no unpaired evaluation of wuton among the folders" in text
    (row,) = lines_of(text, "| M_exp mIoU | n/a")
    mark = re.fullmatch(r"n/a \((.)\)", row[1]).group(1)
    assert re.search(rf"^\({mark}\) no M_exp", text, re.MULTILINE)
    assert "—" not in text
    assert "nan" not in text


def test_arms_are_compared_with_the_baseline_and_corrected_by_what_is_claimed(tables):
    official = tables[0]
    found = {(row.score, s.name): c for row, s, c in official.comparisons}
    assert found["ssim", "both"].p_corrected < 0.05 < found["ssim", "tom_only"].p_corrected
    claimed = [c for row, _, c in official.comparisons if row.score in PAPER["both"]]
    further = [c for row, _, c in official.comparisons if row.score not in PAPER["both"]]
    for family in (claimed, further):
        assert {c.tests for c in family} == {sum(math.isfinite(c.p) for c in family)}
        ps = [c.p_corrected for c in family]
        assert ps == pytest.approx(holm([c.p for c in family]).tolist(), nan_ok=True)
    assert ("segmentation_iou", "both") not in found  # the baseline has no head
    assert math.isnan(found["fid", "both"].p)
    assert found["fid", "both"].seeds == 2
    assert found["ssim", "wuton"].seeds == 0
    text = to_markdown([official])
    assert "- SSIM: Both is better than CP-VTON by 0.0" in text
    assert "- SSIM: no difference between only TOM and CP-VTON is shown" in text
    assert "- SSIM: no difference between wuton and CP-VTON is shown" in text


def test_what_the_numbers_rest_on_is_told(tables):
    official, clean = (to_markdown([table]) for table in tables)
    for words in (
        "60 paired images: 20 seen in training", "data fingerprint unpaired-data", "256x192",
        "CP-VTON: checkpoint, seed 0, 1; steps 200 GMM + 300 TOM; trained on data cafe",
        "wuton: predictions, seed unknown; steps unknown", "ssim: Gaussian 11, sigma 1.5",
        "Features of FID and KID: inception", "not comparable with ours (60 images)",
    ):  # fmt: skip
        assert words in official
    assert "40 paired images: 0 seen in training" in clean
    assert "not comparable with ours (clean protocol, 40 images)" in clean


def test_systems_that_differ_in_more_than_the_method_are_told(tmp_path):
    write_evaluation(tmp_path / "a")
    write_evaluation(tmp_path / "b", "both", system__steps={"gmm": 9, "tom": 9})
    text = to_markdown(make_tables(find_evaluations([tmp_path]), "clean"))
    assert "Both and CP-VTON differ in steps, so in more than their heads." in text
    assert "versions of the code" not in text
    assert text.count("# Table 1") == 1


def test_settings_that_differ_are_told_and_are_no_methods_doing(tmp_path):
    own = {"gmm.aux": "false", "gmm.aux_weight": "1.0", "tom.aux": "false", "tom.lr": "0.1"}
    heads = {"gmm.aux": "true", "tom.aux": "true", "gmm.aux_weight": "2.0"}
    for seed in (0, 1, 2):
        for name, gain, settings in (
            ("baseline", 0.0, own),
            ("tom_only", 1.0, {**own, **heads}),
            ("both", 1.0 + seed / 100, {**own, **heads, "tom.lr": "0.2"}),
        ):
            table = scores(seed=seed, gain=gain, noise=0.001 if name == "tom_only" else 0)
            folder = tmp_path / f"{name}{seed}"
            write_evaluation(
                folder, name, table=table, system__seed=seed, system__settings=settings
            )
    text = to_markdown(make_tables(find_evaluations([tmp_path]), "clean"))
    assert "Both and CP-VTON differ in tom.lr (0.2 against 0.1), so in more" in text
    assert "only TOM and CP-VTON differ" not in text
    assert "Differences are system minus CP-VTON" in text
    assert re.search(r"- SSIM: only TOM .* so on these images it is the method's doing\.", text)
    assert re.search(
        r"- SSIM: Both .* no luck .*, but the two differ in tom\.lr \(0\.2 against 0\.1\) too", text
    )


def test_a_sweep_is_compared_with_one_of_its_own(tmp_path):
    for name, gain in (("w0.1", 0.0), ("w1", 0.5), ("w10", 0.5)):
        write_evaluation(tmp_path / name, name, table=scores(gain=gain))
    evaluations = find_evaluations([tmp_path])
    assert make_tables(evaluations, "clean")[0].comparisons == []
    (table,) = make_tables(evaluations, "clean", against="w1")
    assert [system.name for system in table.systems] == ["w1", "w0.1", "w10"]
    assert {system.name for _, system, _ in table.comparisons} == {"w0.1", "w10"}
    assert "- SSIM: w0.1 is worse than w1 by" in to_markdown([table])
    with pytest.raises(UserError, match=r"--against w2: not among .* w0\.1, w1, w10"):
        make_tables(evaluations, against="w2")


def test_pictures_of_several_versions_are_told(tmp_path):
    for name, code in (("baseline", "one"), ("both", "another")):
        write_evaluation(tmp_path / name, name, code=code)
    text = to_markdown(make_tables(find_evaluations([tmp_path]), "clean"))
    assert "The pictures are of 2 versions of the code." in text
    assert "The scores are of" not in text


def test_evaluations_of_before_are_told_as_unknown(tmp_path):
    write_evaluation(tmp_path / "a")
    write_evaluation(tmp_path / "b", "both", code="one", metric_settings__version="two")
    text = to_markdown(make_tables(find_evaluations([tmp_path]), "clean"))
    for what in ("pictures", "scores"):
        assert f"The {what} are of 2 versions of the code, one of them unknown." in text


def test_seeds_and_versions_that_are_not_the_same_are_told(tmp_path):
    write_evaluation(tmp_path / "a0", system__code="one")
    write_evaluation(tmp_path / "a1", system__seed=1, system__code="one")
    write_evaluation(tmp_path / "b0", "both", system__code="another")
    write_evaluation(tmp_path / "c2", "tom_only", system__seed=2, system__code="one")
    text = to_markdown(make_tables(find_evaluations([tmp_path]), "clean"))
    partly = r"Both against CP-VTON: over seed 0 alone; the columns have all seeds \(.*\bSSIM"
    assert re.search(partly, text)
    assert "only TOM against CP-VTON: over all seeds of either, none being in both" in text
    assert "The trainings are of 2 versions of the code." in text


def test_seeds_that_one_pairing_lacks_are_told_of_its_rows(tmp_path):
    for name, seeds in (("baseline", (0,)), ("both", (0, 1))):
        for seed in (0, 1):
            write_evaluation(tmp_path / f"{name}{seed}", name, system__seed=seed)
        for seed in seeds:
            folder, unpaired = tmp_path / f"{name}u{seed}", ("unpaired", NOTHING)
            write_evaluation(folder, name, *unpaired, fid=20 - seed, system__seed=seed)
    (table,) = make_tables(find_evaluations([tmp_path]), "official")
    (note,) = cautions(table)
    told = "Both against CP-VTON: over seed 0 alone; the columns have all seeds"
    told += " (FID, unpaired; KID, unpaired)"
    assert note == told
    assert told in to_markdown([table])
    assert intervals(table)["cautions"] == [told]


def test_a_training_on_other_photos_is_told(tmp_path):
    write_evaluation(tmp_path / "a0")
    write_evaluation(tmp_path / "b0", "both", system__trained_elsewhere=True)
    (table,) = make_tables(find_evaluations([tmp_path]), "clean")
    (told,) = cautions(table)
    assert told.startswith("Both was trained on other photos")
    (official,) = make_tables(find_evaluations([tmp_path]), "official")
    assert cautions(official) == []
    assert told in to_markdown([table])


@pytest.mark.parametrize(
    ("gmms", "tested"),
    [
        ({"a": "one two three", "b": "one two three"}, True),  # TOM's head, a GMM a seed
        ({"a": "one two three", "b": "four five six"}, True),
        ({"a": "one one one", "b": "one one one"}, True),  # what TOM does on this GMM
        ({"a": "one one one", "b": "two two two"}, False),
        ({"a": "one two three", "b": "four four five"}, False),
        ({"a": "one one one", "b": ""}, True),  # not known
    ],
)
def test_seeds_that_share_the_luck_of_a_gmm_are_not_tested(tmp_path, gmms, tested):
    for place, (name, arm) in enumerate({"a": "baseline", "b": "both"}.items()):
        for seed, key in enumerate(gmms[name].split() or [None] * 3):
            write_evaluation(
                tmp_path / f"{name}{seed}", arm, table=scores(seed=2 * seed + place),
                fid=20 - place * seed, system__seed=seed, system__gmm_key=key,
            )  # fmt: skip
    table = make_tables(find_evaluations([tmp_path]))[0]
    for _, _, c in table.comparisons:
        assert c.seeds == 3
        assert math.isfinite(c.seed_p) is math.isfinite(c.seed_low) is tested
    told = "Both against CP-VTON: several seeds share a GMM"
    assert any(note.startswith(told) for note in cautions(table)) is not tested
    assert ("dependent seeds" in to_markdown([table])) is not tested


def test_there_are_more_footnotes_than_letters():
    notes: list[str] = []
    marks = [footnote(f"note {place}", notes) for place in range(54)]
    assert (marks[25], marks[26], marks[53]) == ("z", "aa", "bb")
    assert footnote("note 26", notes) == "aa"
    assert len(notes) == 54


def test_one_image_has_no_interval_in_print(tmp_path):
    for place, name in enumerate(("baseline", "both")):
        write_evaluation(tmp_path / name, name, table=scores(images=1, seed=place))
    (table,) = make_tables(find_evaluations([tmp_path]), "official")
    text = to_markdown([table])
    assert "nan" not in text
    assert "- SSIM: one image cannot test Both against CP-VTON." in text


def test_a_name_cannot_break_the_table(tmp_path):
    write_evaluation(tmp_path / "a", "a|b")
    text = to_markdown(make_tables(find_evaluations([tmp_path]), "official"))
    (head,) = lines_of(text, "|  | CP-VTON (paper)")
    assert len(head) == 5


def test_identical_systems_are_concluded_not_to_differ(tmp_path):
    write_evaluation(tmp_path / "a", table=scores(seed=4))
    write_evaluation(tmp_path / "b", "both", table=scores(seed=4))
    (table,) = make_tables(find_evaluations([tmp_path]), "official")
    assert {c.tests for *_, c in table.comparisons} == {0}  # nothing is there to test
    assert "nan" not in to_markdown([table])
    assert "- SSIM: no difference between Both and CP-VTON." in to_markdown([table])


def test_scores_against_unpaired_truth_are_rows_of_their_own(tmp_path):
    write_evaluation(tmp_path / "p")
    write_evaluation(tmp_path / "u", pairing="unpaired", table=scores(gain=-1.0))
    (table,) = make_tables(find_evaluations([tmp_path]), "official")
    paired, unpaired = (table.cells[Row("ssim", p), "baseline"] for p in ("paired", "unpaired"))
    assert unpaired.value < paired.value
    text = to_markdown([table])
    assert lines_of(text, "| SSIM, unpaired")[0][1].startswith(f"{unpaired.value:.3f} [")
    assert "Nothing is compared" in text


def test_other_images_are_refused(tmp_path):
    one = write_evaluation(tmp_path / "one")
    write_evaluation(tmp_path / "other", "both", table=scores(59))
    with pytest.raises(UserError, match=rf"other: lacks 1 images that {one} holds, .*000059_0.jpg"):
        make_tables(find_evaluations([tmp_path]))


def test_swapped_cloths_are_refused(tmp_path):
    write_evaluation(tmp_path / "one")
    other = write_evaluation(tmp_path / "other", "both")
    table = pd.read_parquet(other / "scores.parquet")
    table.assign(cloth=table["cloth"].to_numpy()[::-1]).to_parquet(other / "scores.parquet")
    with pytest.raises(UserError, match="other: lacks 60 images"):
        make_tables(find_evaluations([tmp_path]))


def test_a_protocol_that_is_not_there_is_refused(runs):
    with pytest.raises(UserError, match=r"validation: not in these .* have official, clean"):
        make_tables(find_evaluations([runs]), "validation")


def test_a_protocol_without_images_makes_no_table(tmp_path):
    write_evaluation(tmp_path / "e", table=scores(1))  # its one image was seen in training
    assert [t.protocol for t in make_tables(find_evaluations([tmp_path]))] == ["official"]
    with pytest.raises(UserError, match="clean: not in these evaluations, which have official"):
        make_tables(find_evaluations([tmp_path]), "clean")


def test_latex_is_escaped_and_balanced(tables):
    text = to_latex(tables)
    for part in ("toprule", "midrule", "bottomrule", r"\begin{tabular}"):
        assert text.count(part) == 6  # two protocols of three tables
    assert text.count("{") == text.count("}")
    assert not re.search(r"(?<!\\)[%_#]|±", text)
    for tabular in re.findall(r"\\begin{tabular}{(l.*?)}(.*?)\\end", text, re.DOTALL):
        widths = {line.count(" & ") for line in tabular[1].splitlines() if " & " in line}
        assert widths == {len(tabular[0]) - 1}


def test_the_csv_has_a_row_a_cell(tables):
    frame = to_frame(tables)
    cells = sum(len(table.rows) * len(table.systems) for table in tables)
    assert (frame["source"] == "ours").sum() == cells
    assert (frame["source"] == "paper").sum() == 2 * 4 * 3
    assert not frame.duplicated(["protocol", "score", "pairing", "source", "system"]).any()
    ours = frame[(frame["system"] == "both") & (frame["source"] == "ours")].iloc[0]
    assert (ours["seed_list"], ours["tom_steps"], ours["height"]) == ("0 1", 300, 256)
    assert ours["fingerprint"] == "unpaired-data"


def test_the_command_prints_writes_and_says_where(runs, tmp_path, capsys):
    report_cli.table([str(runs / "baseline"), str(runs / "both"), "--protocol", "clean"])
    out = capsys.readouterr().out
    assert out.startswith("# Table 1, clean protocol")
    assert out.splitlines()[-1].startswith(f"results: {runs / 'table1'} (")
    written = runs / "table1"
    assert (written / "table1.md").read_text() in out
    with (written / "comparisons.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert any(row["conclusion"].startswith("warp IoU: Both is better") for row in rows)
    assert {(row["protocol"], row["system"]) for row in rows} == {("clean", "both")}
    for row in rows:
        means = float(row["system_mean"]) - float(row["baseline_mean"])
        assert float(row["difference"]) == pytest.approx(means)
    report_cli.table([str(runs / "both"), "--output", str(tmp_path / "here")])
    assert sorted(p.name for p in (tmp_path / "here").iterdir()) == [
        "comparisons.csv", "table1.csv", "table1.md", "table1.tex",
    ]  # fmt: skip
    alone = pd.read_csv(tmp_path / "here" / "comparisons.csv")  # nothing is there to compare with
    assert len(alone) == 0
    assert {"score", "difference", "conclusion"} <= {*alone}


def test_what_cannot_be_written_whole_is_not_begun(runs, tmp_path, capsys):
    (tmp_path / "comparisons.csv").mkdir()
    with pytest.raises(UserError, match=r"comparisons\.csv: cannot be written \(a folder\)"):
        report_cli.table([str(runs / "both"), "--output", str(tmp_path)])
    assert [p.name for p in tmp_path.iterdir()] == ["comparisons.csv"]

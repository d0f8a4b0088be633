import json

import pandas as pd
import pytest

from fake_evaluations import scores, write_evaluation
from vton_aux.errors import UserError
from vton_aux.evaluation.runs import find_evaluations, read_evaluation
from vton_aux.evaluation.systems import check_comparable, gather


def names(evaluations):
    return sorted(evaluation.path.name for evaluation in evaluations)


def edit(folder, change):
    summary = json.loads((folder / "summary.json").read_text())
    change(summary)
    (folder / "summary.json").write_text(json.dumps(summary))


def test_evaluations_are_found_in_and_below_folders_and_once(tmp_path):
    a = write_evaluation(tmp_path / "run_a" / "evaluations" / "paired_a")
    b = write_evaluation(tmp_path / "run_b" / "paired_b", "both")
    (tmp_path / "run_a" / "summary.json").write_text('{"arm": "baseline"}')  # the run's own
    assert names(find_evaluations([a])) == ["paired_a"]
    assert names(find_evaluations([tmp_path / "run_a"])) == ["paired_a"]
    assert names(find_evaluations([tmp_path, b, tmp_path / "run_a"])) == ["paired_a", "paired_b"]


def test_nothing_found_is_told(tmp_path):
    with pytest.raises(UserError, match="nowhere: there is no such folder"):
        find_evaluations([tmp_path / "nowhere"])
    (tmp_path / "summary.json").write_text('{"arm": "baseline"}')
    with pytest.raises(UserError, match="holds no evaluation; `vton-aux evaluate` makes them"):
        find_evaluations([tmp_path])
    with pytest.raises(UserError, match=r"summary\.json: is a file, no folder"):
        find_evaluations([tmp_path / "summary.json"])


def test_an_unfinished_evaluation_is_told_and_not_left_out(tmp_path):
    write_evaluation(tmp_path / "done")
    scored = write_evaluation(tmp_path / "scored", "both")
    (scored / "summary.json").unlink()
    with pytest.raises(UserError, match="scored: unfinished"):
        find_evaluations([tmp_path])
    (scored / "scores.parquet").unlink()
    (scored / "inputs.json").write_text("{}")
    with pytest.raises(UserError, match="scored: unfinished"):
        find_evaluations([tmp_path])
    (scored / "job.json").write_text("{}")  # a stage that is being trained
    assert [e.path.name for e in find_evaluations([tmp_path])] == ["done"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"protocols": ', "cannot be read"),
        ("[1, 2]", "holds no JSON object"),
        ('{"protocols": {"official": {}}}', "has no system.kind"),
    ],
)
def test_a_broken_summary_is_one_line_that_names_it(content, said, tmp_path):
    folder = write_evaluation(tmp_path / "e")
    (folder / "summary.json").write_text(content)
    with pytest.raises(UserError, match=r"summary\.json: .*" + said) as error:
        find_evaluations([tmp_path])
    assert "\n" not in str(error.value)


def test_a_table_that_is_not_the_summarys_is_refused(tmp_path):
    folder = write_evaluation(tmp_path / "e")
    good = pd.read_parquet(folder / "scores.parquet")

    def refused(table, said):
        table.to_parquet(folder / "scores.parquet")
        with pytest.raises(UserError, match=r"scores\.parquet: .*" + said):
            _ = read_evaluation(folder).table

    refused(good.drop(columns=["clean", "ssim"]), "has no column clean, ssim")
    refused(good.iloc[:-1], "is not the table of its summary.json")
    refused(good.assign(pairing="unpaired"), "60 paired images")
    refused(pd.concat([good.iloc[:1], good.iloc[:-1]]), "000000_0.jpg 000000_1.jpg paired stands")
    (folder / "scores.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(UserError, match="cannot be read"):
        _ = read_evaluation(folder).table
    (folder / "scores.parquet").unlink()
    with pytest.raises(UserError, match="missing"):
        _ = read_evaluation(folder).table


def test_scores_are_those_of_the_protocol_and_infinite_ones_are_unknown(tmp_path):
    table = scores().assign(psnr=float("inf"), lpips=None)
    evaluation = read_evaluation(write_evaluation(tmp_path / "e", table=table))
    assert len(evaluation.scores("official")) == 60
    clean = evaluation.scores("clean")
    assert len(clean) == 40
    assert list(clean) == ["ssim", "ms_ssim", "bleeding"]
    assert not any(person == "000000_0.jpg" for person, *_ in clean.index)
    assert evaluation.pooled("clean", "fid") == 20.0
    assert evaluation.pooled("clean", "segmentation_iou") is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"split": "val"}, "split"),
        ({"size": [128, 96]}, "size"),
        ({"features": "other"}, "features"),
        ({"metric_settings__ssim": "uniform 7"}, "metric_settings.ssim"),
        ({"data__fingerprint": "beef"}, "data.fingerprint"),
        ({"system__precision": "bf16-mixed"}, "system.precision"),
        ({"protocols": {"validation": {"means": {}}}}, "protocols"),
    ],
)
def test_what_differs_cannot_stand_together(changed, said, tmp_path):
    one = write_evaluation(tmp_path / "one")
    other = write_evaluation(tmp_path / "other", "both", **changed)
    with pytest.raises(UserError, match=f"{one} and {other} differ in {said} "):
        gather(find_evaluations([tmp_path]))


def test_scores_against_other_truths_cannot_stand_together(tmp_path):
    write_evaluation(tmp_path / "one", pairing="unpaired", truth="image-unpaired")
    write_evaluation(tmp_path / "other", "both", "unpaired", truth="photo")
    with pytest.raises(UserError, match="differ in truth "):
        gather(find_evaluations([tmp_path]))


def test_systems_of_other_labels_data_or_steps_differ_in_more_than_their_heads(tmp_path):
    write_evaluation(tmp_path / "one", system__labels="lip")
    for name, changed, said in (
        ("labels", {"system__labels": "coarse"}, ["labels"]),
        ("data", {"system__labels": "lip", "system__trained_on": "beef"}, ["training data"]),
        ("same", {"system__labels": "lip"}, []),
    ):
        write_evaluation(tmp_path / name, name, **changed)
        one, other = gather(find_evaluations([tmp_path / "one", tmp_path / name]))
        assert other.differs_in(one) == said


def test_paired_and_unpaired_do_not_compare_but_stand_in_one_table(tmp_path):
    write_evaluation(tmp_path / "p")
    write_evaluation(tmp_path / "u", pairing="unpaired")
    found = find_evaluations([tmp_path])
    with pytest.raises(UserError, match=r"differ in .*pairing"):
        check_comparable(found)
    (system,) = gather(found)
    assert set(system.evaluations) == {"paired", "unpaired"}
    write_evaluation(tmp_path / "v", "both", "unpaired", size=[128, 96])
    with pytest.raises(UserError, match="differ in size"):
        gather(find_evaluations([tmp_path]))


def test_what_one_does_not_know_is_no_difference_but_hides_none(tmp_path):
    write_evaluation(tmp_path / "a", fid=None)
    write_evaluation(tmp_path / "b", "both")
    edit(tmp_path / "b", lambda s: s["metric_settings"].update(lpips="AlexNet"))
    gather(find_evaluations([tmp_path]))
    write_evaluation(tmp_path / "c", "tom_only", metric_settings__lpips="VGG")
    with pytest.raises(UserError, match=r"/b and .*/c differ in metric_settings.lpips"):
        gather(find_evaluations([tmp_path]))


def test_systems_come_in_the_papers_order_with_their_seeds(tmp_path):
    for i, name in enumerate(["zebra", "gmm_only", "both", "ape", "baseline", "tom_only"]):
        write_evaluation(tmp_path / str(i), name)
    write_evaluation(tmp_path / "again", "both", system__seed=1)
    systems = gather(find_evaluations([tmp_path]))
    assert [s.title for s in systems] == [
        "CP-VTON", "only TOM", "Both", "only GMM", "ape", "zebra",
    ]  # fmt: skip
    assert systems[2].seeds == [0, 1]


def test_seeds_of_other_settings_are_no_one_system(tmp_path):
    for seed, weight in ((0, "0.0"), (1, "5.0")):
        settings = {"tom.edge_weight": weight, "tom.aux": "true"}
        write_evaluation(tmp_path / str(seed), "both", system__seed=seed, system__settings=settings)
    with pytest.raises(UserError, match=r"trained with other tom\.edge_weight \("):
        gather(find_evaluations([tmp_path]))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "are both both, seed 0, paired"),
        ({"system__seed": 1, "system__steps": {"gmm": 1, "tom": 1}}, "differ in system.steps"),
        ({"system__seed": 1, "system__trained_on": "beef"}, "differ in system.trained_on"),
        ({"system__seed": 1, "system__recipe": "beef"}, "differ in system.recipe"),
        ({"system__seed": None, "system__kind": "predictions"}, "differ in system.kind"),
    ],
)
def test_a_column_is_one_system(changed, said, tmp_path):
    write_evaluation(tmp_path / "one", "both")
    write_evaluation(tmp_path / "other", "both", **changed)
    with pytest.raises(UserError, match=said):
        gather(find_evaluations([tmp_path]))

import json

import pytest
import torch

from vton_aux.bench.results import compare, describe_machine, peaks, read_results, tables
from vton_aux.errors import UserError


def row(section, name, rate, spread=0.0, **more):
    rounds = [rate * (1 + share * spread) for share in (-1, -0.5, 0, 0.5, 1)]
    return {
        "section": section, "name": name, "images_per_second": rate, "lowest": rate * (1 - spread),
        "highest": rate * (1 + spread), "gflop_per_image": None, "precision": "fp32",
        "peak_mib": 100, "repeats": rounds, **more,
    }  # fmt: skip


def results(*rows):
    machine = describe_machine(torch.device("cpu"))
    return {
        "machine": machine, "data": "viton", "repeats": 5, "seconds": 1.0, "rows": list(rows),
    }  # fmt: skip


def test_the_peak_is_the_fastest_product_of_each_precision():
    rows = [
        row("machine", "matmul float32 2048", 150.0),
        row("machine", "matmul float32 4096", 200.0),
        row("machine", "matmul bfloat16 4096", 900.0, precision="bf16"),
        row("gmm", "gmm fp32", 1e6),
    ]
    assert peaks(rows) == {"fp32": 200.0, "bf16": 900.0}


def test_a_table_tells_rate_ratio_and_share_of_the_peak():
    shown = tables(
        results(
            row("machine", "matmul float32 4096", 200.0, gflop_per_image=1.0),
            row("gmm", "reference", 2.0),
            row("gmm", "gmm fp32", 5.0, gflop_per_image=20.0, against="reference", ratio=2.5),
        )
    )
    (line,) = [line for line in shown.splitlines() if line.startswith("| gmm fp32")]
    assert "2.50 x reference" in line
    assert "50%" in line  # 5 x 20 of 200 GFLOP/s


def test_shares_of_a_step_are_of_its_time():
    shown = tables(
        results(
            row("loader", "packed", 2000.0),
            row("metrics", "I_p and targets", 500.0),
            row("gmm", "gmm bf16, as trained", 10.0),
        )
    )
    assert "| gmm bf16, as trained | 0.5% | 2.0% |" in shown


def test_a_gpus_shares_are_those_at_its_large_batch_too():
    shown = tables(
        results(
            row("loader", "resident, batch 64", 200_000.0),
            row("metrics", "I_p and targets, batch 64", 100_000.0),
            row("metrics", "I_p and targets", 400.0),
            row("gmm", "gmm bf16, as trained", 1000.0),
            row("batch_gmm", "gmm batch 4", 1000.0),
            row("batch_gmm", "gmm batch 64 + auxiliary head", 8000.0),
        )
    ).splitlines()
    shares = shown[shown.index("**shares of a step**") + 4 :]
    assert shares == [
        "| gmm bf16, as trained |  | 250.0% |",
        "| gmm batch 64 + auxiliary head | 4.0% | 8.0% |",
    ]


def test_only_what_lies_apart_has_changed():
    before = results(*(row("gmm", name, 10.0, 0.05) for name in ("same", "noisy", "slow", "fast")))
    after = results(
        row("gmm", "same", 10.2, 0.05),
        row("gmm", "noisy", 8.0, 0.3),
        row("gmm", "slow", 8.0, 0.05),
        row("gmm", "fast", 14.0, 0.05),
        row("gmm", "new", 1.0),
    )
    before["rows"].append(row("gmm", "gone", 1.0))
    table, slower = compare(before, after)
    assert slower == ["gmm: slow"]
    verdicts = {
        line.split("|")[1].strip(): line.split("|")[-2].strip() for line in table.splitlines()
    }
    assert verdicts["gmm: same"] == verdicts["gmm: noisy"] == ""
    assert verdicts["gmm: fast"] == "faster"
    assert "| gmm: new | not measured | 1 | | |" in table.splitlines()
    assert "| gmm: gone | 1 | not measured | | |" in table.splitlines()
    assert table.startswith("| | before")


def test_where_a_reference_ran_beside_them_ratios_are_compared():
    """The machine gave half of its rate the second time, and the code is a fifth slower."""

    def run(machine, code):
        rates = [share * machine for share in (1, 1.2, 1.5, 1.8, 2)]
        return results(
            row("gmm", "reference", rates[2], repeats=rates),
            row("gmm", "same", 0, repeats=[3 * r for r in rates], against="reference"),
            row("gmm", "mine", 0, repeats=[code * r for r in rates], against="reference"),
        )

    table, slower = compare(run(10.0, 3.0), run(5.0, 2.4))
    assert slower == ["gmm: mine"]
    assert "| gmm: reference | 15 | 7.5 | 0.50 |  |" in table.splitlines()
    assert "| gmm: same | 3 x | 3 x | 1.00 |  |" in table.splitlines()
    assert "| gmm: mine | 3 x | 2.4 x | 0.80 | slower |" in table.splitlines()


@pytest.mark.parametrize(
    ("fp32", "bf16", "ratio_judged", "rate_judged"),
    [(200, 900, True, True), (100, 450, True, False), (200, 450, False, False)],
)
def test_bf16_is_judged_only_where_the_machine_gives_as_much_of_it(
    fp32, bf16, ratio_judged, rate_judged
):
    """Against the reference's float32 a machine that is slower in both is the same."""

    def run(fp32, bf16, code, beside):
        reference = row("gmm", "reference", 10.0) if beside else row("gmm", "another", 10.0)
        return results(
            row("machine", "matmul float32 4096", fp32),
            row("machine", "matmul bfloat16 4096", bf16, precision="bf16"),
            reference,
            row("gmm", "mine", code, precision="bf16", against="reference"),
        )

    for beside, judged in ((True, ratio_judged), (False, rate_judged)):
        table, slower = compare(run(200, 900, 30.0, beside), run(fp32, bf16, 20.0, beside))
        assert slower == (["gmm: mine"] if judged else [])
        assert ("differ by more than 10%" in table) is not judged


def test_a_slower_default_is_told_though_others_stand_beside_it():
    def run(factor):
        default = row("switches_gmm", "gmm default", 0, repeats=[10 * factor] * 5)
        other = row("switches_gmm", "gmm fp32", 0, repeats=[5.0] * 5)
        return results(default | {"against": "gmm default"}, other | {"against": "gmm default"})

    assert compare(run(1.0), run(0.8))[1] == ["switches_gmm: gmm default"]
    assert compare(run(0.8), run(1.0))[1] == []


def test_few_rounds_are_not_judged():
    def run(rate):
        return results(row("gmm", "a", rate, repeats=[rate] * 4))

    table, slower = compare(run(2.0), run(1.0))
    assert slower == []
    assert "fewer than 5 rounds are not judged" in table


def test_other_data_and_times_are_named():
    here, there = results(row("gmm", "gmm fp32", 1.0)), results(row("gmm", "gmm fp32", 1.0))
    here, there = here | {"pairs": 14221}, there | {"pairs": 1500, "seconds": 0.5}
    lines = compare(here, there)[0].splitlines()
    assert "data viton of 14,221 pairs against data viton of 1,500 pairs" in lines
    assert "rounds of 1 s against rounds of 0.5 s" in lines


def test_two_machines_are_named_and_files_without_a_common_case_refused():
    here, there = results(row("gmm", "gmm fp32", 1.0)), results(row("gmm", "gmm fp32", 2.0))
    there["machine"] = {**there["machine"], "gpu": "A card"}
    assert " against A card" in compare(here, there)[0].splitlines()[0]
    with pytest.raises(UserError, match="no case in common"):
        compare(here, results(row("tom", "tom fp32", 1.0)))


def test_the_rounds_that_were_measured_are_told():
    done = [row("gmm", "a", 1.0, repeats=[1.0] * 3), row("tom", "b", 1.0, repeats=[1.0] * 2)]
    assert "2 to 3 rounds of 1 s" in tables(results(*done))


@pytest.mark.parametrize("text", [None, "{", "[]", json.dumps({"rows": []}), "HALF"])
def test_another_file_is_told(tmp_path, text):
    path = tmp_path / "bench.json"
    if text == "HALF":
        text = json.dumps(results({"section": "gmm", "name": "gmm fp32"}))
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=r"bench\.json"):
        read_results(path)

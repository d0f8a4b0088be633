import os

import pytest

from vton_aux.bench.case import Case
from vton_aux.bench.clock import _without_folders, _Worker, measure
from vton_aux.bench.processes import Processes
from vton_aux.errors import UserError
from vton_aux.stages.speed import MALLOC


@pytest.mark.slow
def test_cases_take_turns_in_processes_of_their_own(monkeypatch):
    monkeypatch.setenv("MALLOC_TOP_PAD_", "1")  # a case without malloc gets none of ours
    cases = [
        Case("small", "matmul", {"size": 64, "dtype": "float32"}, threads=1, malloc=False),
        Case("large", "matmul", {"size": 512, "dtype": "float32"}, against="small", threads=1),
    ]
    rounds = list(measure([("machine", case) for case in cases], "cpu", repeats=2, seconds=0.05))
    assert [len(small["repeats"]) for small, _ in rounds] == [1, 2]  # each may be the last
    small, large = rounds[-1]
    assert [row["name"] for row in (small, large)] == ["small", "large"]
    assert len(large["repeats"]) == 2
    assert large["lowest"] <= large["images_per_second"] <= large["highest"]
    ratios = [b / a for a, b in zip(small["repeats"], large["repeats"], strict=True)]
    assert large["ratio"] == pytest.approx(sum(ratios) / 2, rel=1e-2)
    assert "ratio" not in small
    assert set(MALLOC) & set(os.environ) == {"MALLOC_TOP_PAD_"}


@pytest.mark.slow
def test_a_case_whose_process_died_while_it_waited_is_named():
    case = Case("small", "matmul", {"size": 64, "dtype": "float32"})
    with _Worker(case, "cpu") as worker:
        worker.prepare()
        worker.process.kill()
        worker.process.wait()
        with pytest.raises(UserError, match="bench small: the process died"):
            worker.burst(0.1)


@pytest.mark.slow
def test_a_step_of_several_processes_ends_when_one_dies():
    group = Processes(2, "cpu", batch=1, bf16=False)
    assert group.step() == 2
    group.processes[1].kill()
    for _ in range(2):  # as it dies, and with its pipe closed
        with pytest.raises(UserError, match="one of the processes died"):
            group.step()


@pytest.mark.slow
def test_a_case_that_cannot_be_prepared_is_named_and_the_others_are_measured(tmp_path, capsys):
    bad = Case("files", "loader", {"root": str(tmp_path)})
    good = Case("small", "matmul", {"size": 64, "dtype": "float32"}, against="files")
    cases = [("loader", bad), ("machine", good)]
    ((row,),) = measure(cases, "cpu", repeats=1, seconds=0.05)
    assert row["name"] == "small"
    assert "ratio" not in row
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert line.startswith("bench files: ")
    assert "train_pairs" in line
    assert [*measure(cases[:1], "cpu", repeats=1, seconds=0.05)] == []


def test_a_row_says_not_where_its_files_lie():
    data = {"root": "/home/me/viton", "packed": "/big/train-256x192-0"}
    options = {"stage": "gmm", "source": "/home/me/cp-vton", "data": data}
    assert _without_folders(options) == {
        "stage": "gmm",
        "source": "cp-vton",
        "data": {"root": "viton", "packed": "train-256x192-0"},
    }

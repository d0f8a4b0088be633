"""`vton-aux bench run`: which cases it measures, and that a stopped run keeps its rounds."""

import json

import pytest

from vton_aux import bench_cli
from vton_aux.bench.suite import sections
from vton_aux.errors import UserError

SUITE = sections("viton", "packed", "reference", gpu=False, bf16=True)


def names(sections=None, pattern=None):
    return [(section, case.name) for section, case in bench_cli._chosen(SUITE, sections, pattern)]


def test_cases_are_chosen_by_section_and_by_name():
    assert {section for section, _ in names("gmm,tom")} == {"gmm", "tom"}
    assert names(pattern="^gmm: gmm bf16$") == [("gmm", "reference"), ("gmm", "gmm bf16")]
    assert names("tom", "fp32$|as trained$") == [
        ("tom", "reference"),
        ("tom", "tom fp32"),
        ("tom", "tom bf16, as trained"),
        ("tom", "tom bf16 + auxiliary head, as trained"),
    ]
    assert names("gmm, gmm") == names("gmm")
    assert len(names()) == sum(len(cases) for cases in SUITE.values())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("gmm,gmn", None), r"--sections gmn: there are machine, loader"),
        ((None, "gmm ["), r"--cases gmm \[: no regular expression"),
        (("gmm", "tom bf16"), r"--cases tom bf16: none matches"),
    ],
)
def test_what_is_not_there_is_told(arguments, told):
    with pytest.raises(UserError, match=told):
        names(*arguments)


def test_a_section_without_a_case_is_told():
    few = sections("viton", "packed", None, gpu=False, bf16=False, pairs=40)
    with pytest.raises(UserError, match="--sections data: has no case for this machine and these"):
        bench_cli._chosen(few, "data", None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--repeats", "0"], "--repeats 0 --seconds 2: both must be above 0"),
        (["--seconds", "-1"], "--repeats 7 --seconds -1: both"),
        (["--output", "/dev/null/mine.json"], "/dev/null/mine.json: cannot be written"),
        (["--seconds", "nan"], "--repeats 7 --seconds nan: both"),
        (["--output", __file__], "test_bench_cli.py: not a file that vton-aux bench wrote"),
        (["--reference", "nowhere"], r"nowhere/networks.py: missing; give a checkout"),
        (["--data", "nowhere"], "nowhere: data.root is no folder"),
        (["--sections", "nothing"], "--sections nothing: there are machine"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_made(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=told):
        bench_cli.main(["run", "--device", "cpu", "--cache", "cache", *arguments])
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
def test_a_run_that_is_stopped_keeps_its_rounds(root, tmp_path, monkeypatch, capsys):
    output = tmp_path / "bench.json"
    written, write_json = [], bench_cli.write_json

    def write_and_stop(path, results):
        write_json(path, results)
        written.append([len(row["repeats"]) for row in results["rows"]])
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(bench_cli, "write_json", write_and_stop)
    arguments = ["run", "--data", str(root), "--cache", str(tmp_path / "cache"), "--device", "cpu"]
    arguments += [
        "--cases",
        "(float32 2048|, MB/s|loader: files)$",
        "--together",
        "--output",
        str(output),
    ]
    with pytest.raises(KeyboardInterrupt):
        bench_cli.main([*arguments, "--repeats", "5", "--seconds", "0.05"])
    assert written == [[1, 1, 1], [2, 2, 2]]
    assert not (tmp_path / "cache").exists()  # these cases read nothing packed
    assert f"so far: {output}" in capsys.readouterr().err
    assert bench_cli.main(["show", str(output)]) == 0
    assert "2 rounds of 0.05 s" in capsys.readouterr().out
    rows = json.loads(output.read_text())["rows"]
    assert [row["name"] for row in rows] == ["matmul float32 2048", "copy, MB/s", "files"]


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_with_what_is_missing(tmp_path, monkeypatch, capsys):
    output, measured = tmp_path / "bench.json", []

    def measure(group, device, repeats, seconds):
        measured.append([case.name for _, case in group])
        for done in range(1, repeats + 1):
            if (len(measured), done) == (2, 2):
                raise KeyboardInterrupt
            yield [
                {"section": section, "name": case.name, "images_per_second": 1.0, "lowest": 1.0,
                 "highest": 1.0, "gflop_per_image": None, "precision": "fp32", "peak_mib": 1,
                 "repeats": [1.0] * done}
                for section, case in group
            ]  # fmt: skip

    def run(*more):
        command = ["run", "--device", "cpu", "--output", str(output), "--repeats", "3", *more]
        return bench_cli.main([*command, "--sections", "machine,metrics"])

    monkeypatch.setattr(bench_cli, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert f"so far: {output}" in capsys.readouterr().err
    with pytest.raises(UserError, match="another machine, version or command"):
        run("--seconds", "1")
    begun = json.loads(output.read_text())
    begun["machine"]["date"] = "2020-01-01"
    output.write_text(json.dumps(begun))
    assert run() == 0
    assert measured == [measured[0], measured[1], measured[1]]
    assert json.loads(output.read_text())["machine"]["date"] == "2020-01-01"
    capsys.readouterr()
    rows = json.loads(output.read_text())["rows"]
    assert [row["name"] for row in rows] == [*measured[0], *measured[1]]
    assert {len(row["repeats"]) for row in rows} == {3}
    assert run() == 0
    assert "holds all of these cases; give another --output" in capsys.readouterr().out
    assert len(measured) == 3
    monkeypatch.setattr(bench_cli, "code_version", lambda *_: "of another version")
    with pytest.raises(UserError, match="version"):
        run()


def test_what_could_not_be_measured_is_named_at_the_end(tmp_path, monkeypatch, capsys):
    def measure(group, device, repeats, seconds):
        yield [
            {"section": section, "name": case.name, "images_per_second": 1.0, "lowest": 1.0,
             "highest": 1.0, "gflop_per_image": None, "precision": "fp32", "peak_mib": 1,
             "repeats": [1.0] * repeats}
            for section, case in group
            if case.name != "I_p and targets"
        ]  # fmt: skip

    monkeypatch.setattr(bench_cli, "measure", measure)
    output = str(tmp_path / "bench.json")
    command = ["run", "--device", "cpu", "--output", output, "--sections", "machine,metrics"]
    assert bench_cli.main(command) == 1
    outcome = capsys.readouterr()
    assert "not measured, see above: metrics: I_p and targets\n" in outcome.err
    assert f"results: {output}" in outcome.out
    monkeypatch.setattr(bench_cli, "measure", lambda *_: iter(()))
    assert bench_cli.main([*command[:4], str(tmp_path / "none.json"), *command[5:]]) == 1
    assert "results:" not in capsys.readouterr().out

"""The suite's cases fit the machine."""

import pytest

from vton_aux.bench.suite import sections


@pytest.mark.parametrize("bf16", [False, True])
def test_bf16_is_measured_only_where_the_machine_has_it(bf16):
    suite = sections("viton", "packed", "reference", gpu=False, bf16=bf16)
    cases = [case for own in suite.values() for case in own]
    assert any(case.precision == "bf16" for case in cases) == bf16
    assert any(case.options.get("bf16") for case in cases) == bf16
    for case in cases:
        if case.kind in ("step", "infer", "processes") and "source" not in case.options:
            assert case.options["bf16"] == (case.precision == "bf16"), case.name


@pytest.mark.parametrize("bf16", [False, True])
def test_names_are_unique_and_what_a_case_is_compared_with_is_there(bf16):
    for name, cases in sections("v", "p", "r", gpu=True, bf16=bf16).items():
        names = [case.name for case in cases]
        assert len(set(names)) == len(names), name
        assert all(case.against in (None, *names) for case in cases), name


def test_a_gpu_is_fed_both_ways_and_trains_its_large_batch_in_lightning_too():
    gpu, cpu = (sections("v", "p", None, gpu=on, bf16=True) for on in (True, False))
    ways = {case.name: case.options.get("data", {}) for case in gpu["fed"]}
    assert ways["gmm, loading"]["resident"]
    assert "resident" not in ways["gmm, loading packed"]
    assert [case.name for case in cpu["fed"][:2]] == ["gmm, one batch", "gmm, loading"]
    (looped,) = [case for case in gpu["batch_tom"] if case.kind == "fit"]
    assert (looped.options["batch"], looped.against) == (64, "tom batch 64")
    assert not [case for case in cpu["batch_tom"] if case.kind == "fit"]


def test_without_a_reference_nothing_is_compared_with_it():
    suite = sections("viton", "packed", None, gpu=False, bf16=True)
    cases = [case for own in suite.values() for case in own]
    assert not any("reference" in case.name or case.against == "reference" for case in cases)


def test_cases_of_more_data_or_processes_than_there_are_are_left_out():
    few = sections("viton", "packed", None, gpu=True, bf16=True, pairs=200, processes=1)
    assert [case.options["pairs"] for case in few["data"]] == [100]
    assert [case.options["count"] for case in few["processes"]] == [1]
    assert len(sections("viton", "packed", None, gpu=False, bf16=True, pairs=14_221)["data"]) == 3

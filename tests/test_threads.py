"""Results of threads come in order, few at a time, and each thread keeps to its core."""

import os
import threading

import pytest
import torch

from vton_aux.threads import MOST, cores, in_threads, one_core_each


def test_results_come_in_the_order_of_the_jobs_though_they_end_in_another():
    second = threading.Event()

    def work(job):
        if job == 0:
            assert second.wait(10)  # the first ends after the second, in another thread
        second.set()
        return job * job

    assert list(in_threads(work, range(20), 2)) == [job * job for job in range(20)]


@pytest.mark.parametrize(("threads", "ahead"), [(3, 6), (100, 2 * MOST)])
def test_only_two_jobs_a_thread_are_drawn_ahead_of_what_is_asked_for(threads, ahead):
    drawn = []
    jobs = (drawn.append(job) or job for job in range(100))
    results = in_threads(lambda job: job, jobs, threads)
    assert next(results) == 0
    assert len(drawn) == ahead + 1
    results.close()
    assert len(drawn) == ahead + 1


def test_an_error_comes_in_its_turn_and_what_is_under_way_is_done():
    done = []

    def work(job):
        if job == 3:
            raise ValueError("job 3")
        done.append(job)
        return job

    results = in_threads(work, range(100), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="job 3"):
        next(results)
    assert sorted(done) == [0, 1, 2, 4, 5, 6]


def test_each_thread_computes_on_one_core_and_the_others_are_as_before():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_core_each() as begin:
            counted = in_threads(lambda _: torch.get_num_threads(), range(4), 2, begin)
            assert set(counted) == {1}
            assert torch.get_num_threads() == 2
        assert set(in_threads(lambda _: torch.get_num_threads(), range(4), 2)) == {2}
    finally:
        torch.set_num_threads(before)


def test_cores_are_told_where_the_system_has_no_affinity_too(monkeypatch):
    assert cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == os.cpu_count()

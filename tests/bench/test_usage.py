"""What a process and its children use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vton_aux.bench import usage as module
from vton_aux.bench.usage import usage
from waiting import wait_until

HOLDS_100_MIB = "held = bytearray(100 * 2**20); held[::4096] = bytes(25600); print(1); input()"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_children_count_while_they_live():
    alone = usage()
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS_100_MIB], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child.stdout.readline()
    together = usage()
    child.communicate(b"\n")
    # it touched 25,600 pages of 4 KiB, and has its interpreter beside them
    assert 100 < together.peak_mib - alone.peak_mib < 200
    assert together.faults - alone.faults > 25_000
    wait_until(lambda: usage().peak_mib - alone.peak_mib < 50)
    assert usage().peak_mib - alone.peak_mib < 50


def test_without_proc_it_is_this_process_alone(monkeypatch, tmp_path):
    known = module._of(os.getpid())
    monkeypatch.setattr(module, "_PROC", tmp_path)
    assert usage().peak_mib == pytest.approx(known[0], rel=0.1)
    assert usage().faults >= known[1] > 0

"""Child processes: their ends are told, and they end in good order with the one that started them.

A terminal sends Ctrl-C to the whole group of processes, so do these tests.
"""

import os
import signal
import subprocess
import sys

import pytest

from vton_aux.children import run
from waiting import wait_until

CHILD = """
import signal, sys, time
from pathlib import Path
heard = Path(sys.argv[1])
def stop(*_):
    heard.open("a").write("SIGTERM ")
    time.sleep(0.3)
    heard.open("a").write("done ")
    sys.exit(7)
signal.signal(signal.SIGTERM, stop)
heard.write_text("")
time.sleep(60)
"""
PARENT = """
import signal, sys
from vton_aux.children import run
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts with & ignores it
try:
    run(*([sys.executable, "-c", sys.argv[1], path] for path in sys.argv[2:]))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_how_each_ended_is_told():
    ends = ("exit(3)", "import os; os.kill(os.getpid(), 9)", "")
    assert run(*([sys.executable, "-c", code] for code in ends)) == [3, -signal.SIGKILL, 0]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_reaches_each_child_once_and_all_are_waited_for(tmp_path, how):
    heard = [tmp_path / "first", tmp_path / "second"]
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD, *map(str, heard)], start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: all(path.exists() for path in heard))
    if how == signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    out, errors = process.communicate(timeout=60)
    assert [path.read_text() for path in heard] == ["SIGTERM done "] * 2
    assert out == "interrupted\n"
    assert errors == ""


def test_a_child_ends_with_a_parent_that_was_killed_and_so_do_those_it_started(tmp_path):
    begun = [tmp_path / "child", tmp_path / "grandchild"]
    family = """
import subprocess, sys, time
from pathlib import Path
from vton_aux.children import end_with_parent
end_with_parent()
Path(sys.argv[2]).touch()
if sys.argv[3:]:
    subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[1], *sys.argv[3:]])
time.sleep(100)
"""
    start = "import sys; from vton_aux.children import run; run([sys.executable, *sys.argv[1:]])"
    process = subprocess.Popen(
        [sys.executable, "-c", start, "-c", family, family, *map(str, begun)],
        start_new_session=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    wait_until(lambda: all(path.exists() for path in begun))
    process.kill()
    process.communicate(timeout=60)  # until both have closed the pipe

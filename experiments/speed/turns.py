"""Two versions of the package in turns on this machine, each in a process of its own.

    git worktree add former 4f6f36a
    python experiments/speed/turns.py former/src src step '{"stage": "gmm", "bf16": true}'

prints each version's median and highest images/s and the median over the turns of the second's rate
divided by the first's, which hardly feels what slows the machine for longer than a turn. The last
two arguments are a kind of `vton_aux.bench.case` and its options. The version whose turn it is not
is stopped, or the threads of its last product would spin beside the other's.
"""

import json
import os
import signal
import statistics
import subprocess
import sys

from vton_aux.stages.speed import MALLOC

TURNS, SECONDS = 40, 0.4


class Version:
    """One version's worker, stopped but for its turns."""

    def __init__(self, source, kind, options):
        case = json.dumps({"name": source, "kind": kind, "options": options})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vton_aux.bench.worker", case, "cpu"],
            env={**os.environ, **MALLOC, "PYTHONPATH": source},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)

    def rate(self):
        """Images/s of a turn."""
        self.process.send_signal(signal.SIGCONT)
        print(SECONDS, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        self.process.send_signal(signal.SIGSTOP)
        return answer["images"] / answer["seconds"]


def main():
    *sources, kind, options = sys.argv[1:]
    versions = [Version(source, kind, json.loads(options)) for source in sources]
    rates = [[], []]
    for turn in range(TURNS):
        for one in (0, 1) if turn % 2 == 0 else (1, 0):
            rates[one].append(versions[one].rate())
    for version in versions:
        version.process.kill()
    for source, found in zip(sources, rates, strict=True):
        print(f"{source}: {statistics.median(found):.2f} images/s, at most {max(found):.2f}")
    pairs = zip(*rates, strict=True)
    print(f"in turns {statistics.median(own / former for former, own in pairs):.3f}")


if __name__ == "__main__":
    main()

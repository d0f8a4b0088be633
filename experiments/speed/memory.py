"""Does memory grow over a training? `python experiments/speed/memory.py STAGE DIR [KEY=VALUE ...]`.

Trains gmm, or tom on a GMM of one step, as a user would (`vton-aux train`, both heads, 1,200 steps
of 4) and writes memory_STAGE.csv: every five seconds the step that the curve has reached and the
stage process's memory in MB, its own (anonymous) and that of mapped files, which the kernel takes
back when it likes. Linux only.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
EVERY = 5.0  # seconds


def stage_process(parent: int, stage: str) -> int | None:
    """The process that trains the stage, a child of `vton-aux train`."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if f"PPid:\t{parent}\n" in status.read_text():
                words = status.with_name("cmdline").read_text().split("\0")
                if "vton_aux.fit" in words and f"/{stage}-" in words[-2]:
                    return int(status.parent.name)
        except OSError:  # it ended meanwhile
            continue
    return None


def memory(process: int) -> dict[str, float]:
    text = Path(f"/proc/{process}/status").read_text()
    return {
        name: int(re.search(rf"{key}:\s+(\d+) kB", text)[1]) / 1024
        for name, key in (("own_mb", "RssAnon"), ("mapped_mb", "RssFile"))
    }


def main(stage: str, root: str, *overrides: str) -> None:
    steps_of = {"gmm": 1, stage: 1200}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "vton_aux", "train", "data=viton", f"data.root={root}",
            "arm=both", f"stage={'gmm' if stage == 'gmm' else 'all'}", "val_every=1200",
            *(f"{name}.steps={steps}" for name, steps in steps_of.items()),
            "log_every=5", f"store={folder}/store", f"hydra.run.dir={folder}/run", *overrides,
        ]  # fmt: skip
        training = subprocess.Popen(command)
        while training.poll() is None:
            time.sleep(EVERY)
            process = stage_process(training.pid, stage)
            curves = [*Path(folder).glob(f"store/{stage}-*/log/*/metrics.csv")]
            if process is None or not curves or not curves[0].stat().st_size:
                continue
            steps = pd.read_csv(curves[0])["step"]
            if len(steps):
                rows.append({"seconds": time.time(), "step": steps.max(), **memory(process)})
        if training.returncode:
            sys.exit(training.returncode)
    table = pd.DataFrame(rows).round(1)
    table["seconds"] = (table["seconds"] - table["seconds"].iloc[0]).round(1)
    table.to_csv(HERE / f"memory_{stage}.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main(*sys.argv[1:])

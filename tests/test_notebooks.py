"""The notebooks run from top to bottom, define nothing, and carry no trace of real data."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from command_line import vton_aux
from fake_evaluations import scores, write_evaluation
from vton_aux.data.synthetic import write_dataset

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def execute(name: str) -> nbformat.NotebookNode:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}})
    return client.execute()


def pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_the_tour_of_the_data_runs(monkeypatch, tmp_path):
    root = tmp_path / "viton"
    write_dataset(root, train=30, test=2, seed=0, progress=False)
    monkeypatch.setenv("VITON_ROOT", str(root))
    assert pictures(execute("data_and_representation")) == 2


def test_the_look_at_a_trained_model_runs(monkeypatch, tmp_path, capfd):
    outcome = vton_aux(
        capfd, "train", "experiment=demo", "arm=both", "gmm.width=8", "tom.width=8", "gmm.steps=4",
        "tom.steps=4", "log_every=2", "data.generate.train=40", "data.generate.test=2",
        f"data.root={tmp_path / 'people'}", f"store={tmp_path / 'store'}",
        f"hydra.run.dir={tmp_path / 'run'}",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    monkeypatch.setenv("VTON_RUN", str(tmp_path / "run"))
    assert pictures(execute("trained_model")) == 3


def test_the_analysis_of_several_runs_comes_to_the_tables_conclusions(monkeypatch, tmp_path):
    for name, gain in (("baseline", 0.0), ("both", 0.5)):
        write_evaluation(tmp_path / name, name, table=scores(gain=gain))
    monkeypatch.setenv("VTON_RUNS", str(tmp_path))
    notebook = execute("analysis")
    assert pictures(notebook) == 1
    printed = "".join(
        output["text"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    )
    assert "Both is better than CP-VTON" in printed
    assert "one seed cannot tell the method from the luck of the draw" in printed


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_imports_and_defines_nothing(path):
    cells = nbformat.read(path, as_version=4).cells
    lines = [line for c in cells if c.cell_type == "code" for line in c.source.splitlines()]
    assert not [line for line in lines if line.startswith(("def ", "class "))]

"""The notebooks run from top to bottom on tiny run folders, and are kept without outputs."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autosplit.cli.app import main

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = ("compare_methods", "own_network", "pareto")
SWEEP = """\
schema: autosplit/sweep/1
models:
  - {model: "net.py:net", memory_bytes: 4000}
data: "data.py:data"
links: [20kbps, 200kbps, 1mbps]
methods: [autosplit, uniform4, uniform8, cloud16]
max_distortion: uniform8
"""


def load(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def execute(name, place, parameters):
    """Run a notebook in a folder with other parameters, and give it with its outputs."""
    notebook = load(name)
    (cell,) = [cell for cell in notebook.cells if cell.metadata.get("tags") == ["parameters"]]
    cell.source = parameters
    where = {"metadata": {"path": place}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    return notebook


def outputs(notebook, kind):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = [output for cell in cells for output in cell.outputs]
    return [output.data[kind] for output in found if kind in output.get("data", {})]


def printed(notebook):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = [output for cell in cells for output in cell.outputs]
    return "".join(output.text for output in found if output.output_type == "stream")


def test_the_list_is_that_of_the_folder():
    assert tuple(sorted(path.stem for path in FOLDER.glob("*.ipynb"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_no_outputs(name):
    for cell in load(name).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_pareto_shows_the_front_and_what_the_cut_carries(tiny):
    notebook = execute("pareto", tiny.place, 'RUN = "run"')

    assert "bytes cross; the input at 8 bits is 64" in printed(notebook)
    assert len(outputs(notebook, "image/png")) == 2
    assert len(outputs(notebook, "text/html")) == 4


def test_compare_methods_shows_the_tables_of_two_sweeps(tiny):
    for figure, name in (("latency", "paper"), ("crossover", "crossover")):
        (tiny.place / f"{name}.yaml").write_text(SWEEP + f"figure: {figure}\n")
        assert main(["sweep", f"{name}.yaml", "--out", name]) == 0

    notebook = execute(
        "compare_methods",
        tiny.place,
        'MODEL, DATA = "net.py:net", "data.py:data"\n'
        'PAPER = ("paper.yaml", "paper/paper.csv")\n'
        'CROSSOVER = ("crossover.yaml", "crossover/crossover.csv")',
    )

    assert len(outputs(notebook, "image/png")) == 3
    assert len(outputs(notebook, "text/html")) == 4


def test_own_network_goes_from_data_to_a_pick(tmp_path):
    notebook = execute("own_network", tmp_path, "IMAGES = 128\nSTEPS = 2")

    assert re.search(r"Of \d+ measured plans, \S+ is the fastest", printed(notebook))
    assert len(outputs(notebook, "image/png")) == 1
    # layers, front, scores, and the pick
    assert len(outputs(notebook, "text/html")) == 4

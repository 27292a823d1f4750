"""The map of a package, in its ``__init__.py``, names all of its modules and no other file."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "autosplit"
PACKAGES = sorted(
    path.parent.relative_to(ROOT)
    for path in ROOT.rglob("__init__.py")
    if path.parent != ROOT and "bundled" not in path.parts
)


def table_of(package):
    """Rows of the map of a package."""
    text = (ROOT / package / "__init__.py").read_text()
    return [line for line in text.splitlines() if line.startswith("|")]


def files_in(rows):
    """Files and folders that rows name."""
    return {name for row in rows for name in re.findall(r"`+([\w./]+(?:\.py|/))`+", row)}


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_a_map_names_every_module_and_package_and_nothing_that_is_not_there(package):
    folder, named = ROOT / package, files_in(table_of(package))
    modules = {path.name for path in folder.glob("[!_]*.py")}
    packages = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}

    assert {name for name in named if not (folder / name).exists()} == set()
    assert (modules | packages) - named == set()


SOUGHT = {
    "KL divergence": "distortion/divergence.py",
    "systolic": "hardware/systolic.py",
    "GPTQ": "quantize/gptq.py",
    "live memory": "graph/memory.py",
    "bytes on the wire": "graph/memory.py",
    "minimum s-t cut": "search/cuts/mincut.py",
    "early stopping": "evaluate/early_stop.py",
    "batch norm folding": "capture/batchnorm.py",
    "AdaRound": "finish/adaround.py",
    "im2col": "capture/im2col.py",
    "MILP": "search/questions/milp.py",
    "Lagrangian": "search/front/lagrangian.py",
    "roofline": "hardware/roofline.py",
    "average precision": "evaluate/average_precision.py",
}


@pytest.mark.parametrize(("words", "place"), SOUGHT.items(), ids=SOUGHT)
def test_a_formula_is_found_by_its_name_in_the_map_of_its_package(words, place):
    package, _, file = place.rpartition("/")
    rows = [row for row in table_of(package) if words.lower() in row.lower()]

    assert file in files_in(rows)

"""The files of a bundle give the reference's integers, and a wrong one is noticed."""

from dataclasses import replace

import pytest

from autosplit.deploy.check import compare
from autosplit.deploy.manifest import read_manifest


@pytest.mark.parametrize(("name", "integers"), [("split", True), ("edge", False), ("raw", True)])
def test_every_integer_is_the_references(small, bundle, name, integers):
    plan = read_manifest(bundle).plan(name)

    found = compare(bundle, plan, small.program, small.files[name], [(small.images,)])

    assert found.samples == found.answers == len(small.images)
    assert found.different == 0
    assert (found.integers > 0) is integers
    assert found.furthest < 1e-5


def test_another_grid_is_noticed(small, bundle):
    file = small.files["raw"]
    (name,) = small.program.graph.inputs
    grid = file.activations[name]
    moved = replace(grid, scale=(grid.scale[0] * 1.1,))
    wrong = replace(file, activations={**file.activations, name: moved})

    found = compare(
        bundle, read_manifest(bundle).plan("raw"), small.program, wrong, [(small.images,)]
    )

    assert found.different > found.integers / 2
    assert "integers differ from the reference" in str(found)

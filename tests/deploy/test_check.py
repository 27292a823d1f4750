"""The files of a bundle give the reference's integers, and a wrong one is noticed."""

from dataclasses import replace

import numpy as np
import pytest
from escalations import half_sure

from autosplit.deploy.bundle import Exporter
from autosplit.deploy.check import compare, compare_escalation
from autosplit.deploy.manifest import read_manifest


@pytest.mark.parametrize(("name", "integers"), [("split", True), ("edge", False), ("raw", True)])
def test_every_integer_is_the_references(small, bundle, name, integers):
    plan = read_manifest(bundle).plan(name)

    found = compare(bundle, plan, small.program, small.files[name], [(small.images,)])

    assert found.samples == found.answers == len(small.images)
    assert found.different == 0
    assert (found.integers > 0) is integers
    assert found.furthest < 1e-5
    crossed = f"0 of {found.integers:,} integers differ from the reference"
    assert str(found).startswith(
        f"{crossed if integers else 'nothing crosses the link'}; 16 of 16 answers agree"
    )


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


@pytest.fixture(scope="module")
def unsure(small, tmp_path_factory):
    """A bundle of two escalations that send tensors and JPEG files."""
    found = half_sure(small, ("tensors", "jpeg"))
    found.folder = tmp_path_factory.mktemp("escalations") / "small"
    exporter = Exporter(small.program, small.model, "classification")
    found.plans = exporter.export(found.files, found.folder).plans
    return found


def test_both_answers_of_an_escalation_are_the_references(small, unsure):
    for plan, file in zip(unsure.plans, unsure.files, strict=True):
        batches = [(half,) for half in small.images.split(8)]
        found = compare_escalation(unsure.folder, plan, small.program, file, batches)

        assert found.samples == found.answers == 16
        assert (found.different, found.furthest < 1e-5) == (0, True)
        sizes = unsure.sizes[plan.name]
        assert found.sent_bytes == [
            size if sent else 0 for size, sent in zip(sizes, unsure.asked, strict=True)
        ]
        (width,) = {np.prod(one.shape) for one in plan.wire.tensors}
        assert found.integers == 16 * width * len(plan.wire.tensors)


def test_a_wrong_half_of_an_escalation_is_noticed(small, unsure):
    plan, files = unsure.plans[1], unsure.files[1]
    grid = files.whole.activations["c"]
    clipped = {"c": replace(grid, scale=(grid.scale[0] / 100,))}
    whole = replace(files.whole, activations={**files.whole.activations, **clipped})
    coding = replace(files.sent_on.plan.input_coding, mean=(0.2, 0.2, 0.2))
    sent_on = replace(files.sent_on, plan=replace(files.sent_on.plan, input_coding=coding))

    on_edge, in_cloud = (
        compare_escalation(
            unsure.folder, plan, small.program, replace(files, **wrong), [(small.images,)]
        )
        for wrong in ({"whole": whole}, {"sent_on": sent_on})
    )

    assert (on_edge.different, on_edge.furthest > 0.01) == (0, True)
    assert in_cloud.different > in_cloud.integers / 2

"""OpenVINO reads the edge half; its integers are the reference's but for roundings of the last bit.

OpenVINO computes with floats between the grids, and multiplies by 1 / scale where the reference
divides, so that a value near the middle between two integers may round the other way.
"""

import numpy as np
import pytest

from autosplit.deploy.manifest import read_manifest
from autosplit.halves.deployed import deploy

openvino = pytest.importorskip("openvino", reason="needs autosplit[openvino]")


@pytest.mark.parametrize("name", ["split", "edge"])
def test_integers_differ_by_one_at_most_and_seldom(small, bundle, name):
    plan = read_manifest(bundle).plan(name)
    message, answers = deploy(small.program, small.files[name]).edge([small.images])
    core = openvino.Core()
    found = core.compile_model(core.read_model(bundle / plan.edge), "CPU")(
        {"x": small.images.numpy()}
    )

    for tensor, want in message.tensors.items():
        got = found[f"sent:{tensor}"].astype(int)
        assert np.abs(got - want).max() <= 1
        assert (got != want).mean() < 0.01
    for output, want in answers.items():
        step = np.unique(np.abs(np.diff(np.unique(want.numpy())))).min()
        assert np.abs(found[output] - want.numpy()).max() <= 1.01 * step

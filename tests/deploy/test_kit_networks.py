"""The kit's networks run, are the same each time, and have layers of every family."""

import pytest
import torch

from autosplit.capture.capture import capture
from autosplit.deploy.kit_networks import NETWORKS, kit_network
from autosplit.hardware.fitted import family


@pytest.mark.parametrize("place", [0, NETWORKS - 1])
def test_a_network_is_the_same_each_time(place):
    (first, inputs), (second, again) = kit_network(place), kit_network(place)

    assert torch.equal(inputs[0], again[0])
    assert repr(first) == repr(second)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.slow
def test_the_networks_have_layers_of_every_family_and_of_no_other():
    found = {}
    for place in range(NETWORKS):
        network, inputs = kit_network(place)
        for layer in capture(network, inputs, "kit").graph.layers:
            found.setdefault(family(layer), set()).add(layer.output_shape)

    assert set(found) == {
        *("conv", "pointwise", "depthwise", "grouped", "linear", "matmul", "add", "mul", "norm"),
        *("max_pool", "avg_pool", "reduce", "resize", "cat"),
    }
    assert min(len(shapes) for shapes in found.values()) >= 5

import numpy as np
import prunable
import pytest
from prunable import EVERY, live_of

from autosplit.capture.capture import capture
from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.cost_of_channels import layer_costs, macs_of
from autosplit.compress.live import reloaded
from autosplit.compress.slicing import sliced


def graph_macs(live):
    graph = capture(reloaded(live)[1], live.example, "net").graph
    return sum(layer.macs for layer in graph.layers)


@pytest.mark.parametrize("name", ["residual", "depthwise", "grouped", "flattened", "upsampled"])
def test_macs_are_those_of_the_graph_before_and_after(name):
    live = live_of(EVERY[name]())
    channels = channel_groups(live)
    costs = layer_costs(live, channels)
    keep = prunable.half_of(channels)

    assert macs_of(costs, np.ones(len(keep), bool)) == graph_macs(live)
    assert macs_of(costs, keep) == graph_macs(sliced(live, channels, keep))


def test_the_share_of_a_unit_is_what_goes_with_it():
    live = live_of(prunable.flattened())
    channels = channel_groups(live)
    costs = layer_costs(live, channels)
    whole = np.ones(len(channels.free), bool)
    shares = np.zeros(len(whole))
    for cost in costs:
        cost.share(whole, shares)

    for unit in (channels.groups[0].units[0], channels.groups[1].units[3]):
        keep = whole.copy()
        keep[unit] = False
        assert shares[unit] == macs_of(costs, whole) - macs_of(costs, keep)

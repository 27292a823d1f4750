import prunable
import pytest
import torch
from prunable import live_of

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.scores.magnitude import magnitude_score
from autosplit.compress.scores.scores import Scored


def test_a_filter_counts_by_its_mean_magnitude_over_that_of_its_group():
    network = prunable.flattened()
    with torch.no_grad():
        network.a.weight.fill_(1)
        network.a.weight[2] = -4
    live = live_of(network)
    channels = channel_groups(live)
    (slot,) = [s for s in channels.written if s.target == "a.weight"]

    found = magnitude_score(Scored(live, channels))

    assert found[slot.label[2]] == pytest.approx(4 / 1.5)
    assert found[slot.label[0]] == pytest.approx(1 / 1.5)

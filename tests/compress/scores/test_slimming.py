import prunable
import pytest
import torch
from prunable import live_of

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.scores.scores import Scored
from autosplit.compress.scores.slimming import slimming_score
from autosplit.errors import OptionError


def test_a_channel_counts_by_the_scale_of_its_norm():
    network = prunable.plain()
    with torch.no_grad():
        network.n.weight.copy_(torch.tensor([0.5, -2, 1, 0, 3, -0.25]))
    live = live_of(network)
    channels = channel_groups(live)
    (slot,) = [s for s in channels.slots if s.target == "n.weight"]

    found = slimming_score(Scored(live, channels))

    assert found[slot.label].tolist() == [0.5, 2, 1, 0, 3, 0.25]
    (other,) = [s for s in channels.written if s.target == "a.weight"]
    assert (found[other.label] == float("inf")).all()


def test_a_network_without_norms_is_refused():
    live = live_of(prunable.flattened())

    with pytest.raises(OptionError, match="needs batch norms with scales, net has none"):
        slimming_score(Scored(live, channel_groups(live)))

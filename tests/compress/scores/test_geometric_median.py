import prunable
import torch
from prunable import live_of

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.scores.geometric_median import geometric_median_score
from autosplit.compress.scores.scores import Scored


def test_the_filter_in_the_middle_counts_least():
    network = prunable.flattened()
    with torch.no_grad():
        for place, value in enumerate((0.0, 1.0, 2.0, 10.0, -9.0, 2.0)):
            network.a.weight[place] = value
    live = live_of(network)
    channels = channel_groups(live)
    (slot,) = [s for s in channels.written if s.target == "a.weight"]

    found = geometric_median_score(Scored(live, channels))[slot.label]

    # distances of 1 along a line: 1+2+10+9+2, 1+1+9+10+1, 2+1+8+11+0, ...
    assert found.argsort(kind="stable").tolist()[:2] == [1, 2]
    assert found[0] / found[1] == 24 / 22

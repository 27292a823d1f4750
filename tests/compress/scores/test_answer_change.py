import numpy as np
import prunable
import pytest
import torch
from prunable import live_of, net
from torch import nn

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.scores.answer_change import answer_change_score
from autosplit.compress.scores.scores import Scored
from autosplit.distortion.divergence import kl_divergence


def test_it_is_the_divergence_of_answers_without_a_unit_that_varies_little():
    network = net(lambda m, x: m.b(m.a(x)), a=nn.Linear(5, 6), b=nn.Linear(6, 3))
    with torch.no_grad():
        network.b.weight.mul_(0.05)
    live = live_of(network, 64, 5)
    x = torch.randn(64, 5)
    channels = channel_groups(live)
    hidden = network.a(x).detach()
    before = network(x).detach()

    found = answer_change_score(Scored(live, channels, [(x,)]))

    (slot,) = [s for s in channels.written if s.target == "a.weight"]
    for place, unit in enumerate(slot.label):
        changed = hidden.clone()
        changed[:, place] = hidden[:, place].mean()
        expected = kl_divergence(before, network.b(changed).detach()) / 64
        assert found[unit] == pytest.approx(expected, rel=0.1)


def test_a_constant_channel_costs_nothing():
    network = prunable.flattened()
    with torch.no_grad():
        network.a.weight[1] = 0
    live = live_of(network)
    channels = channel_groups(live)

    found = answer_change_score(Scored(live, channels, [live.example]))

    (slot,) = [s for s in channels.written if s.target == "a.weight"]
    assert found[slot.label[1]] == pytest.approx(0, abs=1e-9)
    assert np.median(found[channels.free]) > 1e-6

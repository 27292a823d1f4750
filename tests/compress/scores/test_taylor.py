import prunable
import pytest
import torch
from prunable import live_of
from torch.nn.functional import cross_entropy

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.gates import GatedRun
from autosplit.compress.scores.scores import Scored
from autosplit.compress.scores.taylor import taylor_score


def test_it_is_half_the_mean_square_of_the_derivative_by_a_gate():
    live = live_of(prunable.flattened())
    channels = channel_groups(live)
    live.module.double()
    inputs = tuple(x.double() for x in live.example)
    labels = torch.tensor([1, 3])
    unit, step = channels.groups[0].units[0], 1e-3
    squares = []
    for sample in range(2):
        losses = []
        for sign in (1, -1):
            gates = torch.ones(2, len(channels.free), dtype=torch.float64)
            gates[sample, unit] += sign * step
            logits = GatedRun(live, channels, gates).run(*inputs)[0]
            losses.append(cross_entropy(logits.detach(), labels, reduction="sum").item())
        squares.append(((losses[0] - losses[1]) / (2 * step)) ** 2)

    live.module.float()
    found = taylor_score(Scored(live, channels, [live.example], [labels]))

    assert found[unit] == pytest.approx(sum(squares) / 4, rel=0.05)


def test_without_labels_the_networks_own_answers_count():
    live = live_of(prunable.flattened())
    channels = channel_groups(live)
    own = live.module(*live.example)[0].argmax(1)

    found = taylor_score(Scored(live, channels, [live.example]))

    assert (found == taylor_score(Scored(live, channels, [live.example], [own]))).all()

"""What channels and bits cost together, against networks that are pruned and captured."""

import numpy as np
import prunable
import pytest
import torch
from prunable import conv, net
from torch import nn
from torch.nn import functional as F

from autosplit.capture.capture import capture
from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.joint_costs import (
    divergence,
    fit_pruned,
    group_choices,
    joint_problem,
    ranked_groups,
)
from autosplit.compress.live import live_network, reloaded
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import sensitivity
from autosplit.errors import OptionError
from autosplit.graph.memory import edge_memory_bytes
from autosplit.search.joint import solve_joint


def forward(m, x):
    y = F.relu(m.n(m.a(x)))
    y = F.max_pool2d(F.relu(m.d(y) + y), 2)
    return m.two(F.relu(m.one(y.flatten(1))))


@pytest.fixture(scope="module")
def measured():
    network = net(
        forward,
        a=conv(3, 8, bias=False),
        n=nn.BatchNorm2d(8),
        d=conv(8, 8),
        one=nn.Linear(128, 12),
        two=nn.Linear(12, 4),
    ).eval()
    example = torch.zeros(1, 3, 8, 8)
    program = capture(network, example)
    images = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    stats = measure(program, lambda: iter([images]))
    stats = sensitivity(program, lambda: iter([images]), stats)
    live = live_network(network, example)
    channels = channel_groups(live)
    ranked = ranked_groups(channels, np.arange(len(channels.free), dtype=float))
    return program, stats, live, ranked, [(images[:16],), (images[16:],)]


def test_the_least_scored_units_of_a_group_go_first(measured):
    ranked = measured[3]
    (name, units) = next(iter(ranked.order.items()))

    keep = ranked.keep({name: 3})

    assert list(units) == sorted(units)
    assert np.flatnonzero(~keep).tolist() == list(units[: len(units) - 3])


def test_all_channels_cost_nothing_and_fewer_cost_what_is_measured(measured):
    _, _, live, ranked, batches = measured

    found = group_choices(live, ranked, batches[:1], batches[1:], (1.0, 0.5))

    assert {name: [one.kept for one in each] for name, each in found.items()} == {
        name: [len(units), len(units) // 2] for name, units in ranked.order.items()
    }
    for name, (whole, half) in found.items():
        small = fit_pruned(live, ranked, {name: half.kept}, batches[:1])
        with torch.no_grad():
            wanted, got = live.module(*batches[1])[0], small.module(*batches[1])[0]
        expected = F.kl_div(
            got.log_softmax(1), wanted.log_softmax(1), reduction="batchmean", log_target=True
        )
        assert whole.distortion == 0
        assert half.distortion == pytest.approx(float(expected), rel=1e-4, abs=1e-7)
        assert divergence(live, live, batches) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("limit", [1300, 1600, 4000])
def test_the_memory_is_that_of_the_network_that_is_pruned(measured, limit):
    program, stats, live, ranked, batches = measured
    choices = group_choices(live, ranked, batches[:1], batches[1:], (1.0, 0.5, 0.25))

    choice = solve_joint(joint_problem(program, stats, ranked, choices, limit))

    small = fit_pruned(live, ranked, choice.kept, batches)
    pruned = capture(reloaded(small)[1], small.example)
    cut = pruned.graph.prefix(len(pruned.graph.layers))
    memory = edge_memory_bytes(cut, choice.weight_bits, choice.activation_bits)
    assert choice.memory_bytes == memory <= limit


def test_channels_of_several_groups_are_refused():
    network = prunable.concatenated().eval()
    example = torch.zeros(1, 3, 8, 8)
    program, live = capture(network, example), live_network(network, example)
    channels = channel_groups(live)
    ranked = ranked_groups(channels, np.zeros(len(channels.free)))
    images = torch.randn(8, 3, 8, 8)
    stats = measure(program, lambda: iter([images]))
    stats = sensitivity(program, lambda: iter([images]), stats)

    with pytest.raises(OptionError, match="must have channels of one group"):
        joint_problem(program, stats, ranked, {}, 1000)

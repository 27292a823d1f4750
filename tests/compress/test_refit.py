import numpy as np
import prunable
import torch
from prunable import conv, live_of, net
from torch import nn

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.refit import Refit, refit
from autosplit.compress.slicing import sliced


def pruned(network, keep_of, *shape):
    live = live_of(network, *shape)
    channels = channel_groups(live)
    keep = keep_of(channels)
    small = sliced(live, channels, keep)
    torch.manual_seed(3)
    batches = [tuple(torch.randn_like(x) for x in live.example) for _ in range(4)]
    return Refit(live, small, channels, keep, batches)


def error_of(pruning):
    with torch.no_grad():
        pairs = [
            (pruning.whole.module(*inputs)[0], pruning.small.module(*inputs)[0])
            for inputs in pruning.batches
        ]
    return sum(float((a - b).square().mean()) for a, b in pairs)


def without(target, *places):
    def keep_of(channels):
        keep = np.ones(len(channels.free), bool)
        (slot,) = [s for s in channels.slots if s.target == target and s.axis == 0]
        keep[slot.label[list(places)]] = False
        return keep

    return keep_of


def test_a_channel_that_another_one_repeats_costs_nothing():
    network = net(lambda m, x: m.b(torch.relu(m.a(x))), a=conv(3, 4), b=conv(4, 2))
    with torch.no_grad():
        network.a.weight[3] = 2 * network.a.weight[1]
        network.a.bias[3] = 2 * network.a.bias[1]
    pruning = pruned(network, without("a.weight", 3))
    before = error_of(pruning)

    refit(pruning)

    assert error_of(pruning) < 1e-3 * before


def test_a_constant_channel_goes_into_the_bias():
    network = net(lambda m, x: m.b(m.a(x)), a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(4, 2, 1))
    with torch.no_grad():
        network.a.weight[0] = 0
        network.a.bias[0] = 5
    pruning = pruned(network, without("a.weight", 0))

    refit(pruning)

    expected = network.b.bias + 5 * network.b.weight[:, 0, 0, 0]
    assert torch.allclose(pruning.small.value("b.bias"), expected, atol=1e-4)


def test_a_layer_without_a_bias_gets_one_unless_a_norm_reads_it():
    network = net(
        lambda m, x: m.c(m.n(m.b(m.a(x)))),
        a=conv(3, 4, bias=False),
        b=conv(4, 4, bias=False),
        n=nn.BatchNorm2d(4),
        c=nn.Conv2d(4, 2, 1, bias=False),
    )
    pruning = pruned(network, without("a.weight", 1))

    refit(pruning)

    added = [n for n, _ in pruning.small.module.named_parameters() if n.endswith("_bias")]
    assert len(added) == 2
    assert error_of(pruning) >= 0


def test_nothing_changes_where_nothing_was_pruned():
    pruning = pruned(prunable.plain(), lambda channels: np.ones(len(channels.free), bool))

    refit(pruning)

    assert error_of(pruning) < 1e-8


def test_a_batch_norm_has_the_statistics_of_what_it_reads():
    network = net(
        lambda m, x: m.c(m.n(m.d(m.a(x)))),
        a=conv(3, 6),
        d=nn.MaxPool2d(2),
        n=nn.BatchNorm2d(6),
        c=nn.Conv2d(6, 2, 1),
    )
    pruning = pruned(network, without("a.weight", 0))
    mean = pruning.whole.value("n.running_mean")[1:].clone()

    refit(pruning)

    assert torch.allclose(pruning.small.value("n.running_mean"), mean, atol=1e-3)


def test_every_kind_of_network_answers_nearer_to_the_whole_one():
    for name in ("residual", "grouped", "depthwise", "flattened", "concatenated"):
        pruning = pruned(prunable.EVERY[name](), prunable.half_of)
        before = error_of(pruning)
        refit(pruning)
        assert error_of(pruning) < before, name

import pytest
import torch
from prunable import conv, half_of, live_of, net
from torch.nn import functional as F

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.movement_rules import CHANNEL_RULES, rule_of, slice_bounds, unknown_rule
from autosplit.compress.slicing import SLICING_ERROR, check_sliced, masked, sliced

MOVED = {
    # what a network does with 6 channels of 8 x 8 -> channels that may go afterwards
    "stack and sum": (lambda y: torch.stack([y, y * 2], 1).sum(1), 6),
    "unbind another axis": (lambda y: torch.stack(torch.unbind(y, 2), 2), 6),
    "select another axis": (lambda y: y.select(3, 0).unsqueeze(3), 6),
    "expand": (lambda y: y.mean((2, 3), keepdim=True).expand(-1, -1, 3, 3), 6),
    "flip another axis": (lambda y: y.flip(3), 6),
    "flip the channels": (lambda y: y.flip(1), 0),
    "pad": (lambda y: F.pad(y, (1, 1, 1, 1), mode="reflect"), 6),
    "pad the channels": (lambda y: F.pad(y, (0, 0, 0, 0, 0, 2))[:, :6], 0),
    "softmax over places": (lambda y: y.flatten(2).softmax(2).view_as(y), 6),
    "softmax over channels": (lambda y: y.softmax(1), 0),
    "mean of channels": (lambda y: y - y.mean(1, keepdim=True), 0),
    "gated": (lambda y: torch.cat([F.glu(y, 1)] * 2, 1), 6),
    "unshuffled": (lambda y: F.pixel_unshuffle(y, 2)[:, :6], 6),
    "permuted": (lambda y: y.permute(0, 2, 3, 1).contiguous().movedim(3, 1), 6),
    "pooled": (lambda y: F.adaptive_avg_pool2d(y, 2), 6),
    "narrow": (lambda y: torch.cat([y.narrow(1, 3, 3), y[:, :3]], 1), 6),
}


@pytest.mark.parametrize("name", MOVED)
def test_what_moves_channels_is_sliced_as_it_is_masked(name):
    change, free = MOVED[name]
    network = net(lambda m, x: m.c(change(torch.relu(m.a(x)))), a=conv(3, 6), c=conv(6, 4))
    live = live_of(network)
    channels = channel_groups(live)
    keep = half_of(channels)
    (written,) = [s for s in channels.slots if s.target == "a.weight"]

    assert check_sliced(sliced(live, channels, keep), masked(live, channels, keep)) <= SLICING_ERROR
    assert channels.free[written.label].sum() == free


def test_an_operator_without_a_rule_has_the_rule_of_the_unknown():
    assert rule_of("sort") is unknown_rule
    assert rule_of("conv2d") is CHANNEL_RULES["conv2d"]


def test_bounds_of_a_slice_count_from_the_end_too():
    live = live_of(net(lambda m, x: m.a(x)[:, -4:-1], a=conv(3, 6)))
    (node,) = [n for n in live.calls if "slice" in n.name]

    assert slice_bounds(node) == (2, 5)

"""Six prunings by name, on a network whose batch norms have scales that are written out by hand."""

import numpy as np
import pytest
import torch
from prunable import conv, live_of, net
from torch import nn
from torch.nn import functional as F

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.named_prunings import (
    NAMED,
    count_below,
    is_division,
    read_by,
    threshold_order,
)
from autosplit.compress.scores.scores import Scored
from autosplit.compress.scores.slimming import norm_scales
from autosplit.errors import OptionError
from autosplit.runs.declared.choices import PRUNING_NAMES

SCALES = {
    "f": [0.9, 0.02, 0.8, 0.7],  # read by the branch and the sum
    "g": [0.01, 0.6, 0.03, 0.5, 0.04, 0.55],  # inside the branch
    "h": [0.015, 0.95, 0.85, 0.06],  # added to f
    "u": [0.3, 0.2],  # read by an upsampling
}


def forward(m, x):
    y = F.relu(m.f(m.a(x)))
    y = y + m.h(m.c(F.relu(m.g(m.b(y)))))
    return m.e(F.interpolate(m.u(m.d(y)), scale_factor=2.0))


@pytest.fixture(scope="module")
def network():
    made = net(
        forward,
        a=conv(3, 4, bias=False),
        f=nn.BatchNorm2d(4),
        b=conv(4, 6, bias=False),
        g=nn.BatchNorm2d(6),
        c=conv(6, 4, bias=False),
        h=nn.BatchNorm2d(4),
        d=conv(4, 2, bias=False),
        u=nn.BatchNorm2d(2),
        e=conv(2, 2),
    )
    with torch.no_grad():
        for name, scales in SCALES.items():
            getattr(made, name).weight.copy_(torch.tensor(scales))
    live = live_of(made)
    channels = channel_groups(live)
    return live, channels, norm_scales(Scored(live, channels))


def kept(network, name, count, **options):
    """Places that stay: of the sum (a, c), inside the branch (b), before the upsampling (d)."""
    live, channels, scores = network
    keep = threshold_order(live, channels, name, scores, **options).keep(count)
    slots = {slot.target: slot for slot in channels.written}
    return [np.flatnonzero(keep[slots[f"{one}.weight"].label]).tolist() for one in "abd"]


EVERY = [0, 1, 2, 3]


def test_normal_keeps_sums_and_what_an_upsampling_reads(network):
    # The three least of g alone: 0.01, 0.03, 0.04.
    assert kept(network, "normal", 3) == [EVERY, [1, 3, 5], [0, 1]]


def test_shortcut_goes_by_the_first_layer_of_a_sum(network):
    # Of all 16 scales the five least are 0.01, 0.015, 0.02, 0.03 and 0.04: f prunes its second
    # channel, and what h says of its first does not count.
    assert kept(network, "shortcut", 5) == [[0, 2, 3], [1, 3, 5], [0, 1]]


def test_slim_keeps_a_joined_channel_that_one_layer_keeps(network):
    # Six below the threshold: f's second and h's first and fourth, each kept by the other layer.
    assert kept(network, "slim", 6) == [EVERY, [1, 3, 5], [0, 1]]


def test_slim_never_empties_a_layer(network):
    # All but the largest scale, 0.95 of h's second channel, lie below the threshold.
    assert kept(network, "slim", 15) == [[1], [1], [0]]


def test_regular_rounds_the_number_that_stays_up(network):
    assert kept(network, "regular", 3, multiple=4) == [EVERY, [1, 3, 4, 5], [0, 1]]
    assert kept(network, "regular", 3, multiple=2) == [EVERY, [1, 3, 4, 5], [0, 1]]
    assert kept(network, "regular", 5, multiple=2) == [EVERY, [1, 5], [0, 1]]


def test_too_high_a_share_names_the_layer_and_the_largest_share(network):
    live, channels, scores = network
    order = threshold_order(live, channels, "normal", scores)

    assert count_below(order, 0.5) == 3
    # The largest of the six scales of g stays, so that five may go: 0.8333.
    with pytest.raises(
        OptionError, match=r"sparsity too high, b.weight would keep 0 of 6 channels"
    ):
        count_below(order, 1.0)
    with pytest.raises(OptionError, match=r"at most 0\.833 is possible"):
        count_below(order, 1.0)


def test_the_least_number_of_channels_counts(network):
    live, channels, scores = network
    order = threshold_order(live, channels, "normal", scores, min_channels=3)

    assert order.most == 3
    assert kept(network, "slim", 15, min_channels=2) == [[0, 1], [1, 5], [0, 1]]


def test_what_is_divided_is_found():
    live = live_of(
        net(lambda m, x: m.b(m.a(x).chunk(2, 1)[1]), a=conv(3, 6, bias=True), b=conv(3, 2))
    )
    channels = channel_groups(live)

    found = read_by(live, channels, is_division)

    (slot,) = (slot for slot in channels.written if slot.target == "a.weight")
    assert found[slot.label].all()


def test_nothing_that_may_go_is_refused(network):
    live, channels, scores = network
    frozen = [(slot, values) for slot, values in scores if slot.target == "u.weight"]

    with pytest.raises(OptionError, match="--method normal: must have channels that may go"):
        threshold_order(live, channels, "normal", frozen)


def test_the_names_are_those_that_can_be_asked_for():
    assert ("greedy", *NAMED) == PRUNING_NAMES

import numpy as np
import prunable
import torch
from prunable import conv, live_of, net

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.walk import Walk, is_batch, shape_of


def test_a_label_along_another_axis_too_is_tied_there():
    live = live_of(prunable.plain())
    walk = Walk(live)
    label = walk.ties.fresh((1, 2, 3))
    node = next(live.calls)

    assert walk.along(label, 1, node).shape == (2,)
    assert len(set(walk.ties.units().tolist())) == 2


def test_a_single_channel_stays():
    live = live_of(net(lambda m, x: m.c(m.a(x)), a=conv(3, 1), c=conv(1, 4)))

    assert channel_groups(live).groups == ()


def test_channels_that_meet_the_input_stay():
    live = live_of(net(lambda m, x: m.c(m.a(x) + x), a=conv(3, 3), c=conv(3, 4)))

    assert "meets channels that must stay" in channel_groups(live).whole["a.weight"]


def test_shapes_have_the_batch_as_a_number():
    live = live_of(prunable.plain())
    node = next(live.calls)

    assert shape_of(node) == (2, 8, 8, 8)
    assert [is_batch(node, axis) for axis in range(4)] == [True, False, False, False]


def test_a_constant_that_scales_channels_is_sliced_with_them():
    channels = channel_groups(live_of(prunable.sloped()))
    (scale,) = [slot for slot in channels.slots if slot.target == "scale"]

    assert scale.axis == 0
    assert len(np.unique(scale.label)) == 8
    assert torch.is_tensor(live_of(prunable.sloped()).value("scale"))

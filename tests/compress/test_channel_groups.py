import numpy as np
import prunable
import pytest
import torch
from prunable import EVERY, conv, live_of, net

from autosplit.compress.channel_groups import channel_groups, kept_sizes


def units_along(channels, target, axis):
    (slot,) = [s for s in channels.slots if (s.target, s.axis) == (target, axis)]
    return slot.label.tolist()


def test_a_channel_is_written_normalized_and_read_as_one_unit():
    channels = channel_groups(live_of(prunable.plain()))

    assert units_along(channels, "a.weight", 0) == units_along(channels, "b.weight", 1)
    for name in ("n.weight", "n.bias", "n.running_mean", "n.running_var"):
        assert units_along(channels, name, 0) == units_along(channels, "c.weight", 1)
    assert len(set(units_along(channels, "a.weight", 0))) == 8


def test_what_is_added_goes_together():
    channels = channel_groups(live_of(prunable.residual()))

    assert units_along(channels, "a.weight", 0) == units_along(channels, "b.weight", 0)


def test_a_concatenation_reads_one_after_the_other_and_its_other_part_stays():
    channels = channel_groups(live_of(prunable.concatenated()))
    read = units_along(channels, "c.weight", 1)

    assert read[:6] == units_along(channels, "a.weight", 0)
    assert read[9:] == units_along(channels, "b.weight", 0)
    assert not channels.free[read[6:9]].any()


def test_a_depthwise_convolution_has_its_channels_from_what_it_reads():
    channels = channel_groups(live_of(prunable.depthwise()))

    expected = np.repeat(units_along(channels, "a.weight", 0), 2).tolist()
    assert units_along(channels, "d.weight", 0) == expected


def test_the_same_place_of_every_group_goes_together():
    channels = channel_groups(live_of(prunable.grouped()))
    written = np.array(units_along(channels, "a.weight", 0)).reshape(4, 3)

    assert (written == written[0]).all()
    assert len(set(written[0])) == 3


def test_a_flattened_map_gives_every_place_the_unit_of_its_channel():
    channels = channel_groups(live_of(prunable.flattened()))

    expected = np.repeat(units_along(channels, "a.weight", 0), 16).tolist()
    assert units_along(channels, "one.weight", 1) == expected


def test_a_pixel_shuffle_ties_the_channels_of_one_pixel():
    channels = channel_groups(live_of(prunable.pixel_shuffled()))
    written = np.array(units_along(channels, "a.weight", 0)).reshape(6, 4)

    assert (written == written[:, :1]).all()
    assert written[:, 0].tolist() == units_along(channels, "c.weight", 1)


def test_what_the_network_answers_stays_and_says_why():
    channels = channel_groups(live_of(prunable.plain()))

    assert not channels.free[units_along(channels, "c.weight", 0)].any()
    assert "is an output of the network" in channels.whole["c.weight"]


def test_attention_heads_stay_and_say_why_and_the_layer_between_them_may_go():
    channels = channel_groups(live_of(prunable.attention(), 2, 4, 3, 3))

    assert [group.targets for group in channels.groups] == [
        ("one.weight", "one.bias", "two.weight")
    ]
    assert "attention heads" in channels.whole["heads.in_proj_weight"]


def test_what_an_unknown_operator_reads_stays():
    network = net(lambda m, x: m.c(torch.sort(m.a(x), dim=1).values), a=conv(3, 8), c=conv(8, 4))

    channels = channel_groups(live_of(network))

    assert channels.groups == ()
    assert "is read by sort" in channels.whole["a.weight"]


def test_a_weight_with_another_reader_stays():
    network = net(lambda m, x: m.c(m.a(x)) * m.a.weight.sum(), a=conv(3, 8), c=conv(8, 4))

    channels = channel_groups(live_of(network))

    assert "another reader" in channels.whole["a.weight"]


def test_a_weight_that_two_layers_share_is_sliced_once_for_both():
    network = net(
        lambda m, x: m.c(m.b(torch.relu(m.b(m.a(x))))), a=conv(3, 6), b=conv(6, 6), c=conv(6, 4)
    )

    channels = channel_groups(live_of(network))

    assert units_along_all(channels, "b.weight", 0) == units_along_all(channels, "b.weight", 1)


def units_along_all(channels, target, axis):
    return {tuple(s.label) for s in channels.slots if (s.target, s.axis) == (target, axis)}


@pytest.mark.parametrize("name", EVERY)
def test_groups_hold_units_that_may_go_and_every_unit_once(name):
    channels = channel_groups(live_of(EVERY[name]()))
    units = [unit for group in channels.groups for unit in group.units]

    assert sorted(units) == np.flatnonzero(channels.free).tolist()
    assert 0 < channels.free_channels <= channels.channels


def test_sizes_count_what_is_kept_along_each_axis():
    label = np.array([[[0], [1], [2]]])

    assert kept_sizes(label, np.array([True, False, True])) == [None, 2, None]

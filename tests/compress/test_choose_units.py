import numpy as np
import prunable
import pytest
from prunable import live_of

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.choose_units import PruningOrder, first_within, pruning_order
from autosplit.compress.cost_of_channels import layer_costs
from autosplit.errors import OptionError


@pytest.fixture(scope="module")
def flattened():
    live = live_of(prunable.flattened())
    channels = channel_groups(live)
    return channels, layer_costs(live, channels)


def test_without_costs_the_least_score_goes_first(flattened):
    channels, _ = flattened
    scores = np.arange(len(channels.free), dtype=float)[::-1].copy()

    order = pruning_order(channels, (), scores)

    free = [unit for unit in np.argsort(scores) if channels.free[unit]]
    assert list(order.units[:5]) == free[:5]


def test_with_costs_what_saves_most_for_its_score_goes_first(flattened):
    channels, costs = flattened
    scores = np.ones(len(channels.free))
    taken = np.zeros(len(scores))
    for cost in costs:
        cost.share(np.ones(len(scores), bool), taken)

    order = pruning_order(channels, costs, scores)

    assert taken[order.units[0]] == taken[channels.free].max()


@pytest.mark.parametrize("least", [1, 3])
def test_every_layer_keeps_some_channels(flattened, least):
    channels, costs = flattened
    order = pruning_order(channels, costs, np.ones(len(channels.free)), least)
    keep = order.keep(len(order.units))

    assert min(keep[slot.label].sum() for slot in channels.slots) == least


def test_what_may_not_go_is_in_no_order(flattened):
    channels, costs = flattened
    scores = np.ones(len(channels.free))
    scores[channels.groups[0].units[0]] = np.inf

    order = pruning_order(channels, costs, scores)

    assert channels.groups[0].units[0] not in order.units
    assert channels.free[list(order.units)].all()


def test_the_fewest_units_that_keep_a_goal_go():
    order = PruningOrder((3, 1, 0), 4)

    keep = first_within(order, lambda keep: keep.sum() <= 2, "goal")

    assert keep.tolist() == [True, False, True, False]


def test_a_goal_out_of_reach_is_refused():
    with pytest.raises(OptionError, match="goal: cannot be reached by pruning channels, all 1"):
        first_within(PruningOrder((0,), 4), lambda keep: keep.sum() < 2, "goal")

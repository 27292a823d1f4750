"""Which units are pruned: the least score for each multiply-accumulate that is saved, first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autosplit.compress.channel_groups import ChannelUnits, Keep
from autosplit.compress.cost_of_channels import LayerCost
from autosplit.compress.scores.scores import UnitScores
from autosplit.errors import OptionError

_ROUNDS = 40
"""How often the MACs of units are counted anew on the way to none."""


@dataclass(frozen=True)
class PruningOrder:
    """Units in the order in which they are pruned.

    Attributes:
        units: Their numbers; those after the last cannot be pruned.
        size: Number of all units.
    """

    units: tuple[int, ...]
    size: int

    @property
    def most(self) -> int:
        """Number of units that can be pruned."""
        return len(self.units)

    def keep(self, count: int) -> Keep:
        """What is kept when so many units are pruned."""
        found = np.ones(self.size, bool)
        found[list(self.units[:count])] = False
        return found


def pruning_order(
    channels: ChannelUnits,
    costs: tuple[LayerCost, ...],
    scores: UnitScores,
    min_channels: int = 1,
) -> PruningOrder:
    """Order all units that may be pruned, while every layer keeps some channels.

    The order is greedy: the least score for each MAC that the unit takes of what is left then.
    Scores are added up, which is what the search does with distortions.

    Args:
        channels: Channels of the network.
        costs: MACs of its layers.
        scores: Score of each unit.
        min_channels: Channels that are left to every layer at least.
    """
    places: dict[int, list[tuple[int, int]]] = defaultdict(list)
    left = []
    for number, slot in enumerate(channels.slots):
        left.append(len(slot.label))
        for unit, count in zip(*np.unique(slot.label, return_counts=True), strict=True):
            places[int(unit)].append((number, int(count)))
    free = [u for u in range(len(channels.free)) if channels.free[u] and np.isfinite(scores[u])]
    order: list[int] = []
    keep = np.ones(len(channels.free), bool)
    each = max(len(free) // _ROUNDS, 1)
    while free:
        taken = np.zeros(len(keep))
        for cost in costs:
            cost.share(keep, taken)
        worth = scores / np.maximum(taken, 1.0)
        free.sort(key=worth.__getitem__)
        for unit in free[:each]:
            if all(left[place] - count >= min_channels for place, count in places[unit]):
                for place, count in places[unit]:
                    left[place] -= count
                keep[unit] = False
                order.append(unit)
        free = free[each:]
    return PruningOrder(tuple(order), len(keep))


class KeptByCount(Protocol):
    """What stays by how much is pruned."""

    @property
    def most(self) -> int:
        """Most that can be pruned."""

    def keep(self, count: int) -> Keep:
        """What is kept when so much is pruned."""


def first_within(order: KeptByCount, fits: Callable[[Keep], bool], goal: str) -> Keep:
    """Prune the fewest units of an order that keep a goal, found by bisection.

    Args:
        order: What stays by how much is pruned.
        fits: Whether the goal is kept; once it is, it stays so as more units are pruned.
        goal: The goal in words, for the error.

    Raises:
        OptionError: Even all units of the order are too few.
    """
    if not fits(order.keep(order.most)):
        raise OptionError(
            f"{goal}: cannot be reached by pruning channels, all {order.most} that may go "
            "are too few; ask for more, or lower --min-channels"
        )
    least, most = 0, order.most
    while least < most:
        middle = (least + most) // 2
        if fits(order.keep(middle)):
            most = middle
        else:
            least = middle + 1
    return order.keep(most)

"""Partial solutions of a multiple-choice knapsack: non-dominated (cost, distortion) pairs.

Adding a layer to a list of partial solutions joins every one with every choice of the layer and
keeps those that no other one beats in both cost and distortion (Nemhauser & Ullmann 1969).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autosplit.search.arrays import Booleans, Floats, Indices, Ints
from autosplit.search.knapsack.relaxation import Instance

MOST_STATES = 2**18
"""Partial solutions followed at a time; more take minutes."""
_MOST_HISTORY = 5 * 10**7


@dataclass(frozen=True, slots=True)
class States:
    """Partial solutions in order of rising cost and falling distortion, N of them.

    Attributes:
        spent: Cost so far beyond the cheapest choices, shape (N,).
        distortion: Distortion so far, shape (N,).
        parent: Index of the state before the last layer, shape (N,).
        option: Choice of the last layer, shape (N,).
        dropped: Cost and distortion of what was left out only to bound the work.
    """

    spent: Ints
    distortion: Floats
    parent: npt.NDArray[np.int32]
    option: npt.NDArray[np.int16]
    dropped: tuple[Ints, Floats] | None = None


def start(spent: int, distortion: float) -> States:
    """The one partial solution before any layer."""
    return States(
        np.array([spent]), np.array([distortion]), np.zeros(1, np.int32), np.zeros(1, np.int16)
    )


def share(history: Sequence[States]) -> int:
    """Partial solutions that the next layer may keep so that all of them fit in memory."""
    used = sum(len(states.spent) for states in history)
    return max(1000, min(MOST_STATES, (_MOST_HISTORY - used) // 64))


def extended(
    states: States,
    instance: Instance,
    layer: int,
    options: Indices,
    ceiling: tuple[Ints, Floats],
    share: int,
) -> States:
    """Add one layer to every partial solution; keep the non-dominated ones under the ceiling.

    Args:
        states: States of the layers before, N of them.
        instance: Where the layer's costs and distortions are.
        layer: Which layer.
        options: Choices of the layer to consider, ascending.
        ceiling: Most distortion worth following, at rising costs; beyond the last cost nothing is.
        share: Most partial solutions to keep, those that are furthest below the ceiling.
    """
    spent = (instance.cost[layer, options, None] + states.spent).ravel()
    distortion = (instance.distortion[layer, options, None] + states.distortion).ravel()
    room = np.interp(spent, *ceiling) - distortion
    room[spent == 0] = np.inf
    kept = np.flatnonzero((room >= 0) & (spent <= ceiling[0][-1]))
    kept = kept[np.argsort(spent[kept], kind="stable")]
    falling = np.ones(len(kept), dtype=np.bool_)
    falling[1:] = distortion[kept[1:]] < np.minimum.accumulate(distortion[kept])[:-1]
    kept = kept[falling]
    dropped = None
    if len(kept) > share:
        chosen = _promising(spent[kept], room[kept], share)
        dropped = spent[kept[~chosen]], distortion[kept[~chosen]]
        kept = kept[chosen]
    parent, option = kept % len(states.spent), options[kept // len(states.spent)]
    return States(
        spent[kept], distortion[kept], parent.astype(np.int32), option.astype(np.int16), dropped
    )


def _promising(spent: Ints, room: Floats, share: int) -> Booleans:
    """Mark ``share`` states at most: half by room, half as the best of equal slices of cost."""
    chosen = np.zeros(len(spent), dtype=np.bool_)
    chosen[np.argsort(-room, kind="stable")[: share // 2]] = True
    slices = share - share // 2
    place = (spent - spent[0]) * (slices / (int(spent[-1] - spent[0]) + 1.0))
    order = np.lexsort((-room, place.astype(np.int64)))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = np.diff(place.astype(np.int64)[order]) > 0
    chosen[order[first]] = True
    return chosen


def traced(history: Sequence[States], last: Indices) -> Indices:
    """Choices that led to some states of the last layer of a history.

    Args:
        history: States after each of M layers.
        last: Indices into the last of them, shape (K,).

    Returns:
        Shape (K, M).
    """
    choices = np.zeros((len(last), len(history)), dtype=np.intp)
    for layer in range(len(history) - 1, -1, -1):
        choices[:, layer] = history[layer].option[last]
        last = history[layer].parent[last].astype(np.intp)
    return choices

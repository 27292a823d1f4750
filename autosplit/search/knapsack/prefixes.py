"""Every prefix of the layers at every budget, in one pass over the layers.

The list of partial solutions after i layers serves every budget for the first i layers, and goes
on to the next layer.  What need not go on is known from the relaxations of all the later questions;
how close they come to their solutions is learnt from a first pass that follows few partial ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autosplit.search.arrays import Floats, Indices, Ints
from autosplit.search.knapsack.dynamic_programming import (
    MOST_STATES,
    States,
    extended,
    start,
    traced,
)
from autosplit.search.knapsack.relaxation import Instance, bound
from autosplit.search.tolerance import ROUNDING

_FIRST_STATES = 400
"""Partial solutions that the first pass follows."""
_MOST_CORNERS = 400
"""Corners of a hull at which the ceiling is computed; between them it is interpolated."""


@dataclass(frozen=True, slots=True)
class _Queries:
    """What is asked of every prefix, one row per number of layers, and its relaxation.

    Attributes:
        limits: Cost beyond the cheapest choices that may be spent, shape (L + 1, K).
        lower: Bound of the relaxation, shape (L + 1, K).
        prices: All prices of a unit of cost, ascending, shape (P,).
        which: Index of each query's price, shape (L + 1, K).
        floor: Sum over the layers of the least ``distortion + price * cost``, shape (L + 1, P).
    """

    limits: Ints
    lower: Floats
    prices: Floats
    which: Indices
    floor: Floats


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Solutions of all queries.

    Attributes:
        pointer: Index of the solution among the states of its prefix, shape (L + 1, K).
        upper: Distortion of the best choice found, shape (L + 1, K).
        history: States after each layer.
    """

    pointer: Indices
    upper: Floats
    history: list[States]


@dataclass(frozen=True, slots=True)
class PrefixSolutions:
    """Best choices of every prefix at every limit; a choice is traced when it is asked for.

    Attributes:
        distortion: Distortion, infinite where nothing fits, shape (L + 1, K).
        lower: Proven bound of ``distortion``, infinite where the choice is optimal, shape
            (L + 1, K).
        pointer: Index of the solution among the states of its prefix, shape (L + 1, K).
        history: States after each layer.
    """

    distortion: Floats
    lower: Floats
    pointer: Indices
    history: list[States]

    def choice(self, layers: int, limits: Indices) -> Indices:
        """Choice of each of the first layers at some limits, by their indices, (K, layers)."""
        return traced(self.history[:layers], self.pointer[layers, limits])

    def choices(self) -> Indices:
        """All choices, shape (L + 1, K, L); those of a prefix's own layers mean something."""
        count = len(self.history)
        choices = np.zeros((*self.pointer.shape, count), dtype=np.intp)
        pointer = self.pointer.copy()
        for layer in range(count, 0, -1):
            states = self.history[layer - 1]
            here = pointer[layer:]
            choices[layer:, :, layer - 1] = states.option[here]
            pointer[layer:] = states.parent[here]
        return choices


def solve_prefixes(instance: Instance, limits: Ints) -> PrefixSolutions:
    """Solve every prefix at every limit in one pass.

    Args:
        instance: Of L layers.
        limits: Budget of each prefix, shape (L + 1, K); negative where nothing fits.
    """
    queries, upper = _queries(instance, limits)
    first = _sweep(instance, queries, upper, _FIRST_STATES)
    final = _sweep(instance, queries, np.minimum(upper, first.upper), MOST_STATES)
    distortion = np.where(limits >= 0, final.upper, np.inf)
    lower = queries.lower + _missing(queries, final)
    return PrefixSolutions(distortion, lower, final.pointer, final.history)


def _queries(instance: Instance, limits: Ints) -> tuple[_Queries, Floats]:
    """Relax every query; also the distortion of the choice that the relaxation rounds down to."""
    lower, upper, price = (np.zeros(limits.shape) for _ in range(3))
    for layers in range(1, len(limits)):
        relaxed = bound(instance, np.maximum(limits[layers], 0), layers)
        lower[layers], upper[layers], price[layers] = relaxed.lower, relaxed.upper, relaxed.price
    prices, which = np.unique(price, return_inverse=True)
    floor = np.zeros((len(limits), len(prices)))
    for layer, (distortion, cost) in enumerate(
        zip(instance.distortion, instance.cost, strict=True)
    ):
        floor[layer + 1] = floor[layer] + (distortion[:, None] + cost[:, None] * prices).min(axis=0)
    return _Queries(limits, lower, prices, which.reshape(price.shape), floor), upper


def _sweep(instance: Instance, queries: _Queries, upper: Floats, most: int) -> _Sweep:
    """Enumerate partial solutions layer by layer, keeping what could be part of a better solution.

    A partial solution of i layers matters if for some prefix of at least i layers and some limit
    its excess at that query's price is within that query's gap.  For one query that is a straight
    line in the (cost, distortion) plane, for all of them the upper envelope of lines.  It is
    convex, so interpolating it between corners keeps too much, never too little.

    Args:
        instance: Instance of L layers.
        queries: What is asked of it.
        upper: Distortion of a known solution of each query, shape (L + 1, K).
        most: Partial solutions to follow.
    """
    gap = np.where(queries.limits >= 0, upper - queries.lower, -np.inf)
    reach = np.full((len(gap) + 1, len(queries.prices)), -np.inf)
    for layers in range(len(gap) - 1, 0, -1):
        np.maximum.at(reach[layers], queries.which[layers], gap[layers])
        np.maximum(reach[layers], reach[layers + 1], out=reach[layers])
    swept = _Sweep(np.zeros(gap.shape, dtype=np.intp), np.zeros(gap.shape), [])
    states = start(0, 0.0)
    for layers in range(1, len(gap)):
        limits = queries.limits[layers]
        options = np.flatnonzero(np.isfinite(instance.distortion[layers - 1]))
        lines = queries.floor[layers] * (1 + ROUNDING) + reach[layers]
        ceiling = _ceiling(_corners(instance, layers, limits), queries.prices, lines)
        states = extended(states, instance, layers - 1, options, ceiling, most)
        swept.history.append(states)
        swept.pointer[layers] = np.maximum(np.searchsorted(states.spent, limits, "right") - 1, 0)
        swept.upper[layers] = states.distortion[swept.pointer[layers]]
    return swept


def _missing(queries: _Queries, sweep: _Sweep) -> Floats:
    """Least excess of what was dropped on the way to each query; infinite where nothing was.

    Excesses do not shrink on the way, so the bound of a query plus this holds for all that a
    dropped state could have become.
    """
    least = np.full(queries.limits.shape, np.inf)
    excess = np.full(len(queries.prices), np.inf)
    for layers, states in enumerate(sweep.history, start=1):
        if states.dropped is not None:
            spent, distortion = states.dropped
            at_price = [float((distortion + price * spent).min()) for price in queries.prices]
            excess = np.minimum(excess, np.array(at_price) - queries.floor[layers])
        least[layers] = np.maximum(excess, 0.0)[queries.which[layers]]
    return least


def _corners(instance: Instance, layers: int, limits: Ints) -> Ints:
    """Costs at which the hull of the first layers has a corner, up to the greatest limit."""
    most = max(0, int(limits.max(initial=0)))
    inner = np.cumsum(instance.step_cost[instance.step_layer < layers])
    inner = inner[inner < most][:: 1 + len(inner) // _MOST_CORNERS]
    return np.concatenate([[0], inner, [most]])


def _ceiling(corners: Ints, prices: Floats, lines: Floats) -> tuple[Ints, Floats]:
    """Upper envelope of the lines ``lines - prices * cost`` at the corners."""
    used = np.isfinite(lines)
    if not used.any():
        return corners, np.full(len(corners), -np.inf)
    return corners, (lines[used] - corners[:, None] * prices[used]).max(axis=1)

"""The linear relaxation of the multiple-choice knapsack: dominance, convex hulls, and bounds.

One choice is taken per layer; costs add up and must stay within a budget; the sum of distortions
should be least.  Allowing fractions of choices turns this into a walk down the lower convex hulls
of the layers' (cost, distortion) points, steepest step first (Sinha & Zoltners 1979, section 2).
Its value bounds the true optimum from below, and the slope of the last step is the price of one
unit of cost that makes that bound (the dual variable).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autosplit.search.arrays import Booleans, Floats, Indices, Ints

_LARGEST_COST = 2**52


@dataclass(frozen=True)
class Instance:
    """One multiple-choice knapsack with its costs brought to the smallest integers.

    Attributes:
        distortion: Distortion of each choice, shape (L, B); infinite for a choice that another one
            of its layer dominates.
        cost: Cost of each choice beyond the cheapest one of its layer, in ``unit``; shape (L, B).
        base: Cheapest cost of each layer, in the units of the costs, shape (L,).
        unit: Greatest common divisor of the differences of costs, at least 1.
        start: The cheapest choice of each layer, shape (L,).
        step_layer: Layer of each step down a hull, shape (H,), steepest step first.
        step_to: Choice that the step leads to, shape (H,).
        step_cost: Cost that the step adds, in ``unit``, shape (H,).
        step_gain: Distortion that the step removes, shape (H,).
        step_price: ``step_gain / step_cost``, shape (H,), descending.
    """

    distortion: Floats
    cost: Ints
    base: Ints
    unit: int
    start: Indices
    step_layer: Indices
    step_to: Indices
    step_cost: Ints
    step_gain: Floats
    step_price: Floats


@dataclass(frozen=True)
class Bounds:
    """Relaxed optima of one instance at K limits.

    Attributes:
        steps: Steps that fit whole, shape (K,).
        price: Distortion that one more unit of cost would remove, shape (K,); 0 when all fits.
        lower: No choice within the limit has less distortion, shape (K,).
        upper: Distortion of the choice that takes those steps and no other, shape (K,).
    """

    steps: Indices
    price: Floats
    lower: Floats
    upper: Floats


def checked(distortion: npt.ArrayLike, cost: npt.ArrayLike) -> tuple[Floats, Ints]:
    """Bring distortion and cost to float64 and int64 arrays of one shape (L, B).

    Raises:
        ValueError: Shapes differ or are not (L, B), there is nothing to choose from, a value is
            negative or not finite, or a cost is not a whole number or beyond 2**52 in total.
    """
    values = np.asarray(distortion, dtype=np.float64)
    raw = np.asarray(cost)
    if values.ndim != 2 or values.shape != raw.shape:
        raise ValueError(
            f"distortion and cost: must both have shape (L, B), got {values.shape} and {raw.shape}"
        )
    if values.size == 0:
        raise ValueError(f"distortion and cost: must not be empty, got shape {values.shape}")
    for name, numbers in (("distortion", values), ("cost", raw)):
        if not np.isfinite(numbers).all():
            raise ValueError(f"{name}: must be finite, got {numbers[~np.isfinite(numbers)][0]}")
        if (numbers < 0).any():
            raise ValueError(f"{name}: must not be negative, got {numbers.min()}")
    if (raw != np.floor(raw)).any():
        raise ValueError(f"cost: must be whole numbers, got {raw[raw != np.floor(raw)][0]}")
    if float(raw.max(axis=1).sum(dtype=np.float64)) > _LARGEST_COST:
        raise ValueError(f"cost: must add up to at most 2**52, got {raw.max(axis=1).sum()}")
    return values, raw.astype(np.int64)


def relax(distortion: Floats, cost: Ints) -> Instance:
    """Drop dominated choices, and list the steps down all layers' lower hulls, steepest first.

    Equal steps keep the order of the layers.

    Args:
        distortion: Shape (L, B), finite, not negative.
        cost: Shape (L, B), not negative.
    """
    rows = np.arange(len(cost))
    base = cost.min(axis=1)
    extra = cost - base[:, None]
    unit = max(1, int(np.gcd.reduce(extra, axis=None)))
    extra //= unit
    kept = np.where(_dominated(distortion, extra), np.inf, distortion)
    start = np.argmin(np.where(np.isfinite(kept), extra, np.iinfo(np.int64).max), axis=1)
    current = start
    steps: list[tuple[Indices, Indices, Ints, Floats, Floats]] = []
    for _ in range(cost.shape[1] - 1):
        run = extra - extra[rows, current][:, None]
        drop = kept[rows, current][:, None] - kept
        price = np.where(run > 0, drop / np.maximum(run, 1), 0.0)
        steepest = price.max(axis=1)
        towards = np.where(price == steepest[:, None], run, -1).argmax(axis=1)
        moved = np.flatnonzero(steepest > 0)
        to = towards[moved]
        steps.append((moved, to, run[moved, to], drop[moved, to], steepest[moved]))
        current = np.where(steepest > 0, towards, current)
    layer, to = (np.concatenate([rows[:0], *(step[i] for step in steps)]) for i in (0, 1))
    run = np.concatenate([base[:0], *(step[2] for step in steps)])
    drop, price = (np.concatenate([kept[:0, 0], *(step[i] for step in steps)]) for i in (3, 4))
    order = np.lexsort((layer, -price))
    ordered = layer[order], to[order], run[order], drop[order], price[order]
    return Instance(kept, extra, base, unit, start, *ordered)


def bound(instance: Instance, limits: Ints, layers: int | None = None) -> Bounds:
    """Relaxed optimum of the first ``layers`` layers at each limit.

    Args:
        instance: From ``relax``.
        limits: Cost beyond ``base`` that may be spent, in ``unit``, shape (K,), not negative.
        layers: Only this many of the first layers; all of them if None.
    """
    count = len(instance.base) if layers is None else layers
    mine = np.flatnonzero(instance.step_layer < count)
    spent = np.concatenate([[0], np.cumsum(instance.step_cost[mine])])
    price = np.append(instance.step_price[mine], 0.0)
    # Summed from the last step up: distortions span many decades, and differences would lose them.
    least = instance.distortion[:count].min(axis=1).sum()
    upper = np.cumsum(np.append(instance.step_gain[mine], least)[::-1])[::-1]
    steps = np.searchsorted(spent, limits, side="right") - 1
    lower = upper[steps] - price[steps] * (limits - spent[steps])
    return Bounds(steps, price[steps], lower, upper[steps])


def _dominated(distortion: Floats, cost: Ints) -> Booleans:
    """Whether another choice of the same layer is no worse in both; of equals the first stays."""
    dominated = np.zeros(cost.shape, dtype=np.bool_)
    index = np.arange(cost.shape[1])
    for b in index:
        rival, paid = distortion[:, b : b + 1], cost[:, b : b + 1]
        no_worse = (rival <= distortion) & (paid <= cost)
        better = (rival < distortion) | (paid < cost) | (b < index)
        dominated |= no_worse & better
    return dominated

"""The Pareto set: the points, or the plans, that no other one beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autosplit.plan.plan import Plan
from autosplit.search.arrays import Floats, Indices
from autosplit.search.tolerance import ROUNDING


def pareto(points: npt.ArrayLike) -> Indices:
    """Find the points that no other point is at least as good as in both and better in one.

    Less is better.  Values that differ by rounding alone are equal: the same sum in another order
    is not another point.  Of points that are equal in both, the first one stays.

    Args:
        points: Shape (N, 2), no NaN; a point with an infinite value is never in the set.

    Returns:
        Indices of the non-dominated points in order of rising first value.

    Raises:
        ValueError: The shape is another one, or a value is NaN.

    >>> pareto([[3.0, 1.0], [1.0, 3.0], [2.0, 2.0], [2.0, 3.0], [1.0, 3.0]])
    array([1, 2, 0])
    """
    values = np.asarray(points, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(f"points: must have shape (N, 2), got {values.shape}")
    if np.isnan(values).any():
        raise ValueError("points: must not hold NaN")
    finite = np.flatnonzero(np.isfinite(values).all(axis=1))
    places = [_places(values[finite, column]) for column in (0, 1)]
    order = np.lexsort((places[1], places[0]))  # stable: of equals the first comes first
    second = places[1][order]
    falling = np.ones(len(order), dtype=np.bool_)
    falling[1:] = second[1:] < np.minimum.accumulate(second)[:-1]
    return finite[order[falling]]


def pareto_of_groups(group: Indices, first: Floats, second: Floats) -> Indices:
    """Find the points that no other point of their group beats, as ``pareto`` of each group does.

    Args:
        group: Group of each of N points, a number of at least 0, shape (N,).
        first: First value of each point, no NaN, shape (N,).
        second: Its second value.

    Returns:
        Indices by rising group, then by rising first value.

    >>> pareto_of_groups(np.array([1, 0, 1]), np.array([2.0, 9.0, 3.0]), np.array([5.0, 9.0, 5.0]))
    array([1, 0])
    """
    finite = np.flatnonzero(np.isfinite(first) & np.isfinite(second))
    places = [_places_of_groups(group[finite], one[finite]) for one in (first, second)]
    order = np.lexsort((*reversed(places), group[finite]))
    # Places of a later group are lower, so every group begins anew.
    falling = places[1][order] - group[finite][order] * (len(order) + 1)
    kept = np.ones(len(order), dtype=np.bool_)
    kept[1:] = falling[1:] < np.minimum.accumulate(falling)[:-1]
    return finite[order[kept]]


def _places_of_groups(group: Indices, values: Floats) -> Indices:
    """Place of each value among those of its group, as ``_places``, shape (N,)."""
    order = np.lexsort((values, group))
    rising, of = values[order], group[order]
    apart = (np.diff(rising) > ROUNDING * np.abs(rising[1:])) & (np.diff(of) == 0)
    ranks = np.concatenate([[0], np.cumsum(apart)])[: len(values)]
    places = np.zeros(len(values), dtype=np.intp)
    places[order] = ranks
    return places


def _places(values: Floats) -> Indices:
    """Place of each value among all, from 0; values that differ by rounding alone share one."""
    order = np.argsort(values, kind="stable")
    rising = values[order]
    apart = np.diff(rising) > ROUNDING * np.abs(rising[1:])
    places = np.zeros(len(values), dtype=np.intp)
    places[order] = np.concatenate([[0], np.cumsum(apart)])[: len(values)]
    return places


def unbeaten(plans: Sequence[Plan]) -> list[Plan]:
    """Plans that ``front_over`` keeps over some link, as ordered.

    Args:
        plans: Plans with predictions for the same links.
    """
    kept: set[int] = set()
    for link in plans[0].predictions if plans else ():
        kept |= set(front_over(plans, link).tolist())
    return [plans[i] for i in sorted(kept)]


def front_over(plans: Sequence[Plan], link: str) -> Indices:
    """Find the front over a link: plans that none beats in both latency and distortion.

    A plan that sends a JPEG file beats only others of its kind, as a JPEG file may lose more
    accuracy than a quantized tensor of more distortion; a plan of tensors beats any.

    Args:
        plans: Plans with predictions for the link.
        link: Name of the link.

    Returns:
        Indices in order of rising latency.
    """
    points = latency_and_distortion(plans, link)
    tensors = np.flatnonzero([plan.input_coding is None for plan in plans])
    kept = np.union1d(pareto(points), tensors[pareto(points[tensors])]).astype(np.intp)
    return kept[np.argsort(points[kept, 0], kind="stable")]


def latency_and_distortion(plans: Sequence[Plan], link: str) -> Floats:
    """Seconds over a link and distortion of N plans, shape (N, 2)."""
    points = [(plan.predictions[link].latency_s, plan.distortion) for plan in plans]
    return np.array(points, dtype=np.float64).reshape(-1, 2)

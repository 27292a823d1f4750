"""The Pareto set: the points, or the plans, that no other one beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autosplit.plan.plan import Plan


def pareto(points: npt.ArrayLike) -> npt.NDArray[np.intp]:
    """Find the points that no other point is at least as good as in both and better in one.

    Less is better.  Of points that are equal in both, the first one stays.

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
    order = np.lexsort((values[:, 1], values[:, 0]))  # stable: of equals the first comes first
    order = order[np.isfinite(values[order]).all(axis=1)]
    second = values[order, 1]
    falling = np.ones(len(order), dtype=np.bool_)
    falling[1:] = second[1:] < np.minimum.accumulate(second)[:-1]
    return order[falling]


def unbeaten(plans: Sequence[Plan]) -> list[Plan]:
    """Plans that no other one beats in both latency and distortion over some link, as ordered.

    Args:
        plans: Plans with predictions for the same links.
    """
    kept: set[int] = set()
    for link in plans[0].predictions if plans else ():
        points = [(plan.predictions[link].latency_s, plan.distortion) for plan in plans]
        kept |= set(pareto(points).tolist())
    return [plans[i] for i in sorted(kept)]

"""A long front, thinned to few of its plans: its ends, the rivals of baselines, and between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autosplit.plan.plan import Plan
from autosplit.search.arrays import Floats
from autosplit.search.pareto import front_over
from autosplit.search.tolerance import LIMIT_ROUNDING, keeps


def thin(ours: Sequence[Plan], others: Sequence[Plan], most: int | None) -> list[Plan]:
    """Keep some of the plans of a front, so that they can all be written, timed and measured.

    Of each link's front the plans of tensors nearest to ``most`` places are kept that are evenly
    spaced along them, latency and distortion both on logarithmic scales, and so are the plans that
    send a JPEG file; beside these, whatever of each kind is the fastest with no more distortion
    than some other method's plan.

    Args:
        ours: Plans with predictions for the same links.
        others: Plans of other methods; they are only looked at.
        most: Places per link and kind, at least 2; None keeps all.

    Returns:
        Those kept, in their order.
    """
    if most is None or not ours:
        return list(ours)
    kept: set[int] = set()
    distortion = np.array([plan.distortion for plan in ours])
    pictures = np.array([plan.input_coding is not None for plan in ours])
    for link in ours[0].predictions:
        seconds = np.array([plan.predictions[link].latency_s for plan in ours])
        whole = front_over(ours, link)
        for front in (whole[~pictures[whole]], whole[pictures[whole]]):
            kept |= {int(front[i]) for i in _spread(seconds[front], distortion[front], most)}
            for plan in others:
                rivals = front[keeps(distortion[front], plan.distortion)]
                kept |= {int(i) for i in rivals[:1]}
    return [ours[i] for i in sorted(kept)]


def _spread(seconds: Floats, distortion: Floats, most: int) -> set[int]:
    """Places on a front (N,), by rising latency, near evenly spaced ones along it."""
    if not len(seconds):
        return set()
    steps = np.zeros(len(seconds))
    for values in (seconds, distortion):
        logs = np.log(np.maximum(values, np.finfo(float).tiny))
        steps[1:] += np.abs(np.diff(logs)) / max(float(np.ptp(logs)), LIMIT_ROUNDING)
    along = np.cumsum(steps)
    wanted = np.linspace(0, along[-1], most)
    return {int(i) for i in np.abs(along[:, None] - wanted).argmin(axis=0)}

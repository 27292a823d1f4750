"""What is asked: the fastest plan, or the one of least distortion, within limits, over one link."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from autosplit.errors import DataError, PlanError, did_you_mean
from autosplit.graph.graph import Cut
from autosplit.hardware.link import Link
from autosplit.search.arrays import Floats
from autosplit.search.problem import Problem
from autosplit.search.questions.energy import check_energy
from autosplit.search.questions.limits import WidthLimits, keeps_width_limits
from autosplit.search.questions.orders import LayerOrder
from autosplit.search.tolerance import keeps
from autosplit.search.widths.pool import Pool


@dataclass(frozen=True)
class Question:
    """One question about plans.

    Attributes:
        problem: The problem, its memory limit included.
        link: Name of one of its links.
        cuts: Cuts to consider; all prefixes if None.
        limits: Limits on mean widths, bit operations and energy.
        max_distortion: Most distortion; infinite: not limited.
        max_latency_s: Most seconds; infinite: not limited.
        by_distortion: Whether the distortion is to be small; else the latency.

    Raises:
        DataError: A limit is not a number.
        PlanError: The link is unknown.
        ProfileError: The energy is limited, and the profiles do not say it.
    """

    problem: Problem
    link: str
    cuts: Sequence[Cut] | None = None
    limits: WidthLimits = field(default_factory=WidthLimits)
    max_distortion: float = math.inf
    max_latency_s: float = math.inf
    by_distortion: bool = False

    def __post_init__(self) -> None:
        for name in ("max_distortion", "max_latency_s"):
            if math.isnan(getattr(self, name)):
                raise DataError(f"{name}: must be a number, got nan")
        link = find_link(self.problem, self.link)
        if self.limits.energy_j is not None:
            check_energy(self.problem.edge, link)

    def values(self, order: LayerOrder, pool: Pool) -> Floats:
        """What is to be small, infinite where a limit beside memory is passed, shape (M,)."""
        latency_s = order.latency_s(pool)
        fits = np.isin(pool.lengths, order.lengths)
        fits &= keeps(pool.distortion, self.max_distortion)
        fits &= keeps(latency_s, self.max_latency_s)
        fits &= keeps_width_limits(order.costs, pool, self.limits)
        values: Floats = np.where(
            fits, pool.distortion if self.by_distortion else latency_s, np.inf
        )
        return values

    def best_of(self, order: LayerOrder) -> tuple[int, float]:
        """Best candidate and its value; of equals that with less of the other, then the first."""
        values = self.values(order, order.pool)
        other = order.latency_s(order.pool) if self.by_distortion else order.pool.distortion
        m = int(np.lexsort((other, values))[0])
        return m, float(values[m])

    def floor(self, order: LayerOrder, length: int) -> float:
        """Bound what is to be small from below for one cut; infinite if a limit is passed."""
        distortion, seconds = order.relaxed(length)
        if keeps(distortion, self.max_distortion) and keeps(seconds, self.max_latency_s):
            return distortion if self.by_distortion else seconds
        return math.inf


def find_link(problem: Problem, name: str) -> Link:
    """The link of a problem with a name.

    Raises:
        PlanError: There is none.
    """
    if name not in problem.links:
        raise PlanError(f"link: unknown link {name!r}{did_you_mean(name, problem.links)}")
    return problem.links[name]

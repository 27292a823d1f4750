"""Limits beside memory on plans: average bits, bit operations, energy, latency, distortion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from autosplit.errors import InfeasibleError, UnsolvedError
from autosplit.graph.bit_counts import bit_operations, mean_activation_bits, mean_weight_bits
from autosplit.graph.graph import Cut
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.search.front.front import OURS
from autosplit.search.problem import Problem
from autosplit.search.questions.limits import WidthLimits
from autosplit.search.questions.questions import (
    ProvenPlan,
    least_distortion,
    least_latency,
)
from autosplit.search.tolerance import keeps, told_apart

LIMIT_PREFIX = "limit-"
"""What the names of plans that keep the limits over a link begin with."""


@dataclass(frozen=True)
class PlanLimits:
    """What plans must keep beside the memory limit.

    Attributes:
        limits: Average bits and bit operations of the edge half, and its energy.
        max_latency_s: Most seconds from the input to the answer, over at least one link; the energy
            is limited over the same link.
        max_distortion: Most distortion.
        cuts: Cuts that the plans may take; None: prefixes of the layers' order.
    """

    limits: WidthLimits
    max_latency_s: float = math.inf
    max_distortion: float = math.inf
    cuts: Sequence[Cut] | None = None

    @property
    def any(self) -> bool:
        """Whether there is any limit."""
        return (
            self.limits.any
            or math.isfinite(self.max_latency_s)
            or math.isfinite(self.max_distortion)
        )


def limited(problem: Problem, plans: Sequence[Plan], targets: PlanLimits) -> list[Plan]:
    """Keep the plans within some limits, and add our best one within them for each link.

    That one is the fastest if the distortion is limited, else the one of least distortion.

    Args:
        problem: The problem.
        plans: Plans of any methods.
        targets: The limits.

    Returns:
        First ours for each link, named ``limit`` and the link, then those kept.

    Raises:
        InfeasibleError: No plan keeps the limits over any link; says the least possible.
        UnsolvedError: No plan was found over any link, and it is not proven that there is none.
    """
    if not targets.any:
        return list(plans)
    found, refused = [], []
    for link in sorted(problem.links):
        try:
            proven = _best(problem, link, targets)
        except (InfeasibleError, UnsolvedError) as error:
            refused.append(error)
            continue
        found.append(replace(proven.plan, name=f"{LIMIT_PREFIX}{link}", method=OURS))
    if not found:
        if targets.limits.energy_j is not None:
            raise type(refused[0])(f"{refused[0]}{_least_energy(plans)}")
        raise refused[0]
    return [*found, *(plan for plan in plans if within_limits(problem, plan, targets))]


def _best(problem: Problem, link: str, targets: PlanLimits) -> ProvenPlan:
    """The fastest plan if the distortion is limited, else the one of least distortion.

    Raises:
        InfeasibleError: No plan keeps the limits; says the least possible.
        UnsolvedError: No plan was found, and it is not proven that there is none.
    """
    most, most_s = targets.max_distortion, targets.max_latency_s
    if not math.isfinite(most):
        return least_distortion(problem, link, most_s, cuts=targets.cuts, limits=targets.limits)
    proven = least_latency(problem, link, most, cuts=targets.cuts, limits=targets.limits)
    if not keeps(proven.value, most_s):
        if keeps(proven.lower_bound, most_s):
            raise UnsolvedError(
                f"latency over {link}: no plan with at most {1e3 * most_s:g} ms and a distortion "
                f"of at most {most:g} was found, and it is not proven that there is none; allow "
                "more"
            )
        least_text, limit_text = told_apart(1e3 * proven.lower_bound, 1e3 * most_s)
        raise InfeasibleError(
            f"latency over {link}: the least possible with a distortion of at most {most:g} is "
            f"{least_text} ms, the limit is {limit_text} ms"
        )
    return proven


def within_limits(problem: Problem, plan: Plan, targets: PlanLimits) -> bool:
    """Whether a plan keeps the limits, by what its widths cost and not by any model of it."""
    cut, limits = problem.graph.cut(plan.edge), targets.limits
    pairs = (
        (limits.weight_bits, mean_weight_bits(cut, plan.weight_bits) or 0.0),
        (limits.activation_bits, mean_activation_bits(cut, plan.activation_bits) or 0.0),
        (limits.bops, bit_operations(cut, plan.weight_bits, plan.activation_bits)),
        (targets.max_distortion, plan.distortion),
    )
    return all(most is None or keeps(value, most) for most, value in pairs) and any(
        keeps(one.latency_s, targets.max_latency_s) and keeps_energy(one, limits.energy_j)
        for one in plan.predictions.values()
    )


def keeps_energy(prediction: Prediction, most: float | None) -> bool:
    """Whether a plan is known to keep a limit on its energy over a link; None: no limit."""
    if most is None:
        return True
    return prediction.energy_j is not None and keeps(prediction.energy_j, most)


def _least_energy(plans: Sequence[Plan]) -> str:
    """The least energy that plans of the search have over any link, in words."""
    every = [one.energy_j for plan in plans for one in plan.predictions.values()]
    known = [joules for joules in every if joules is not None]
    return f"; the least energy of the plans found is {1e3 * min(known):.6g} mJ" if known else ""

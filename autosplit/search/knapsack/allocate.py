"""Widths under a budget: the multiple-choice knapsack, solved to proven optimality.

Each of L layers takes one of B choices; costs add up and must stay within the budget; the sum of
distortions is least.  The linear relaxation (``relaxation``) prices a unit of cost and bounds the
optimum from below.  Against that price every choice has an *excess* over its layer's best one, and
excesses add up, so a choice, or a partial solution, whose excess passes the gap between the bound
and the best solution known can be no part of a better one (reduced-cost fixing: Dyer, Kayal &
Walker 1984).  What is left is enumerated as non-dominated (cost, distortion) pairs, one layer after
the other (Nemhauser & Ullmann 1969), beginning with the layers that are hardest to decide, the core
(Pisinger 1995).

"Proven" means proven up to rounding: sums of float64 are trusted to ``rounding.ROUNDING``.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autosplit.errors import InfeasibleError
from autosplit.search.arrays import Floats, Indices, Ints
from autosplit.search.knapsack.dynamic_programming import States, extended, share, start, traced
from autosplit.search.knapsack.prefixes import PrefixSolutions, solve_prefixes
from autosplit.search.knapsack.relaxation import Instance, bound, checked, relax
from autosplit.search.tolerance import ROUNDING

_POLISHES = 64


@dataclass(frozen=True, slots=True)
class Allocation:
    """One choice per layer.

    Attributes:
        choice: Index of the choice of each layer, shape (L,).
        distortion: Sum over the layers.
        cost: Sum over the layers, within the budget.
        lower_bound: No choice within the budget has less distortion.
        gap: ``(distortion - lower_bound) / distortion``; 0 when the choice is proven optimal.
    """

    choice: Indices
    distortion: float
    cost: int
    lower_bound: float
    gap: float


def allocate(distortion: npt.ArrayLike, cost: npt.ArrayLike, budget: int) -> Allocation:
    """Take one choice per layer so that the costs fit the budget and the distortion is least.

    Ties are broken the same way every time.  Should an instance need more partial solutions than
    memory allows, the best ones are followed and the gap says what is not proven.

    Args:
        distortion: Distortion of each choice, shape (L, B), finite, not negative, in any order.
        cost: Cost of each choice, shape (L, B), whole numbers, not negative.
        budget: Most that the costs may add up to.

    Raises:
        InfeasibleError: Even the cheapest choices cost more than the budget.
        ValueError: The arrays are not as said above.

    >>> allocate([[9.0, 4.0, 1.0], [5.0, 3.0, 0.0]], [[2, 4, 8], [1, 2, 4]], 8).choice
    array([1, 2])
    """
    distortions, costs = checked(distortion, cost)
    budget = operator.index(budget)
    instance = relax(distortions, costs)
    need = int(instance.base.sum())
    if need > budget:
        raise InfeasibleError(f"the cheapest of all choices cost {need}, the budget is {budget}")
    limit = (min(budget, int(costs.max(axis=1).sum())) - need) // instance.unit
    choice, lower_bound = _solve(instance, limit)
    return next(_allocations(distortions, costs, choice[None], np.array([lower_bound])))


def allocate_all(
    distortion: npt.ArrayLike, cost: npt.ArrayLike, budgets: Sequence[int]
) -> list[list[Allocation | None]]:
    """Solve ``allocate`` for the first 0, 1, ... L layers and for each budget, in one pass.

    Args:
        distortion: Distortion of each choice, shape (L, B), finite, not negative, in any order.
        cost: Cost of each choice, shape (L, B), whole numbers, not negative.
        budgets: Most that the costs may add up to, K of them, in any order.

    Returns:
        L + 1 lists, one per number of first layers, of K allocations each, in the order of
        ``budgets``; None where even the cheapest choices cost more than the budget.

    Raises:
        ValueError: The arrays are not as said above.

    >>> both = allocate_all([[9.0, 4.0], [5.0, 0.0]], [[2, 4], [1, 4]], [2, 6])
    >>> [[found and found.distortion for found in row] for row in both]
    [[0.0, 0.0], [9.0, 4.0], [None, 9.0]]
    """
    distortions, costs = checked(distortion, cost)
    found_all = best_prefixes(distortions, costs, budgets)
    choices = found_all.choices()
    solved = []
    for layers, fits in enumerate(np.isfinite(found_all.distortion).tolist()):
        chosen, lower = choices[layers, :, :layers], found_all.lower[layers]
        found = _allocations(distortions[:layers], costs[:layers], chosen, lower)
        solved.append([one if good else None for one, good in zip(found, fits, strict=True)])
    return solved


def best_prefixes(
    distortion: npt.ArrayLike, cost: npt.ArrayLike, budgets: Sequence[int]
) -> PrefixSolutions:
    """Solve as ``allocate_all``, with a choice traced when it is asked for: it takes less memory.

    Raises:
        ValueError: The arrays are not as said above.
    """
    distortions, costs = checked(distortion, cost)
    wanted = np.array([operator.index(budget) for budget in budgets], dtype=np.int64)
    instance = relax(distortions, costs)
    needs = np.concatenate([[0], np.cumsum(instance.base)])
    limits = (wanted[None, :] - needs[:, None]) // instance.unit  # (L + 1, K)
    return solve_prefixes(instance, limits)


def _allocations(
    distortions: Floats, costs: Ints, choices: Indices, lower: Floats
) -> Iterator[Allocation]:
    """Add up K choices of L layers, shape (K, L); ``lower`` may be infinite: proven optimal."""
    rows = np.arange(len(costs))
    distortion = distortions[rows, choices].sum(axis=1)
    lower = np.minimum(lower, distortion)
    gap = (distortion - lower) / np.where(distortion > 0, distortion, 1.0)
    sums = (distortion, costs[rows, choices].sum(axis=1), lower, gap)
    return map(Allocation, choices, *(values.tolist() for values in sums))


def _solve(instance: Instance, limit: int) -> tuple[Indices, float]:
    """Best choice within a limit, and a proven bound; infinite when the choice is optimal."""
    relaxed = bound(instance, np.array([limit]))
    lower, price = float(relaxed.lower[0]), float(relaxed.price[0])
    broken = instance.start.copy()
    steps = slice(int(relaxed.steps[0]))
    broken[instance.step_layer[steps]] = instance.step_to[steps]  # of a layer's, the last stays
    best = _polished(instance, broken, limit)
    rows = np.arange(len(best))
    upper = float(instance.distortion[rows, best].sum())
    slack = ROUNDING * (upper + price * limit)

    reduced = instance.distortion + price * instance.cost
    least = reduced.min(axis=1)
    excess = reduced - least[:, None]
    excess[rows, broken] = np.inf
    second = excess.min(axis=1)
    excess[rows, broken] = 0.0
    order = np.argsort(second, kind="stable")
    broken_cost, broken_distortion = instance.cost[rows, broken], instance.distortion[rows, broken]
    # What the layers not yet enumerated add, when they keep the choice of the relaxation.
    rest_cost = np.append(np.cumsum(broken_cost[order][::-1])[::-1], 0)
    rest_distortion = np.append(np.cumsum(broken_distortion[order][::-1])[::-1], 0.0)

    states, found, dropped, floor = start(0, 0.0), None, np.inf, 0.0
    history: list[States] = []
    for done, row in enumerate(order.tolist(), start=1):
        gap = upper - lower - slack
        if second[row] >= gap:
            break
        floor += least[row]
        ceiling = np.array([0, limit]), floor + gap - price * np.array([0.0, limit])
        options = np.flatnonzero(excess[row] < gap)
        states = extended(states, instance, row, options, ceiling, share(history))
        if states.dropped is not None:
            spent, distortion = states.dropped
            dropped = min(dropped, float((distortion + price * spent).min()) - floor)
        history.append(states)
        if not states.spent.size:
            break
        last = int(np.searchsorted(states.spent, limit - rest_cost[done], side="right")) - 1
        if last >= 0 and states.distortion[last] + rest_distortion[done] < upper:
            upper, found = float(states.distortion[last] + rest_distortion[done]), (done, last)
    if found:
        best = broken.copy()
        best[order[: found[0]]] = traced(history[: found[0]], np.array([found[1]]))[0]
    return best, lower + dropped if dropped < upper - lower - slack else np.inf


def _polished(instance: Instance, choice: Indices, limit: int) -> Indices:
    """Take the one change that helps most and fits, again and again; never worse than before."""
    choice = choice.copy()
    rows = np.arange(len(choice))
    for _ in range(_POLISHES):
        room = limit - int(instance.cost[rows, choice].sum())
        rise = instance.cost - instance.cost[rows, choice][:, None]
        gain = instance.distortion[rows, choice][:, None] - instance.distortion
        gain[rise > room] = 0.0
        layer, option = divmod(int(gain.argmax()), gain.shape[1])
        if gain[layer, option] <= 0:
            break
        choice[layer] = option
    return choice

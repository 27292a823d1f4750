"""The best choice of one cut below a known value: programs, and what cuts off their rounding.

A solution of HiGHS may pass a limit by its tolerances.  It is then cut off by an inequality that
holds for everything that keeps the limits (a cover inequality, Crowder, Johnson & Padberg 1983, or
one against this choice alone), and the program is solved again; so the bound stays one.
"""

from __future__ import annotations

import math

import numpy as np

from autosplit.search.arrays import Booleans
from autosplit.search.questions.highs import solve_milp
from autosplit.search.questions.limits import width_limit_rows
from autosplit.search.questions.milp import Inequality, MilpModel, build_milp
from autosplit.search.questions.orders import LayerOrder
from autosplit.search.questions.question import Question
from autosplit.search.tolerance import ROUNDING, loosened
from autosplit.search.widths.pool import Picked, Pool

_SOLVES = 12
"""Programs of one cut at most; each cuts off what rounding let through."""
_SAME_SIZE = 1e-3
"""A solution below this part of the known value is sought again, as the scale was too coarse."""


def solve_cut(
    question: Question, order: LayerOrder, length: int, known: float
) -> tuple[Pool | None, float]:
    """Find the best of one cut below a known value.

    Args:
        question: What is asked.
        order: The order of the layers in which the cut is a prefix.
        length: Layers on the edge.
        known: What is at least this is not wanted.

    Returns:
        The choice found, None without one, and a bound of all choices of this cut: ``known`` if
        it is proven that none is below it.
    """
    found, lower = _below(question, order, length, known)
    while found is not None:
        value = float(question.values(order, found)[0])
        if value >= known * _SAME_SIZE and math.isfinite(known):
            break
        known = value
        better, lower = _below(question, order, length, known)
        if better is None:
            break
        found = better
    return found, lower


def _below(
    question: Question, order: LayerOrder, length: int, known: float
) -> tuple[Pool | None, float]:
    """As ``solve_cut``, as well as the size of the known value lets HiGHS see."""
    costs = order.costs
    model = build_milp(costs, length, order.byte_s)
    away = float(order.away_s[length]) + length * costs.problem.edge.dispatch_s
    most = loosened(question.max_distortion) - costs.input_distortion
    rows = width_limit_rows(model, question.limits)
    if math.isfinite(question.max_latency_s):
        rows.append((model.seconds, loosened(question.max_latency_s) - away))
    if question.by_distortion:
        offset, objective = costs.input_distortion, model.distortion
        allowed = min(most, known - offset)
    else:
        offset, objective, allowed = away, model.seconds, most
    if math.isfinite(most):
        rows.append((model.distortion, most))
    banned = too_much(model, allowed)
    limits, lower, proving = list(rows), 0.0, True
    if costs.problem.limit_bytes is not None:
        limits.append((model.memory, float(costs.problem.limit_bytes)))
    for attempt in range(_SOLVES):
        solution = solve_milp(model, objective, rows, known - offset, banned)
        lower = max(lower, solution.lower + offset) if proving else lower
        if solution.picked is None:
            return None, lower
        pool = costs.pool([solution.picked])
        kept = costs.fitting(solution.picked) if length else solution.picked
        if len(kept.lengths) and math.isfinite(question.values(order, pool)[0]):
            return pool, lower
        rows.append(cover(model, solution.picked, most))
        if attempt >= _SOLVES // 2:  # from here on what is found no longer proves anything
            tighter = [(terms, room - 1e-6 * 2**attempt * abs(room)) for terms, room in limits]
            proving, rows = False, [*rows, *tighter]
    return None, lower


def too_much(model: MilpModel, most: float) -> Booleans:
    """Choices that alone bring more distortion than allowed, everything else at its best.

    Args:
        model: Model of one cut.
        most: Most distortion, without that of the network's inputs.

    Returns:
        Whether each choice is ruled out, shape (choices,).
    """
    distortion = model.by_tensor()
    least = distortion.min(axis=1)
    extra = distortion - least[:, None]
    room = loosened(max(most - float(least.sum()), 0.0))
    banned: Booleans = extra.ravel() > room
    return banned


def cover(model: MilpModel, picked: Picked, most: float) -> Inequality:
    """An inequality that a choice breaks, and nothing that keeps the limits does.

    If it has too much distortion, some of its choices cannot all be that bad; if it passes another
    limit, it cannot be taken as a whole.

    Args:
        model: Model of one cut.
        picked: The choice.
        most: Most distortion, without that of the network's inputs.
    """
    distortion, chosen = model.by_tensor(), model.chosen(picked)
    rows = np.arange(len(distortion))
    least = distortion.min(axis=1)
    extra = distortion[rows, chosen] - least
    order = np.argsort(-extra, kind="stable")
    over = np.flatnonzero(least.sum() + np.cumsum(extra[order]) > most * (1 + ROUNDING))
    if len(over):
        guilty = order[: over[0] + 1]
        worse = distortion[guilty] >= distortion[guilty, chosen[guilty]][:, None]
        row, b = np.nonzero(worse)
        terms = dict.fromkeys((guilty[row] * model.widths + b).tolist(), 1.0)
        return terms, len(guilty) - 1.0
    return dict.fromkeys((rows * model.widths + chosen).tolist(), 1.0), len(rows) - 1.0

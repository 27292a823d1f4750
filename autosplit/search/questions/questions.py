"""Cut, widths and latency decided together: three questions, each with a proof.

- ``least_latency``: the fastest plan with at most so much distortion;
- ``least_distortion``: the plan of least distortion with at most so much latency;
- ``front``: every plan that no other one beats in both.

Small problems are enumerated (``front.enumerate``).  Of larger ones, cuts whose bound cannot beat
the best plan known are left out, and the others are solved as mixed-integer programs
(``cutting_planes``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from autosplit.errors import InfeasibleError, UnsolvedError
from autosplit.graph.graph import Cut
from autosplit.plan.plan import Plan
from autosplit.search.cost import make_plan
from autosplit.search.cuts.ideals import orders, reordered
from autosplit.search.front.front import OURS, integer_front
from autosplit.search.pareto import latency_and_distortion, pareto
from autosplit.search.problem import Problem
from autosplit.search.questions.cutting_planes import solve_cut
from autosplit.search.questions.limits import WidthLimits
from autosplit.search.questions.orders import LayerOrder, layer_orders
from autosplit.search.questions.question import Question, find_link
from autosplit.search.tolerance import LIMIT_ROUNDING, keeps, proves, told_apart
from autosplit.search.widths.pool import Pool


@dataclass(frozen=True)
class ProvenPlan:
    """A plan and what is proven about it.

    Attributes:
        plan: The best plan found.
        value: What was to be small: its seconds, or its distortion.
        lower_bound: No plan over the cuts considered that keeps the limits has less.
        gap: ``(value - lower_bound) / value``; 0 when the plan is proven optimal.
    """

    plan: Plan
    value: float
    lower_bound: float
    gap: float


def least_latency(
    problem: Problem,
    link: str,
    max_distortion: float = math.inf,
    *,
    cuts: Sequence[Cut] | None = None,
    limits: WidthLimits | None = None,
) -> ProvenPlan:
    """Find the fastest plan with at most so much distortion.

    Args:
        problem: The problem, its memory limit included.
        link: Name of one of its links.
        max_distortion: Most distortion; kept up to ``rounding.LIMIT_ROUNDING`` of it.
        cuts: Cuts to consider; all prefixes if None.
        limits: Limits beside memory; none if None.

    Raises:
        DataError: A limit is not a number.
        InfeasibleError: No plan keeps the limits; says the least possible.
        PlanError: The link is unknown.
        UnsolvedError: No plan was found, and it is not proven that there is none.
    """
    return _solved(Question(problem, link, cuts, limits or WidthLimits(), max_distortion))


def least_distortion(
    problem: Problem,
    link: str,
    max_latency_s: float = math.inf,
    *,
    cuts: Sequence[Cut] | None = None,
    limits: WidthLimits | None = None,
) -> ProvenPlan:
    """Find the plan of least distortion with at most so much latency.

    Args and errors are those of ``least_latency``, but for ``max_latency_s``: most seconds, kept up
    to ``rounding.LIMIT_ROUNDING`` of it.
    """
    limits = limits or WidthLimits()
    question = Question(problem, link, cuts, limits, math.inf, max_latency_s, by_distortion=True)
    return _solved(question)


def front(problem: Problem, link: str, *, cuts: Sequence[Cut] | None = None) -> list[ProvenPlan]:
    """Find the plans that no other one beats in both latency and distortion, fastest first.

    The value of a plan here is its distortion; the bound is that of plans with the same cut that
    send no more bytes and compute for no longer.  Where every plan has gap 0 and the problem is
    small enough to be enumerated, the front is complete.
    """
    one = replace(problem, links={link: find_link(problem, link)})
    every = []
    for graph, lengths in orders(problem.graph, cuts):
        allowed = [n for n in lengths if problem.allows(graph.prefix(n).edge)]
        for plan in integer_front(reordered(one, graph), allowed):
            bits = plan.weight_bits, plan.activation_bits
            every.append(_own_plan(problem, plan.edge, *bits, plan.name, plan.lower_bound))
    every.sort(key=lambda plan: (plan.predictions[link].latency_s, plan.distortion, plan.name))
    kept = [every[i] for i in pareto(latency_and_distortion(every, link))]
    return [ProvenPlan(p, p.distortion, p.lower_bound, p.optimality_gap) for p in kept]


@dataclass(frozen=True)
class _Best:
    """The best candidate known of one order: which of a pool, and its value."""

    order: LayerOrder
    pool: Pool
    m: int
    value: float


def _solved(question: Question) -> ProvenPlan:
    """Answer a question, or say what is the least possible.

    Raises:
        InfeasibleError: No plan keeps the limits.
        UnsolvedError: No plan was found, and it is not proven that there is none.
    """
    all_orders = layer_orders(
        question.problem, find_link(question.problem, question.link), question.cuts
    )
    best, lower = _search(question, all_orders, None)
    if best is None:
        # What has least of what is limited keeps the limit if anything does.
        other = replace(
            question,
            max_distortion=math.inf,
            max_latency_s=math.inf,
            by_distortion=not question.by_distortion,
        )
        least, least_lower = _search(other, all_orders, None)
        if least is not None:
            value = float(question.values(least.order, least.pool)[least.m])
            if math.isfinite(value):
                best, lower = _search(question, all_orders, replace(least, value=value))
        if best is None:
            raise _refusal(question, least, least_lower, proven=lower == math.inf)
    return _proven(question, best, lower)


def _search(
    question: Question, all_orders: Sequence[LayerOrder], best: _Best | None
) -> tuple[_Best | None, float]:
    """The best candidate, or what a program finds below it, and a bound of all; ``best`` is known.

    Without any plan the bound is infinite if it is proven that there is none.
    """
    todo: list[tuple[float, int, LayerOrder]] = []
    for order in all_orders:
        m, value = question.best_of(order)
        if value < (math.inf if best is None else best.value):
            best = _Best(order, order.pool, m, value)
        for length in order.lengths:
            if length > order.proofs.solved or (length and question.limits.any):
                floor = question.floor(order, length)
                if math.isfinite(floor):
                    todo.append((floor, length, order))
    known = math.inf if best is None else best.value
    lower = math.inf
    for floor, length, order in sorted(todo, key=lambda one: one[:2]):
        if not floor < known * (1 - LIMIT_ROUNDING):
            continue
        pool, proven = solve_cut(question, order, length, known)
        lower = min(lower, max(floor, proven))
        if pool is not None:
            value = float(question.values(order, pool)[0])
            if value < known:
                best, known = _Best(order, pool, 0, value), value
    return best, min(lower, known)


def _proven(question: Question, best: _Best, lower: float) -> ProvenPlan:
    """Make a plan of the best candidate, with the exact costs, and say what is proven of it."""
    value = best.value
    lower = value if proves(lower, value) else lower
    plan = _plan(question, best, lower if question.by_distortion else None)
    exact = plan.distortion
    if not question.by_distortion:
        exact = plan.predictions[question.link].latency_s
    assert math.isclose(exact, value, rel_tol=LIMIT_ROUNDING), (plan, value)
    lower = exact if lower == value else min(lower, exact)
    return ProvenPlan(plan, exact, lower, (exact - lower) / exact if exact else 0.0)


def _plan(question: Question, best: _Best, lower: float | None) -> Plan:
    """Make a plan of a candidate, with its seconds over every link of the problem."""
    problem, graph = question.problem, best.order.costs.problem.graph
    pool, m = best.pool, best.m
    cut = graph.prefix(int(pool.lengths[m]))
    rank, usable = graph.rank, problem.usable
    weights = {name: usable[pool.weights[m, rank[name]]] for name in cut.weights}
    tensors = dict.fromkeys(graph.inputs, problem.input_bits)
    tensors |= {name: usable[pool.outputs[m, rank[name]]] for name in cut.edge}
    bound = best.order.relaxed(len(cut.edge))[0] if lower is None else lower
    plan = _own_plan(problem, cut.edge, weights, tensors, OURS, bound)
    assert not cut.edge or problem.fits(plan.edge_memory_bytes), plan
    return plan


def _own_plan(
    problem: Problem,
    edge: tuple[str, ...],
    weights: Mapping[str, int],
    tensors: Mapping[str, int],
    name: str,
    bound: float,
) -> Plan:
    """Make a plan found on the layers in another order, under the names of the problem's own."""
    cut = problem.graph.cut(edge)
    own = problem.graph.by_name
    by_owner = {own[name].owner: bits for name, bits in weights.items()}
    bits = {name: by_owner[name] for name in cut.weights}
    tensors = {name: tensors[name] for name in cut.edge_tensors}
    return make_plan(problem, cut, bits, tensors, name=name, method=OURS, lower_bound=bound)


def _refusal(
    question: Question, least: _Best | None, lower: float, *, proven: bool
) -> InfeasibleError | UnsolvedError:
    """The error that says the least that could be met of what is limited.

    Args:
        question: The question without an answer.
        least: What has least of what is limited, whatever the limit.
        lower: Proven bound of the value.
        proven: Whether it is proven that no plan keeps the limits.
    """
    if question.by_distortion:
        what, unit, limit = f"latency over {question.link}", " ms", 1e3 * question.max_latency_s
        lower *= 1e3
    else:
        what, unit, limit = "distortion", "", question.max_distortion
    if limit == math.inf or (least is None and lower == math.inf):
        if proven:
            return InfeasibleError("no plan keeps the limits")
        return UnsolvedError("limits: no plan was found, and it is not proven that there is none")
    if proven and not keeps(lower, limit):
        least_text, limit_text = told_apart(lower, limit)
        return InfeasibleError(
            f"{what}: the least possible is {least_text}{unit}, the limit is {limit_text}{unit}"
        )
    return UnsolvedError(
        f"{what}: no plan with at most {limit:g}{unit} was found, and it is not proven that there "
        "is none; allow more"
    )

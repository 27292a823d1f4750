"""Cut, widths and latency decided together: three questions, each with a proof.

- ``least_latency``: the fastest plan with at most so much distortion;
- ``least_distortion``: the plan of least distortion with at most so much latency;
- ``front``: every plan that no other one beats in both.

Small problems are enumerated (``joint_labels``).  Of larger ones, cuts whose bound cannot beat the
best plan known are left out, and the others are solved as mixed-integer programs
(``milp``).  A solution that passes a limit by the solver's rounding is cut off by an
inequality that holds for all that keeps it, so the bound stays one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autosplit.errors import DataError, InfeasibleError, PlanError, did_you_mean
from autosplit.graph.graph import Cut
from autosplit.hardware.link import Link
from autosplit.plan.plan import Plan
from autosplit.search.arrays import Floats
from autosplit.search.cost import make_plan
from autosplit.search.cuts.ideals import orders, reordered
from autosplit.search.front.front import (
    OURS,
    integer_front,
)
from autosplit.search.problem import Problem
from autosplit.search.questions import milp
from autosplit.search.questions.limits import WidthLimits, used, width_limit_rows
from autosplit.search.questions.orders import LayerOrder, layer_orders
from autosplit.search.rounding import ROUNDING
from autosplit.search.widths.pool import Pool

_SOLVES = 12
"""Programs of one cut at most; each cuts off what rounding let through."""
_NEAR = 1e-9
"""Plans nearer than this part to the best one known are not looked for."""


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
        max_distortion: Most distortion.
        cuts: Cuts to consider; all prefixes if None.
        limits: Limits beside memory; none if None.

    Raises:
        InfeasibleError: No plan keeps the limits; says the least possible.
        PlanError: The link is unknown.
    """
    return _Question(problem, link, cuts, limits or WidthLimits(), max_distortion, math.inf).solve()


def least_distortion(
    problem: Problem,
    link: str,
    max_latency_s: float = math.inf,
    *,
    cuts: Sequence[Cut] | None = None,
    limits: WidthLimits | None = None,
) -> ProvenPlan:
    """Find the plan of least distortion with at most so much latency.

    Args, errors: as for ``least_latency``.
    """
    question = _Question(problem, link, cuts, limits or WidthLimits(), math.inf, max_latency_s)
    return question.solve(by_distortion=True)


def front(problem: Problem, link: str, *, cuts: Sequence[Cut] | None = None) -> list[ProvenPlan]:
    """Find the plans that no other one beats in both latency and distortion, fastest first.

    The value of a plan here is its distortion; the bound is that of plans with the same cut that
    send no more bytes and compute for no longer.  Where every plan has gap 0 and the problem is
    small enough to be enumerated, the front is complete.
    """
    one = replace(problem, links={link: _link(problem, link)})
    every = []
    for graph, lengths in orders(problem.graph, cuts):
        for plan in integer_front(reordered(one, graph), lengths):
            bits = plan.weight_bits, plan.activation_bits
            every.append(_priced(problem, plan.edge, *bits, plan.name, plan.lower_bound))
    every.sort(key=lambda plan: (plan.predictions[link].latency_s, plan.distortion, plan.name))
    kept: list[Plan] = []
    for plan in every:
        if not kept or plan.distortion < kept[-1].distortion:
            kept.append(plan)
    return [ProvenPlan(p, p.distortion, p.lower_bound, p.optimality_gap) for p in kept]


@dataclass(frozen=True)
class _Question:
    problem: Problem
    link: str
    cuts: Sequence[Cut] | None
    limits: WidthLimits
    max_distortion: float
    max_latency_s: float

    def solve(self, *, by_distortion: bool = False) -> ProvenPlan:
        """Solve it, or say what is the least possible."""
        for name, value in (
            ("max_distortion", self.max_distortion),
            ("max_latency_s", self.max_latency_s),
        ):
            if math.isnan(value):
                raise DataError(f"{name}: must be a number, got {value}")
        link = _link(self.problem, self.link)
        sides = layer_orders(self.problem, link, self.cuts)
        best, value, lower = None, math.inf, math.inf
        todo: list[tuple[float, int, LayerOrder]] = []
        for side in sides:
            m, found = self._best_of(side, by_distortion=by_distortion)
            if found < value:
                best, value = (side, side.pool, m), found
            for length in side.lengths:
                if length > side.proofs.solved or (length and self.limits.any):
                    distortion, seconds = side.relaxed(length)
                    if distortion <= self.max_distortion and seconds <= self.max_latency_s:
                        todo.append((distortion if by_distortion else seconds, length, side))
        for bound, length, side in sorted(todo, key=lambda one: one[:2]):
            if not bound < value * (1 - _NEAR):
                continue
            pool, proven = self._solve(side, length, value, by_distortion=by_distortion)
            lower = min(lower, max(bound, proven))
            if pool is not None:
                found = self._value(side, pool, by_distortion=by_distortion)[0]
                if found < value:
                    best, value = (side, pool, 0), found
        if best is None:
            raise self._infeasible()
        lower = min(lower, value)
        lower = value if lower >= value * (1 - 2 * _NEAR) else lower
        plan = self._plan(*best, lower if by_distortion else None)
        exact = plan.distortion if by_distortion else plan.predictions[self.link].latency_s
        assert math.isclose(exact, value, rel_tol=1e-9), (plan, value)
        lower = exact if lower == value else min(lower, exact)
        return ProvenPlan(plan, exact, lower, (exact - lower) / exact if exact else 0.0)

    def _value(self, side: LayerOrder, pool: Pool, *, by_distortion: bool) -> Floats:
        """What is to be small, infinite where a limit is passed."""
        latency_s = side.latency_s(pool)
        fits = np.isin(pool.lengths, side.lengths)
        fits &= pool.distortion <= self.max_distortion * (1 + ROUNDING)
        fits &= latency_s <= self.max_latency_s * (1 + ROUNDING)
        fits &= used(side.costs, pool, self.limits)
        value: Floats = np.where(fits, pool.distortion if by_distortion else latency_s, np.inf)
        return value

    def _best_of(self, side: LayerOrder, *, by_distortion: bool) -> tuple[int, float]:
        """Best candidate; of equals that with less of the other, then the first."""
        value = self._value(side, side.pool, by_distortion=by_distortion)
        other = side.latency_s(side.pool) if by_distortion else side.pool.distortion
        m = int(np.lexsort((other, value))[0])
        return m, float(value[m])

    def _solve(
        self, side: LayerOrder, length: int, known: float, *, by_distortion: bool
    ) -> tuple[Pool | None, float]:
        """Best of one cut below a known value, and a bound."""
        costs = side.costs
        model = milp.build_milp(costs, length, side.byte_s)
        away = float(side.away_s[length]) + length * costs.problem.edge.dispatch_s
        rows = width_limit_rows(model, self.limits)
        offset, objective = (
            (costs.input_distortion, model.distortion) if by_distortion else (away, model.seconds)
        )
        if math.isfinite(self.max_distortion):
            rows.append((model.distortion, self.max_distortion - costs.input_distortion))
        if math.isfinite(self.max_latency_s):
            rows.append((model.seconds, self.max_latency_s - away))
        cap = self.max_distortion if not by_distortion else min(known, self.max_distortion)
        banned = milp.too_much(model, cap - costs.input_distortion)
        lower = -math.inf
        limits, proving = list(rows), True
        if costs.problem.limit_bytes is not None:
            limits.append((model.memory, float(costs.problem.limit_bytes)))
        for attempt in range(_SOLVES):
            found = milp.solve_milp(model, objective, rows, known - offset, banned)
            lower = max(lower, found.lower + offset) if proving else lower
            pool = costs.pool([found.picked])
            if not len(pool.distortion):
                return None, lower
            kept = costs.fitting(found.picked) if length else found.picked
            good = len(kept.lengths) and math.isfinite(
                self._value(side, pool, by_distortion=by_distortion)[0]
            )
            if good and math.isfinite(known):
                return pool, lower
            if good:  # again, now that the size of what is sought is known
                value = float(self._value(side, pool, by_distortion=by_distortion)[0])
                better, proven = self._solve(side, length, value, by_distortion=by_distortion)
                return better or pool, max(lower, proven)
            rows.append(
                milp.cover(model, found.picked, self.max_distortion - costs.input_distortion)
            )
            if attempt >= _SOLVES // 2:  # from here on what is found no longer proves anything
                tighter = [(terms, most - 1e-6 * 2**attempt * abs(most)) for terms, most in limits]
                proving, rows = False, [*rows, *tighter]
        return None, lower

    def _plan(self, side: LayerOrder, pool: Pool, m: int, lower: float | None) -> Plan:
        """Price a candidate with all links of the problem."""
        problem, graph = self.problem, side.costs.problem.graph
        cut = graph.prefix(int(pool.lengths[m]))
        rank, usable = graph.rank, problem.usable
        weights = {name: usable[pool.weights[m, rank[name]]] for name in cut.weights}
        tensors = dict.fromkeys(graph.inputs, problem.input_bits)
        tensors |= {name: usable[pool.outputs[m, rank[name]]] for name in cut.edge}
        bound = side.relaxed(len(cut.edge))[0] if lower is None else lower
        plan = _priced(problem, cut.edge, weights, tensors, OURS, bound)
        assert not cut.edge or problem.fits(plan.edge_memory_bytes), plan
        assert plan.distortion <= self.max_distortion * (1 + _NEAR), plan
        assert plan.predictions[self.link].latency_s <= self.max_latency_s * (1 + _NEAR), plan
        return plan

    def _infeasible(self) -> InfeasibleError:
        """Say the least that could be met, resource by resource."""
        free = replace(self, max_distortion=math.inf, max_latency_s=math.inf)
        texts = []
        if math.isfinite(self.max_distortion):
            least = free.solve(by_distortion=True)
            texts.append(
                f"distortion: the least possible is {least.value:.6g}, "
                f"the limit is {self.max_distortion:.6g}"
            )
        if math.isfinite(self.max_latency_s):
            least = free.solve()
            texts.append(
                f"latency over {self.link}: the least possible is {least.lower_bound:.6g} s, "
                f"the limit is {self.max_latency_s:.6g} s"
            )
        return InfeasibleError("; ".join(texts) or "no plan keeps the limits")


def _priced(
    problem: Problem,
    edge: tuple[str, ...],
    weights: Mapping[str, int],
    tensors: Mapping[str, int],
    name: str,
    bound: float,
) -> Plan:
    """Price a plan found on the layers in another order, under the names of its own."""
    cut = problem.graph.cut(edge)
    own = problem.graph.by_name
    by_owner = {own[name].weight_owner or name: bits for name, bits in weights.items()}
    bits = {name: by_owner[name] for name in cut.weights}
    tensors = {name: tensors[name] for name in cut.edge_tensors}
    return make_plan(problem, cut, bits, tensors, name=name, method=OURS, lower_bound=bound)


def _link(problem: Problem, name: str) -> Link:
    if name not in problem.links:
        raise PlanError(f"link: unknown link {name!r}{did_you_mean(name, problem.links)}")
    return problem.links[name]

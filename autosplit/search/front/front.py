"""The front of latency and distortion in integers, with widths that buy seconds.

Of a small problem every plan worth having is enumerated (``enumerate_prefixes``).  Of a larger one
three searches are put together: the least distortion within memory (``division``), the same with a
price on a second (``solve_priced``), and edge halves of one width.  The last make sure that no plan
of one width beats what is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autosplit.plan.plan import Plan
from autosplit.search.arrays import Floats, Indices, Ints
from autosplit.search.cost import make_plan
from autosplit.search.front.enumerate import enumerate_prefixes
from autosplit.search.front.lagrangian import PricedHalves, price_ladder, solve_priced
from autosplit.search.front.prove import prove
from autosplit.search.pareto import pareto, pareto_of_groups
from autosplit.search.problem import Problem
from autosplit.search.tolerance import LIMIT_ROUNDING
from autosplit.search.widths.division import EdgeHalves, divide
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.pool import Choices, Picked, Pool, PoolCosts, joined_pools

_BLOCK = 1 << 21  # widths of edge halves whose costs are computed at a time
OURS = "autosplit"
"""Name of our own method."""


def integer_front(problem: Problem, lengths: Sequence[int] | None = None) -> list[Plan]:
    """Find the plans that no other one found beats in both seconds and distortion, on some link.

    ``lower_bound`` of a plan is that of all plans with its cut that fit the memory, send no more
    bytes and compute and code for no longer.

    Args:
        problem: The problem.
        lengths: Numbers of edge layers to consider; all of them if None.

    Returns:
        By rising number of edge layers, then rising distortion.
    """
    costs = PoolCosts(problem, EdgeSeconds(problem))
    pool, proofs = candidates(costs)
    if lengths is not None:
        pool = pool.take(np.flatnonzero(np.isin(pool.lengths, lengths)))

    def kept_of(some: Pool) -> Indices:
        return np.unique(np.concatenate([*_kept(costs, some).values()]))

    pool = pool.take(kept_of(pool))
    lower = np.array([proofs.bound(pool, m) for m in range(len(pool.lengths))])
    if proofs.halves is not None:
        pool, lower = prove(costs, pool, lower, kept_of)
    return _plans(costs, pool, lower)


def candidates(costs: PoolCosts, *, beaten: bool = False) -> tuple[Pool, Proofs]:
    """Find edge halves worth having on some link, all-cloud among them, and what is proven.

    Args:
        costs: Tables of the problem.
        beaten: Whether to keep edge halves that another one of their cut beats, of which some may
            keep other limits; else they are dropped at once, and take no memory.
    """
    join = _all_of if beaten else _joined
    problem, seconds = costs.problem, costs.seconds
    enumerated, solved = enumerate_prefixes(costs)
    count = len(problem.graph.layers)
    pool = costs.pool([costs.nothing(), enumerated])
    if solved == count:
        return pool, Proofs(solved)
    halves = divide(problem)
    divided, sent = _thinned_halves(costs, halves)
    halves = halves.proof
    pool, priced = join(costs, pool, divided), []
    for one in price_ladder(problem, seconds):
        found = solve_priced(problem, seconds, *one)
        pool = join(costs, pool, _thinned_halves(costs, found)[0])
        priced.append(found.proof)
    proofs = Proofs(solved, halves, sent, tuple(priced), costs.input_distortion)
    pool = join(costs, pool, costs.pool([costs.uniform()]))
    kept, every = _kept(costs, pool), pool
    for name in sorted(problem.links):
        more = costs.between(pool, kept[name], problem.links[name].sent_byte_s)
        every = join(costs, every, costs.pool([more]))
    return every, proofs


def _all_of(_costs: PoolCosts, pool: Pool, more: Pool) -> Pool:
    """Candidates of two pools, all of them."""
    return joined_pools([pool, more])


def _joined(costs: PoolCosts, pool: Pool, more: Pool) -> Pool:
    """Candidates of two pools; those that another one of their cut beats are dropped at once."""
    return _thinned(costs, joined_pools([pool, more]))


def _thinned_halves(costs: PoolCosts, found: Choices) -> tuple[Pool, Ints]:
    """Candidates of some edge halves that none of their cut beats, computed some cuts at a time.

    Returns:
        Those candidates, and the bytes that each of all edge halves sends.
    """
    parts = []
    order = np.argsort(found.lengths, kind="stable")
    cuts = np.split(order, np.flatnonzero(np.diff(found.lengths[order])) + 1) if len(order) else []
    block = max(1, _BLOCK // max(found.weights.shape[1], 1))
    bytes_of = np.zeros(len(order), dtype=np.int64)
    while cuts:
        rows = [cuts.pop(0)]
        while cuts and sum(map(len, rows)) + len(cuts[0]) <= block:
            rows.append(cuts.pop(0))
        mine = np.concatenate(rows)
        picked = Picked(found.lengths[mine], found.weights[mine], found.outputs[mine])
        costed = costs.pool([picked])
        bytes_of[mine] = costed.sent
        parts.append(_thinned(costs, costed))
    return joined_pools(parts) if parts else costs.pool([found]), bytes_of


def _thinned(costs: PoolCosts, pool: Pool) -> Pool:
    """Candidates that no other one of their cut beats on every link, in their order."""
    kept = [
        pareto_of_groups(pool.lengths, pool.edge_s + byte_s * pool.sent, pool.distortion)
        for byte_s in (link.sent_byte_s for link in costs.problem.links.values())
    ]
    return pool.take(np.unique(np.concatenate([np.zeros(0, dtype=np.intp), *kept])))


def _kept(costs: PoolCosts, pool: Pool) -> dict[str, Indices]:
    """Candidates that no other one beats, link by link, fastest first."""
    kept = {}
    for name, away_s in costs.away_s.items():
        latency_s = pool.edge_s + away_s[pool.lengths]
        latency_s = latency_s + costs.problem.links[name].sent_byte_s * pool.sent
        kept[name] = pareto(np.stack([latency_s, pool.distortion], axis=1))
    return kept


@dataclass(frozen=True)
class Proofs:
    """What is proven about the distortion of a candidate's rivals with the same cut.

    Attributes:
        solved: Prefixes up to this length are enumerated, so their candidates are optimal.
        halves: The least distortion within memory; None if all is enumerated.
        sent: Bytes of outputs that each of ``halves`` sends, shape (M,).
        priced: What some prices of a second prove.
        input_distortion: Distortion of the network's inputs.
    """

    solved: int
    halves: EdgeHalves | None = None
    sent: Ints | None = None
    priced: Sequence[PricedHalves] = ()
    input_distortion: float = 0.0

    def bound(self, pool: Pool, m: int) -> float:
        """Bound all that fits, sends no more bytes and computes for no longer."""
        length, sent = int(pool.lengths[m]), int(pool.sent[m])
        if length <= self.solved or self.halves is None or self.sent is None:
            return float(pool.distortion[m])
        no_fewer = np.flatnonzero((self.halves.lengths == length) & (self.sent >= sent))
        best = float(self.halves.lower[no_fewer[0]]) if len(no_fewer) else self.input_distortion
        others = (one.bound(length, sent, float(pool.edge_s[m])) for one in self.priced)
        return max(
            best, self.input_distortion, *(self.input_distortion + other for other in others)
        )


def _plans(costs: PoolCosts, pool: Pool, lower: Floats) -> list[Plan]:
    """Make plans of candidates with known bounds; check that they cost what was added up."""
    problem = costs.problem
    rank, usable = problem.graph.rank, problem.usable
    inputs = dict.fromkeys(problem.graph.inputs, problem.input_bits)
    plans: list[Plan] = []
    places: dict[int, int] = {}
    for m in sorted(range(len(lower)), key=lambda m: (pool.lengths[m], pool.distortion[m], m)):
        length = int(pool.lengths[m])
        cut = problem.graph.prefix(length)
        place = places[length] = places.get(length, -1) + 1
        weights = {name: usable[pool.weights[m, rank[name]]] for name in cut.weights}
        outputs = {name: usable[pool.outputs[m, rank[name]]] for name in cut.edge}
        plan = make_plan(
            problem,
            cut,
            weights,
            {**inputs, **outputs},
            name=f"cut{length:03d}-{place:02d}",
            method=OURS,
            lower_bound=float(lower[m]),
        )
        assert not cut.edge or problem.fits(plan.edge_memory_bytes), plan
        assert np.isclose(plan.distortion, pool.distortion[m], rtol=LIMIT_ROUNDING), plan
        for link, prediction in plan.predictions.items():
            sent_s = problem.links[link].sent_byte_s * pool.sent[m]
            added_s = pool.edge_s[m] + costs.away_s[link][length] + sent_s
            assert np.isclose(prediction.latency_s, added_s, rtol=LIMIT_ROUNDING), plan
        plans.append(plan)
    return plans

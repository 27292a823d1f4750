"""Cuts to consider as prefixes of few orders of the layers, with candidates and bounds of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autosplit.graph.graph import Cut
from autosplit.hardware.link import Link
from autosplit.search.arrays import Floats
from autosplit.search.cuts.ideals import orders, reordered
from autosplit.search.front.front import Proofs, candidates
from autosplit.search.problem import Problem
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.pool import Pool, PoolCosts


@dataclass(frozen=True)
class LayerOrder:
    """One order of the layers over one link.

    Attributes:
        costs: Tables.
        lengths: Prefixes to consider.
        pool: Candidates, of other lengths too.
        proofs: What is known about them.
        away_s: Seconds of each prefix off the edge, but for the outputs that cross.
        byte_s: Seconds of a byte sent.
    """

    costs: PoolCosts
    lengths: tuple[int, ...]
    pool: Pool
    proofs: Proofs
    away_s: Floats
    byte_s: float

    def latency_s(self, pool: Pool) -> Floats:
        """Of every candidate."""
        away: Floats = pool.edge_s + self.away_s[pool.lengths]
        return away + self.byte_s * pool.sent

    def relaxed(self, length: int) -> tuple[float, float]:
        """Bound distortion and latency of a prefix: every tensor at its own best width for each."""
        costs = self.costs
        rows = costs.parameters.rank < length
        distortion = costs.input_distortion + float(
            costs.memory.distortion[:length].min(axis=1, initial=np.inf).sum()
        )
        distortion += float(costs.parameters.distortion[rows].min(axis=1, initial=np.inf).sum())
        sent = costs.memory.read[:length] >= length
        way_s = self.byte_s * costs.memory.sent[:length] + costs.memory.coding_s[:length]
        seconds = float(self.away_s[length] + way_s.min(axis=1, initial=np.inf)[sent].sum())
        return distortion, seconds + math.fsum(costs.seconds.floor_s[:length])


def layer_orders(problem: Problem, link: Link, cuts: Sequence[Cut] | None) -> list[LayerOrder]:
    """Find candidates for all cuts; all prefixes if None.

    Where the first order is too large to enumerate, the others get plain candidates only: they are
    for the programs to solve, if their bounds leave hope.
    """
    sides: list[LayerOrder] = []
    for graph, every in orders(problem.graph, cuts):
        lengths = tuple(n for n in every if problem.allows(graph.prefix(n).edge))
        if not lengths:
            continue
        costs_of = replace(reordered(problem, graph), links={link.name: link})
        costs = PoolCosts(costs_of, EdgeSeconds(costs_of))
        if sides and sides[0].proofs.halves is not None:
            pool, proofs = costs.pool([costs.nothing(), costs.uniform()]), Proofs(0)
        else:
            pool, proofs = candidates(costs, beaten=True)
        away_s = costs.away_s[link.name]
        sides.append(LayerOrder(costs, lengths, pool, proofs, away_s, link.sent_byte_s))
    return sides

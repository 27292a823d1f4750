"""Close the gaps of a front: the boxes of its plans are solved, those of the largest gap first.

Work is counted in sizes of programs and not in seconds, so the same problem gives the same front.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autosplit.search.arrays import Floats, Indices
from autosplit.search.front.boxes import BoxProgram, BoxProof
from autosplit.search.tolerance import BOUND_ROUNDING, proves
from autosplit.search.widths.pool import Pool, PoolCosts, joined_pools

MOST_WORK = 6e7
"""Choices times layers of all programs; a full-length one of 100 layers counts about 1e5."""
_INFINITE = 1e19


def prove(
    costs: PoolCosts,
    pool: Pool,
    lower: Floats,
    kept_of: Callable[[Pool], Indices],
    most_work: float | None = None,
) -> tuple[Pool, Floats]:
    """Prove the plans of a front, or put better ones in their place.

    Args:
        costs: Tables of the problem.
        pool: Candidates.
        lower: Proven bound of each candidate's box, shape (M,).
        kept_of: Which candidates of a pool no other one beats.
        most_work: Where to stop; ``MOST_WORK`` if None.

    Returns:
        The candidates that no other one beats, and the bounds of their boxes.
    """
    left = MOST_WORK if most_work is None else most_work
    programs: dict[int, BoxProgram] = {}
    tried: set[tuple[int, int, float]] = set()
    proofs: list[BoxProof] = []
    while True:
        kept = kept_of(pool)
        pool, lower = pool.take(kept), lower[kept]
        m = _widest_gap(pool, lower, tried)
        if m is None:
            return pool, lower
        length, sent, edge_s = int(pool.lengths[m]), int(pool.sent[m]), float(pool.edge_s[m])
        if length not in programs:
            mine = pool.lengths == length
            most = int(pool.sent[mine].max()), float(pool.edge_s[mine].max())
            programs[length] = BoxProgram(costs, length, *most)
        program = programs[length]
        left -= float(program.model.choices) * length
        if left < 0:
            return pool, lower
        tried.add((length, sent, edge_s))
        known = float(pool.distortion[m]) - costs.input_distortion
        chosen, bound = program.solve(sent, edge_s, known)
        proof = BoxProof(length, sent, edge_s, bound + costs.input_distortion)
        proofs.append(proof)
        lower = _sharpened(pool, lower, proof)
        if chosen is not None:
            found = costs.fitting(program.model.picked(chosen))
            if len(found.lengths):
                better = costs.pool([found])
                pool, lower = _joined(pool, lower, better, proofs)


def _widest_gap(pool: Pool, lower: Floats, tried: set[tuple[int, int, float]]) -> int | None:
    """The candidate furthest from its bound whose box was not solved yet."""
    gap = (pool.distortion - lower) / np.where(pool.distortion > 0, pool.distortion, 1.0)
    gap[pool.distortion >= _INFINITE] = 0.0
    for m in map(int, np.argsort(-gap, kind="stable")):
        if gap[m] <= BOUND_ROUNDING:
            return None
        if (int(pool.lengths[m]), int(pool.sent[m]), float(pool.edge_s[m])) not in tried:
            return m
    return None


def _sharpened(pool: Pool, lower: Floats, proof: BoxProof) -> Floats:
    """Bounds of the candidates' boxes after one more box was solved."""
    inside = (pool.lengths == proof.length) & (pool.sent <= proof.sent)
    inside &= pool.edge_s <= proof.edge_s
    return _snapped(pool.distortion, np.where(inside, np.maximum(lower, proof.lower), lower))


def _holds(proof: BoxProof, one: Pool) -> bool:
    """Whether a solved box holds the one candidate."""
    return bool(
        proof.length == one.lengths[0]
        and one.sent[0] <= proof.sent
        and one.edge_s[0] <= proof.edge_s
    )


def _snapped(distortion: Floats, lower: Floats) -> Floats:
    """Bounds, with those near the value brought to it."""
    return np.where(proves(lower, distortion), distortion, lower)


def _joined(pool: Pool, lower: Floats, better: Pool, proofs: list[BoxProof]) -> tuple[Pool, Floats]:
    """The candidates and one more, with what the solved boxes prove of it."""
    bound = max((one.lower for one in proofs if _holds(one, better)), default=0.0)
    sharp = _snapped(better.distortion, np.array([bound]))
    both = joined_pools([pool, better])
    return both, np.concatenate([lower, sharp])

"""Proofs of single plans: a mixed-integer program for each plan whose bound leaves room.

The box of a plan is everything with its cut that fits the memory, sends no more bytes and computes
for no longer.  The program of the box (``questions.milp``) either proves that nothing in it has
less distortion, or finds what has, which then takes the plan's place.  The least distortion of a
box also bounds every box inside it.

All boxes of a cut differ in two numbers alone, the bytes and the seconds.  The duals of the linear
relaxation of one box therefore bound the others too, and a choice whose reduced cost passes the
distance between that bound and the plan's distortion can be no part of a better one (reduced-cost
fixing: Dyer, Kayal & Walker 1984).  The program is left with few choices.  Where it is left with
many, the most hopeful of them are solved first (a core problem: Balas & Zemel 1980): what they give
proves nothing, but it rules out most of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from autosplit.search.arrays import Booleans, Floats, Indices
from autosplit.search.questions.highs import NODES, matrix_of, scaled_rows, silenced, units_of
from autosplit.search.questions.milp import build_milp, place_of
from autosplit.search.tolerance import LIMIT_ROUNDING, keeps, loosened
from autosplit.search.widths.pool import PoolCosts

_SCALE = 1e3
_CLOSE = 1.5e-3
"""A box that the duals of others bound within this part of its value gets none of its own."""
CORE = 100
"""Choices beyond one per tensor in the core that is solved first."""
_WORTH = 1.5
"""The core is solved first where this many times its choices are left."""
_INFINITE = 1e19
"""Distortions of this size are those of choices ruled out; HiGHS takes them as infinite."""


@dataclass(frozen=True)
class BoxProof:
    """What is proven of a box, and the best choice in it.

    Attributes:
        length: Layers on the edge.
        sent: Most bytes of outputs that cross.
        edge_s: Most seconds on the edge and of coding.
        lower: Nothing in the box has less distortion.
    """

    length: int
    sent: int
    edge_s: float
    lower: float


@dataclass(frozen=True)
class _Duals:
    """A linear relaxation's duals, which bound every box of the cut.

    Attributes:
        cost: Distortion of each choice and what it takes of the limits, at their prices, shape
            (tensors, widths).
        constant: What is added for a box of no bytes and no seconds.
        per_byte: What a byte more takes off the bound, at least 0.
        per_s: What a second more takes off the bound, at least 0.
    """

    cost: Floats
    constant: float
    per_byte: float
    per_s: float

    def bound(self, sent: float, edge_s: float, banned: Booleans) -> tuple[float, Floats]:
        """Bound the distortion in a box, without that of the network's inputs.

        Args:
            sent: Most bytes.
            edge_s: Most seconds.
            banned: Whether each choice is in nothing of the box, shape (choices,).

        Returns:
            The bound, and what each choice adds to it at least (its reduced cost), infinite where
            it is banned, shape (choices,).
        """
        each = np.where(banned.reshape(self.cost.shape), np.inf, self.cost)
        least = each.min(axis=1)
        bound = float(least.sum()) + self.constant - self.per_byte * sent - self.per_s * edge_s
        return bound, (each - least[:, None]).ravel()


@dataclass(frozen=True)
class _Bounded:
    """What the duals prove of a box.

    Attributes:
        lower: The bound, without the distortion of the network's inputs.
        reduced: Reduced costs of the choices, which add up, shape (choices,).
        added: What each choice alone adds to the bound at least, shape (choices,); infinite where
            nothing in the box has it.
    """

    lower: float
    reduced: Floats
    added: Floats

    def room(self, known: float) -> float:
        """How much may be added to the bound by what has less distortion than known."""
        return known * (1 + LIMIT_ROUNDING) - self.lower


class BoxProgram:
    """The program of one cut, for any box.

    Args:
        costs: Tables of the problem.
        length: Layers on the edge, at least 1.
        sent: Most bytes of any box.
        edge_s: Most seconds of any box.
    """

    def __init__(self, costs: PoolCosts, length: int, sent: int, edge_s: float) -> None:
        self.costs, self.length = costs, length
        self.model = build_milp(costs, length, 0.0)
        outputs = place_of(costs, length)[1]
        crossing = {
            outputs[rank] + b: float(costs.memory.sent[rank, b])
            for rank in range(length)
            if costs.memory.read[rank] >= length
            for b in range(self.model.widths)
        }
        self._sizes = np.zeros(self.model.choices, dtype=np.int64)
        self._sizes[list(crossing)] = [int(size) for size in crossing.values()]
        self._sent, self._edge_s = max(float(sent), 1.0), edge_s
        self._dispatch_s = length * costs.problem.edge.dispatch_s
        rows = [*self.model.rows, (self.model.seconds, edge_s), (crossing, self._sent)]
        matrix, most = matrix_of(rows, self.model.count)
        self._unit = units_of(matrix, most, self.model.choices)
        self._matrix, self._most = scaled_rows(matrix, most, self._unit)
        self._distortions = self.model.by_tensor().ravel()
        self._value = np.zeros(self.model.count)
        self._value[: self.model.choices] = self._distortions
        self._duals: list[_Duals] = []

    def _rights(self, sent: float, edge_s: float) -> Floats:
        """Right-hand sides of the rows for a box; its own plan keeps them up to rounding."""
        most = self._most.copy()
        most[-2] *= (loosened(edge_s) - self._dispatch_s) / self._edge_s
        most[-1] *= (sent + 0.5) / self._sent
        return most

    def solve(self, sent: int, edge_s: float, known: float) -> tuple[Indices | None, float]:
        """Find the least distortion in a box.

        Args:
            sent: Most bytes.
            edge_s: Most seconds.
            known: Distortion of a choice in the box, without that of the network's inputs.

        Returns:
            Index of the width of each tensor of the best choice found, None without one, and the
            bound of the box, without the distortion of the network's inputs.
        """
        bounded = self._bounded(sent, edge_s, known)
        if bounded.lower >= known * (1 - LIMIT_ROUNDING):
            return None, known
        chosen = self._core_choice(sent, edge_s, known, bounded)
        known = known if chosen is None else self._distortion(chosen)
        if bounded.lower >= known * (1 - LIMIT_ROUNDING):
            return chosen, known
        banned = bounded.added > bounded.room(known)
        better, proven = self._solved(sent, edge_s, known, banned)
        return chosen if better is None else better, max(bounded.lower, proven)

    def _core_choice(
        self, sent: int, edge_s: float, known: float, bounded: _Bounded
    ) -> Indices | None:
        """Find a choice in a box of less distortion than known among the most hopeful choices.

        It proves nothing, but the less is known to be possible, the more choices are ruled out.
        """
        added = bounded.added.reshape(-1, self.model.widths)
        most = len(added) + CORE
        hopeful = added <= bounded.room(known)
        if hopeful.sum() <= _WORTH * most:
            return None
        reduced = bounded.reduced.reshape(added.shape)
        core = hopeful & (reduced <= np.partition(bounded.reduced, most)[most])
        core[np.arange(len(added)), added.argmin(axis=1)] = True
        chosen, _ = self._solved(sent, edge_s, known, ~core.ravel())
        if chosen is None or self._distortion(chosen) >= known:
            return None
        picked = self.model.picked(chosen)
        pool = self.costs.pool([picked])
        inside = pool.sent[0] <= sent and keeps(float(pool.edge_s[0]), edge_s)
        return chosen if inside and len(self.costs.fitting(picked).lengths) else None

    def _banned(self, sent: int) -> Booleans:
        """Whether each choice alone sends too much, even if all else sends as little as it can."""
        size = self._sizes.reshape(-1, self.model.widths)
        least = size.min(axis=1)
        too_wide: Booleans = (size - least[:, None] > sent - least.sum()).ravel()
        return too_wide | (self._distortions >= _INFINITE)

    def _bounded(self, sent: int, edge_s: float, known: float) -> _Bounded:
        """Bound a box by the duals of other boxes, and by its own where those leave much room."""
        banned = self._banned(sent)
        found = [one.bound(sent, edge_s, banned) for one in self._duals]
        if max((lower for lower, _ in found), default=0.0) < known * (1 - _CLOSE):
            fresh = self._relaxation(sent, edge_s, known, banned)
            if fresh is not None:
                self._duals.append(fresh)
                found.append(fresh.bound(sent, edge_s, banned))
        if not found:
            return _Bounded(0.0, np.where(banned, np.inf, 0.0), np.where(banned, np.inf, 0.0))
        lower, reduced = max(found, key=lambda one: one[0])
        # What a choice adds to another bound, less how far that bound is below the best one.
        added = np.max([more - (lower - bound) for bound, more in found], axis=0)
        return _Bounded(lower, reduced, added)

    def _distortion(self, chosen: Indices) -> float:
        """Distortion of a choice, without that of the network's inputs."""
        each = self._distortions.reshape(-1, self.model.widths)
        return float(each[np.arange(len(each)), chosen].sum())

    def _solved(
        self, sent: int, edge_s: float, known: float, banned: Booleans
    ) -> tuple[Indices | None, float]:
        """Solve the program of a box without the choices that are ruled out."""
        from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - slow to import

        count, choices = self.model.count, self.model.choices
        kept = np.flatnonzero(np.append(~banned, np.ones(count - choices, dtype=np.bool_)))
        whole = kept < choices
        with silenced():
            result = milp(
                _SCALE / known * self._value[kept],
                integrality=whole.astype(np.int64),
                bounds=Bounds(np.zeros(len(kept)), np.where(whole, 1.0, np.inf)),
                constraints=[
                    LinearConstraint(self._one_each[:, kept], 1, 1),
                    LinearConstraint(self._matrix[:, kept], -np.inf, self._rights(sent, edge_s)),
                ],
                options={"mip_rel_gap": 0, "node_limit": NODES},
            )
        lower = 0.0
        if result.mip_dual_bound is not None and np.isfinite(result.mip_dual_bound):
            lower = min(known, float(result.mip_dual_bound) * known / _SCALE)
        if result.x is None:
            return None, lower
        values = np.full(count, -1.0)
        values[kept] = result.x
        return values[:choices].reshape(-1, self.model.widths).argmax(axis=1), lower

    @property
    def _one_each(self) -> csr_array[np.float64, tuple[int, int]]:
        """Rows that say that each tensor has one of its choices."""
        tensor = np.repeat(np.arange(self.model.choices // self.model.widths), self.model.widths)
        places = (tensor, np.arange(len(tensor)))
        shape = (self.model.choices // self.model.widths, self.model.count)
        return csr_array((np.ones(len(tensor)), places), shape=shape)

    def _relaxation(
        self, sent: int, edge_s: float, known: float, banned: Booleans
    ) -> _Duals | None:
        """Solve the linear relaxation of a box; None if it gives no duals."""
        from scipy.optimize import linprog  # noqa: PLC0415 - slow to import

        count, choices = self.model.count, self.model.choices
        value = np.where(self._value < _INFINITE, self._value, 0.0) / known
        upper = np.full(count, np.inf)
        upper[:choices] = np.where(banned, 0.0, 1.0)
        rights, one_each = self._rights(sent, edge_s), self._one_each
        with silenced():
            result = linprog(  # type: ignore[call-overload]  # its stubs lack sparse matrices
                value,
                A_ub=self._matrix,
                b_ub=rights,
                A_eq=one_each,
                b_eq=np.ones(one_each.shape[0]),
                bounds=np.stack([np.zeros(count), upper], axis=1),
                method="highs",
            )
        if result.status != 0:
            return None
        price = -np.minimum(result.ineqlin.marginals, 0.0)
        cost = known * (value + self._matrix.T @ price)
        # Further columns are in units in which they come to about 1.
        constant = float(np.minimum(cost[choices:], 0.0).sum())
        constant -= known * float(price[:-2] @ rights[:-2])
        per_s = known * price[-2] * self._most[-2] / self._edge_s
        per_byte = known * price[-1] * self._most[-1] / self._sent
        constant += per_s * self._dispatch_s
        each = cost[:choices].reshape(-1, self.model.widths)
        return _Duals(each, constant, float(per_byte), float(per_s) * (1 + LIMIT_ROUNDING))

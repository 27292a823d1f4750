"""Proofs of single plans: a mixed-integer program for each plan whose bound leaves room.

The box of a plan is everything with its cut that fits the memory, sends no more bytes and computes
for no longer.  The program of the box (``questions.milp``) either proves that nothing in it has
less distortion, or finds what has, which then takes the plan's place.  The least distortion of a
box also bounds every box inside it.

All boxes of a cut differ in two numbers alone, the bytes and the seconds.  The duals of the linear
relaxation of one box therefore bound the others too, and a choice whose reduced cost passes the
distance between that bound and the plan's distortion can be no part of a better one (reduced-cost
fixing: Dyer, Kayal & Walker 1984).  The program is left with few choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from autosplit.search.arrays import Booleans, Floats, Indices
from autosplit.search.questions.highs import NODES, matrix_of, scaled_rows, silenced, units_of
from autosplit.search.questions.milp import build_milp, place_of
from autosplit.search.tolerance import LIMIT_ROUNDING, loosened
from autosplit.search.widths.pool import PoolCosts

_SCALE = 1e3
_INFINITE = 1e19
"""Distortions of this size are those of choices ruled out; HiGHS takes them as infinite."""


@dataclass(frozen=True)
class BoxProof:
    """What is proven of a box, and the best choice in it.

    Attributes:
        length: Layers on the edge.
        sent: Most bytes of outputs that cross.
        edge_s: Most seconds on the edge.
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
        reduced: Reduced cost of each choice beyond the least of its tensor, shape (choices,).
        constant: Bound of a box of no bytes and no seconds.
        per_byte: What a byte more takes off the bound, at least 0.
        per_s: What a second more takes off the bound, at least 0.
    """

    reduced: Floats
    constant: float
    per_byte: float
    per_s: float

    def bound(self, sent: float, edge_s: float) -> float:
        """Bound of the distortion in a box, without that of the network's inputs."""
        return self.constant - self.per_byte * sent - self.per_s * edge_s


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
        self._sent, self._edge_s = max(float(sent), 1.0), edge_s
        self._dispatch_s = length * costs.problem.edge.dispatch_s
        rows = [*self.model.rows, (self.model.seconds, edge_s), (crossing, self._sent)]
        matrix, most = matrix_of(rows, self.model.count)
        self._unit = units_of(matrix, most, self.model.choices)
        self._matrix, self._most = scaled_rows(matrix, most, self._unit)
        self._value = np.zeros(self.model.count)
        self._value[: self.model.choices] = self.model.by_tensor().ravel()
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
        from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - slow to import

        lower, banned = self._relaxed(sent, edge_s, known)
        if lower >= known * (1 - LIMIT_ROUNDING):
            return None, known
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
        if result.mip_dual_bound is not None and np.isfinite(result.mip_dual_bound):
            lower = max(lower, min(known, float(result.mip_dual_bound) * known / _SCALE))
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

    def _relaxed(self, sent: int, edge_s: float, known: float) -> tuple[float, Booleans]:
        """Bound a box by known duals and new ones, and rule out choices that are in nothing better.

        Returns:
            The bound, and whether each choice is ruled out, shape (choices,).
        """
        banned = self._value[: self.model.choices] >= _INFINITE
        fresh = self._relaxation(sent, edge_s, known, banned)
        if fresh is not None:
            self._duals.append(fresh)
        best = 0.0
        for one in self._duals:
            lower = one.bound(sent, edge_s)
            best = max(best, lower)
            banned = banned | (one.reduced > known * (1 + LIMIT_ROUNDING) - lower)
        return best, banned

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
        each = np.where(banned, np.inf, cost[:choices]).reshape(-1, self.model.widths)
        least = each.min(axis=1)
        # Further columns are in units in which they come to about 1.
        constant = float(least.sum()) + float(np.minimum(cost[choices:], 0.0).sum())
        constant -= known * float(price[:-2] @ rights[:-2])
        per_s = known * price[-2] * self._most[-2] / self._edge_s
        per_byte = known * price[-1] * self._most[-1] / self._sent
        constant += per_s * self._dispatch_s - 0.5 * per_byte
        reduced = (each - least[:, None]).ravel()
        return _Duals(reduced, constant, float(per_byte), float(per_s) * (1 + LIMIT_ROUNDING))

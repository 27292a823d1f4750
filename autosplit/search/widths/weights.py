"""Widths of the weights: least distortion of every prefix beside every share of the memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autosplit.graph.layer import FIXED_BITS
from autosplit.search.arrays import Floats, Indices, Ints
from autosplit.search.knapsack.allocate import Allocation, allocate_all
from autosplit.search.problem import Problem, table


@dataclass(frozen=True)
class Stored:
    """What the layers of a graph store: R of its L layers have a weight or another parameter.

    Attributes:
        rank: Ranks of those layers, ascending, shape (R,).
        rows: How many of them a prefix has, by its length, shape (L + 1,).
        distortion: Of their weights at each usable width, 0 without a weight, shape (R, B).
        size: Bytes of all their parameters at each usable width, shape (R, B).
    """

    rank: Indices
    rows: Indices
    distortion: Floats
    size: Ints

    @property
    def most_bytes(self) -> int:
        """Bytes of everything at the widest width."""
        return int(self.size.max(axis=1).sum()) if self.size.size else 0


@dataclass(frozen=True)
class Weights:
    """Best weights of every prefix within every budget.

    Attributes:
        stored: What is stored where.
        found: As ``allocate_all`` returns it: R + 1 lists of K.
    """

    stored: Stored
    found: list[list[Allocation | None]]

    @cached_property
    def distortion(self) -> Floats:
        """Distortion by length and budget, infinite where nothing fits, shape (L + 1, K)."""
        return self._by_length("distortion")

    @cached_property
    def lower(self) -> Floats:
        """Proven bound of ``distortion``, shape (L + 1, K)."""
        return self._by_length("lower_bound")

    def widths(self, length: int, budget: int) -> Indices:
        """Index of the width of each layer's weight in a prefix, shape (L,); 0 where none is."""
        chosen = np.zeros(len(self.stored.rows) - 1, dtype=np.intp)
        rows = self.stored.rows[length]
        found = self.found[rows][budget]
        assert found is not None, (length, budget)
        chosen[self.stored.rank[:rows]] = found.choice
        return chosen

    def _by_length(self, name: str) -> Floats:
        values = [[getattr(one, name) if one else np.inf for one in row] for row in self.found]
        return np.array(values, dtype=np.float64)[self.stored.rows]


def stored(problem: Problem) -> Stored:
    """Tabulate distortion and bytes of what each layer stores; a shared weight at its first use."""
    graph = problem.graph
    weighted = set(graph.prefix(len(graph.layers)).weights)
    layers = [n for n in graph.layers if n.name in weighted or n.fixed_elements]
    rank = np.array([graph.rank[layer.name] for layer in layers], dtype=np.intp)
    here = np.array([layer.name in weighted for layer in layers], dtype=np.bool_)
    distortion = np.zeros((len(layers), len(problem.usable)))
    size = np.zeros(distortion.shape, dtype=np.int64)
    names = [layer.name for layer in layers if layer.name in weighted]
    distortion[here], size[here] = table(problem, names, "weight")
    for row, layer in enumerate(layers):
        size[row] += layer.fixed_elements * FIXED_BITS // 8
    rows = np.searchsorted(rank, np.arange(len(graph.layers) + 1))
    return Stored(rank, rows, distortion, size)


def solve(parameters: Stored, budgets: Ints) -> Weights:
    """Solve the weights of every prefix within each budget, bytes, shape (K,)."""
    if not len(parameters.rank):
        nothing = Allocation(np.zeros(0, dtype=np.intp), 0.0, 0, 0.0, 0.0)
        return Weights(parameters, [[nothing if budget >= 0 else None for budget in budgets]])
    return Weights(
        parameters, allocate_all(parameters.distortion, parameters.size, budgets.tolist())
    )

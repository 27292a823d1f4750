"""Widths of the weights: least distortion of every prefix beside every share of the memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autosplit.graph.layer import FIXED_BITS
from autosplit.search.arrays import Booleans, Floats, Indices, Ints, WidthIndices
from autosplit.search.knapsack.allocate import best_prefixes
from autosplit.search.knapsack.prefixes import PrefixSolutions
from autosplit.search.problem import Problem, distortion_and_bytes


@dataclass(frozen=True)
class Parameters:
    """What the layers of a graph store: R of its L layers have a weight or another parameter.

    Attributes:
        rank: Ranks of those layers, ascending, shape (R,).
        rows: How many of them a prefix has, by its length, shape (L + 1,).
        distortion: Distortion of their weights at each usable width, 0 without one, shape (R, B).
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
class BestWeights:
    """Best weights of every prefix within every budget.

    Attributes:
        parameters: What is stored where.
        found: Best widths of the R layers that store something; None if there are none.
        fits: Whether a budget is one at all, shape (K,).
    """

    parameters: Parameters
    found: PrefixSolutions | None
    fits: Booleans

    @cached_property
    def distortion(self) -> Floats:
        """Distortion by length and budget, infinite where nothing fits, shape (L + 1, K)."""
        if self.found is None:
            return np.tile(np.where(self.fits, 0.0, np.inf), (len(self.parameters.rows), 1))
        return self.found.distortion[self.parameters.rows]

    @cached_property
    def lower(self) -> Floats:
        """Proven bound of ``distortion``, shape (L + 1, K)."""
        if self.found is None:
            return self.distortion
        least = np.minimum(self.found.lower, self.found.distortion)
        least[~np.isfinite(self.found.distortion)] = np.inf
        return least[self.parameters.rows]

    def widths(self, length: int, budgets: Indices) -> WidthIndices:
        """Index of the width of each layer's weight in a prefix; 0 where none is.

        Args:
            length: Layers of the prefix.
            budgets: Indices of budgets, shape (M,).

        Returns:
            Shape (M, L).
        """
        each, where = np.unique(budgets, return_inverse=True)
        chosen = np.zeros((len(each), len(self.parameters.rows) - 1), dtype=np.uint8)
        rows = int(self.parameters.rows[length])
        if self.found is not None:
            chosen[:, self.parameters.rank[:rows]] = self.found.choice(rows, each)
        return chosen[where]


def parameters_of(problem: Problem) -> Parameters:
    """Tabulate distortion and bytes of what each layer stores; a shared weight at its first use."""
    graph = problem.graph
    weighted = set(graph.prefix(len(graph.layers)).weights)
    layers = [n for n in graph.layers if n.name in weighted or graph.fixed_elements(n.name)]
    rank = np.array([graph.rank[layer.name] for layer in layers], dtype=np.intp)
    here = np.array([layer.name in weighted for layer in layers], dtype=np.bool_)
    distortion = np.zeros((len(layers), len(problem.usable)))
    size = np.zeros(distortion.shape, dtype=np.int64)
    names = [layer.name for layer in layers if layer.name in weighted]
    distortion[here], size[here] = distortion_and_bytes(problem, names, "weight")
    for row, layer in enumerate(layers):
        size[row] += graph.fixed_elements(layer.name) * FIXED_BITS // 8
    rows = np.searchsorted(rank, np.arange(len(graph.layers) + 1))
    return Parameters(rank, rows, distortion, size)


def best_weights(parameters: Parameters, budgets: Ints) -> BestWeights:
    """Solve the weights of every prefix within each budget, bytes, shape (K,)."""
    fits = budgets >= 0
    if not len(parameters.rank):
        return BestWeights(parameters, None, fits)
    found = best_prefixes(parameters.distortion, parameters.size, budgets.tolist())
    return BestWeights(parameters, found, fits)

"""Choices of widths of a small problem at random, and the plans that they stand for."""

import numpy as np

from autosplit.search.cost import make_plan
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.pool import Picked, PoolCosts


def costs_of(problem):
    return PoolCosts(problem, EdgeSeconds(problem))


def random_choices(problem, count, seed=0, length=None):
    """Edge halves of any length, or of one, at any widths, whether they fit the memory or not."""
    rng = np.random.default_rng(seed)
    layers = len(problem.graph.layers)
    lengths = rng.integers(0, layers + 1, count) if length is None else np.full(count, length)
    widths = rng.integers(0, len(problem.usable), (2, count, layers))
    return Picked(lengths.astype(np.intp), *widths.astype(np.intp))


def widths_at(problem, choices, m):
    """Cut, widths of weights and widths of tensors of one of many choices."""
    graph, usable = problem.graph, problem.usable
    cut = graph.prefix(int(choices.lengths[m]))
    weights = {name: usable[choices.weights[m, graph.rank[name]]] for name in cut.weights}
    tensors = {name: usable[choices.outputs[m, graph.rank[name]]] for name in cut.edge}
    return cut, weights, {**dict.fromkeys(graph.inputs, problem.input_bits), **tensors}


def plan_at(problem, choices, m):
    """The plan of one of many choices, costed by the formulas that every plan is costed by."""
    cut, weights, tensors = widths_at(problem, choices, m)
    return make_plan(problem, cut, weights, tensors, name="p", method="m", lower_bound=0.0)

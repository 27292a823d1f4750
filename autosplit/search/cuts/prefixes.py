"""Candidate cuts: the places where the search may split a graph."""

from __future__ import annotations

from autosplit.graph.graph import Cut, Graph


def prefixes(graph: Graph) -> tuple[Cut, ...]:
    """List every cut whose edge side is a prefix of the topological order.

    Returns:
        L + 1 cuts of a graph with L layers: all-cloud first, all-edge last.
    """
    return tuple(graph.prefix(length) for length in range(len(graph.layers) + 1))

"""Our method: the plans that no other one found beats in both seconds and distortion."""

from __future__ import annotations

import numpy as np

from autosplit.graph import Cut
from autosplit.latency import cloud_s, transfer_s
from autosplit.plan import Plan
from autosplit.search.cuts import prefixes
from autosplit.search.division import divide
from autosplit.search.pareto import pareto
from autosplit.search.price import price
from autosplit.search.problem import Problem
from autosplit.search.relaxation import Indices
from autosplit.search.seconds import EdgeSeconds

METHOD = "autosplit"


def autosplit(problem: Problem) -> list[Plan]:
    """Find the plans that no other one found beats in both seconds and distortion, on some link.

    Of each prefix cut and each number of bytes sent it keeps the division of memory and the widths
    of least distortion; narrower ones, which may be faster where the edge device is bound by its
    memory, are not looked for.

    Returns:
        By rising number of edge layers, then rising distortion.
    """
    cuts = prefixes(problem.graph)
    found = divide(problem)
    edge_s = EdgeSeconds(problem).of(found.weights, found.outputs, found.lengths)
    there_s = np.array([cloud_s(cut, problem.cloud) for cut in cuts])[found.lengths]
    halves = [cuts[length] for length in found.lengths]
    widths = [
        _widths(problem, *one) for one in zip(halves, found.weights, found.outputs, strict=True)
    ]
    kept: set[int] = set()
    for name in sorted(problem.links):
        link = problem.links[name]
        sent_s = [
            transfer_s(cut, link, activation_bits)
            for cut, (_, activation_bits) in zip(halves, widths, strict=True)
        ]
        latency_s = edge_s + np.array(sent_s) + there_s
        kept |= set(pareto(np.stack([latency_s, found.harm], axis=1)).tolist())

    plans: list[Plan] = []
    places: dict[int, int] = {}
    for m in sorted(kept, key=lambda m: (found.lengths[m], found.harm[m], m)):
        length = int(found.lengths[m])
        place = places[length] = places.get(length, -1) + 1
        name, bound = f"cut{length:03d}-{place:02d}", float(found.lower[m])
        plan = price(problem, halves[m], *widths[m], name=name, method=METHOD, lower_bound=bound)
        assert problem.fits(plan.edge_memory_bytes), plan
        assert np.isclose(plan.distortion, found.harm[m], rtol=1e-9), plan
        seconds = next(iter(plan.predictions.values())).edge_s
        assert np.isclose(seconds, edge_s[m], rtol=1e-9), plan
        plans.append(plan)
    return plans


def _widths(
    problem: Problem, cut: Cut, weights: Indices, outputs: Indices
) -> tuple[dict[str, int], dict[str, int]]:
    """Widths of one candidate by name."""
    rank, usable = problem.graph.rank, problem.usable
    inputs = dict.fromkeys(problem.graph.inputs, problem.input_bits)
    weight_bits = {name: usable[weights[rank[name]]] for name in cut.weights}
    return weight_bits, {**inputs, **{name: usable[outputs[rank[name]]] for name in cut.edge}}

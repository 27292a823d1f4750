"""Cuts that are not prefixes: sets of layers closed under predecessors, the ideals of the graph.

Every such set is a prefix of some topological order, so what solves prefixes solves them too, on
the same graph with its layers in another order.  A graph with branches has many; they are listed
where there are few, and otherwise those are taken that minimum s-t cuts meet while the link's rate
varies, beside the prefixes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autosplit.graph.graph import Cut, Graph
from autosplit.graph.memory import sent_bytes
from autosplit.grid.grid import WIDTHS
from autosplit.hardware.seconds import layers_s
from autosplit.search.cuts.mincut import min_cut
from autosplit.search.problem import Problem
from autosplit.search.widths.edge_seconds import EdgeSeconds

MOST_CUTS = 4096
"""Most cuts that are listed; of a graph that has more, only some are listed."""
RATES_BPS = tuple(10.0**exponent for exponent in np.arange(4, 10.25, 0.5).tolist())
"""Rates of the link, bits per second, at which minimum cuts are sought."""


@dataclass(frozen=True)
class CutList:
    """Cuts to consider.

    Attributes:
        cuts: By rising number of edge layers, then by rank; the prefixes are among them.
        complete: Whether these are all cuts of the graph.
    """

    cuts: tuple[Cut, ...]
    complete: bool


def ideals(graph: Graph, most: int = MOST_CUTS) -> CutList | None:
    """List every cut of a graph; None if there are more than ``most``.

    >>> from autosplit.graph import Layer
    >>> a, b = (Layer(name, "add", ("x",), ((1,),), (1,)) for name in "ab")
    >>> [cut.edge for cut in ideals(Graph("two", {"x": (1,)}, (a, b), ("a", "b"))).cuts]
    [(), ('a',), ('b',), ('a', 'b')]
    """
    count = len(graph.layers)
    before = [
        sum(1 << graph.rank[tensor] for tensor in layer.inputs if tensor in graph.rank)
        for layer in graph.layers
    ]
    # A set is made once, by adding its layers in topological order.
    found = [(0, 0)]
    for edge, first in found:
        for rank in range(first, count):
            if before[rank] & ~edge == 0:
                found.append((edge | 1 << rank, rank + 1))
                if len(found) > most:
                    return None
    names = list(graph.by_name)
    chosen = [[names[r] for r in range(count) if edge >> r & 1] for edge, _ in found]
    chosen.sort(key=lambda edge: (len(edge), [graph.rank[name] for name in edge]))
    return CutList(tuple(map(graph.cut, chosen)), complete=True)


def useful(problem: Problem, most: int = MOST_CUTS) -> CutList:
    """List the cuts of a problem's graph that the joint search should consider.

    All of them if there are at most ``most``.  Otherwise the prefixes, and the cuts of least
    latency with everything on the edge at one width, for each width and many rates of the link.
    All others are left out then; ``latency_floor`` bounds how fast any of them can be.
    """
    every = ideals(problem.graph, most)
    if every is not None:
        allowed = tuple(cut for cut in every.cuts if problem.allows(set(cut.edge)))
        return CutList(allowed, complete=True)
    graph = problem.graph
    found = {cut.edge: cut for cut in map(graph.prefix, problem.lengths)}
    for bits in problem.usable:
        for rate in RATES_BPS:
            cut = _least(problem, bits, rate)
            found.setdefault(cut.edge, cut)
    order = sorted(found.values(), key=lambda c: (len(c.edge), [graph.rank[n] for n in c.edge]))
    return CutList(tuple(order), complete=False)


def latency_floor(problem: Problem, link: str) -> float:
    """Bound the latency of every plan in integers over every cut, seconds.

    Each layer on the edge is charged its least seconds over all widths, each tensor its least
    seconds on its way over all widths, and a message and a reply cost nothing but their bytes.
    """
    rate_bps = 8 / problem.links[link].sent_byte_s
    each = [_seconds(problem, bits, rate_bps) for bits in problem.usable]
    there, up = each[0][1], {t: min(up[t] for *_, up in each) for t in problem.graph.tensors}
    here, there = barred(problem, EdgeSeconds(problem).floor_s.tolist(), there)
    cut = min_cut(problem.graph, here, there, up)
    rank = problem.graph.rank
    total = sum(here[rank[name]] for name in cut.edge)
    total += sum(there[rank[name]] for name in cut.cloud)
    return total + sum(up[tensor] for tensor in cut.crossing)


def barred(
    problem: Problem, here: list[float], there: list[float]
) -> tuple[list[float], list[float]]:
    """Seconds of each layer on both sides, infinite where a device refuses to time the layer."""
    sides = []
    for seconds, refused in zip((here, there), problem.unpriced, strict=True):
        names = zip(problem.graph.by_name, seconds, strict=True)
        sides.append([math.inf if name in refused else one for name, one in names])
    return sides[0], sides[1]


def orders(graph: Graph, cuts: Sequence[Cut] | None) -> list[tuple[Graph, tuple[int, ...]]]:
    """Find orders of the layers of which every cut is a prefix, few of them.

    The edge side of a cut keeps its own order, as its live tensors depend on that.

    Args:
        graph: The graph.
        cuts: CutList of it; all prefixes if None.

    Returns:
        The graph in some orders, and for each the lengths of the prefixes to consider.
    """
    count = len(graph.layers)
    if cuts is None:
        return [(graph, tuple(range(count + 1)))]
    left = {cut.edge for cut in cuts}
    ends = [tuple(graph.by_name)]
    ends += sorted(left, key=lambda edge: (-len(edge), [graph.rank[name] for name in edge]))
    found: list[tuple[Graph, tuple[int, ...]]] = []
    for end in ends:
        lengths = tuple(n for n in range(len(end) + 1) if end[:n] in left)
        if not lengths or (found and end not in left):
            continue
        left -= {end[:n] for n in lengths}
        rest = [name for name in graph.by_name if name not in set(end)]
        found.append((_owning(graph, [*end, *rest]), lengths))
    return found


def reordered(problem: Problem, graph: Graph) -> Problem:
    """The same problem on an order of its layers; a shared weight is its first user's there."""
    table = dict(problem.distortions)
    for layer in graph.layers:
        owner = problem.graph.by_name[layer.name].weight_owner
        if layer.owns_weight and owner not in ("", layer.name):
            for bits in WIDTHS:
                table[layer.name, "weight", bits] = problem.distortions[owner, "weight", bits]
    return replace(problem, graph=graph, distortions=table)


def _owning(graph: Graph, names: Sequence[str]) -> Graph:
    """The graph in another order, each shared weight stored with the first layer that reads it."""
    first: dict[str, str] = {}
    layers = []
    for name in names:
        layer = graph.by_name[name]
        if layer.weight_elements:
            owner = first.setdefault(layer.owner, name)
            layer = replace(layer, weight_owner=owner)
        layers.append(layer)
    return replace(graph, layers=tuple(layers))


def _least(problem: Problem, bits: int, rate_bps: float) -> Cut:
    """The cut of least latency with everything on the edge at one width."""
    here, there, up = _seconds(problem, bits, rate_bps)
    return min_cut(problem.graph, here, there, up)


def _seconds(
    problem: Problem, bits: int, rate_bps: float
) -> tuple[list[float], list[float], dict[str, float]]:
    """Seconds of each layer on both sides, and of each tensor on its way."""
    graph = problem.graph
    edge, cloud = problem.priced_devices
    here = layers_s(graph, edge, bits, problem.input_bits)
    there = layers_s(graph, cloud, cloud.float_bits)
    here, there = barred(problem, here, there)
    _, widths = problem.uniform(graph.prefix(len(graph.layers)), bits)
    up = {
        t: 8 * sent_bytes(graph, t, widths[t], problem.coded) / rate_bps
        + problem.coding_s(t, widths[t])
        for t in graph.tensors
    }
    return here, there, up

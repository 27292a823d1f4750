"""Baselines from the literature: Neurosurgeon, DADS and QDMP, float networks cut at our costs.

Each gives one plan per link, named after it, with predictions for all links.  None of them looks at
the memory limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from autosplit.graph.graph import Cut, Graph
from autosplit.graph.memory import sent_bytes
from autosplit.hardware.link import Link
from autosplit.hardware.prediction import ANSWER_BITS
from autosplit.hardware.seconds import layers_s
from autosplit.plan.plan import Plan
from autosplit.search.baselines.plain import float_plan, has_floats
from autosplit.search.cuts.ideals import barred
from autosplit.search.cuts.mincut import Charges, min_cut, min_cut_between
from autosplit.search.problem import Problem

Cutter = Callable[[Graph, list[float], list[float], Mapping[str, float], Charges], Cut]


def neurosurgeon(problem: Problem) -> list[Plan]:
    """Split a float network after the layer with the least edge + own output + cloud seconds.

    Kang et al., "Neurosurgeon: collaborative intelligence between the cloud and mobile edge",
    ASPLOS 2017, section 5: made for chains, it takes what crosses to be the output of the last edge
    layer.  It is charged for all that crosses, and for the answer's way back, which it leaves out.
    Of equals it takes the split with the fewest edge layers.
    """
    graph = problem.graph
    here, there = _float_seconds(problem)
    inputs = _way(problem, dict.fromkeys(graph.inputs, problem.input_bits))
    sent = (
        sum(size for size, _ in inputs.values()),
        sum(coding_s for _, coding_s in inputs.values()),
    )
    sizes = [sent, *_way(problem, dict.fromkeys(graph.by_name, problem.edge.float_bits)).values()]
    plans = []
    for name in sorted(problem.links):
        link = problem.links[name]
        own = [link.transfer_s(8 * size) + coding_s for size, coding_s in sizes[:-1]] + [0.0]
        total = [sum(here[:n]) + own[n] + sum(there[n:]) for n in range(len(sizes))]
        cut = graph.prefix(total.index(min(total)))
        plans.append(float_plan(problem, cut, f"neurosurgeon-{name}", "neurosurgeon"))
    return plans


def dads(problem: Problem) -> list[Plan]:
    """The latency-optimal cut of the float network by minimum s-t cut.

    Hu et al., "Dynamic adaptive DNN surgery for inference acceleration on the edge", INFOCOM 2019,
    its light-load algorithm (DSL): one frame at a time.
    """
    return _per_link(problem, "dads", min_cut)


def qdmp(problem: Problem) -> list[Plan]:
    """The latency-optimal cut of the float network, searched between cut vertices.

    Zhang et al., "Towards real-time cooperative deep inference over the cloud and edge end
    devices", IMWUT 4(2), 2020: as fast a cut as ``dads`` finds, found sooner.
    """
    return _per_link(problem, "qdmp", min_cut_between)


def link_charges(graph: Graph, link: Link) -> Charges:
    """What a link charges beside the tensors sent, as ``prediction.transfer_s`` does."""
    if link.downlink_bps is None:
        return Charges(message_s=link.transfer_s(0))
    back: dict[str, float] = {}
    for name in graph.outputs:
        seconds = ANSWER_BITS * graph.elements(name) / link.downlink_bps
        back[name] = back.get(name, 0.0) + seconds
    return Charges(link.transfer_s(0), link.answer_s(0), back)


def _per_link(problem: Problem, method: str, cutter: Cutter) -> list[Plan]:
    """One plan per link, cut by ``cutter``."""
    graph = problem.graph
    seconds = _float_seconds(problem)
    _, bits = problem.uniform(graph.prefix(len(graph.layers)), problem.edge.float_bits)
    plans = []
    for name in sorted(problem.links):
        link = problem.links[name]
        up = {
            t: link.sent_byte_s * size + coding_s
            for t, (size, coding_s) in _way(problem, bits).items()
        }
        cut = cutter(graph, *seconds, up, link_charges(graph, link))
        plans.append(float_plan(problem, cut, f"{method}-{name}", method))
    return plans


def _way(problem: Problem, widths: Mapping[str, int]) -> dict[str, tuple[int, float]]:
    """Bytes of tensors on their way up, as the problem codes them, and the seconds of coding."""
    return {
        t: (sent_bytes(problem.graph, t, bits, problem.coded), problem.coding_s(t, bits))
        for t, bits in widths.items()
    }


def _float_seconds(problem: Problem) -> tuple[list[float], list[float]]:
    """Seconds of each layer in floats, on the edge (infinite if it has none) and in the cloud."""
    graph, (edge, cloud) = problem.graph, problem.priced_devices
    here = [math.inf] * len(graph.layers)
    if has_floats(edge):
        here = layers_s(graph, edge, edge.float_bits, problem.input_bits)
    return barred(problem, here, layers_s(graph, cloud, cloud.float_bits))

"""Baselines from the literature, and the plain ones: plans by other methods at our costs.

"Float" means the edge device's ``float_bits`` for every edge weight and every edge layer's output;
nothing is quantized, so they add no distortion.  The network's inputs are the camera's, at the
problem's ``input_bits``, for every method.  A method whose choice depends on the link gives one
plan per link, named after it, with predictions for all links.  None of them looks at the memory
limit but ``random``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from autosplit.graph.graph import Cut, Graph
from autosplit.graph.memory import edge_memory_bytes, packed_bytes
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.hardware.seconds import ANSWER_BITS, layers_s
from autosplit.plan.plan import Plan
from autosplit.search.cost import make_plan
from autosplit.search.cuts.mincut import Charges, min_cut, min_cut_between
from autosplit.search.pareto import pareto
from autosplit.search.problem import Problem
from autosplit.stats.stats import Role

Cutter = Callable[[Graph, list[float], list[float], Mapping[str, float], Charges], Cut]
DRAWS = 1000
"""Plans that ``random`` draws."""
CLOUD_INTEGER_BITS = 8


def edge_float(problem: Problem) -> list[Plan]:
    """All layers on the edge, unquantized; no plan where the device cannot compute in floats."""
    if not _has_floats(problem.edge):
        return []
    whole = problem.graph.prefix(len(problem.graph.layers))
    return [_float_plan(problem, whole, "edge-float", "edge-float")]


def float_prefixes(problem: Problem) -> list[Plan]:
    """Every prefix cut with at least one edge layer, unquantized; none without floats."""
    if not _has_floats(problem.edge):
        return []
    lengths = range(1, len(problem.graph.layers) + 1)
    cuts = {length: problem.graph.prefix(length) for length in lengths}
    return [
        _float_plan(problem, cut, f"float{length:03d}", "float") for length, cut in cuts.items()
    ]


def cloud8(problem: Problem) -> list[Plan]:
    """All layers in the cloud, which computes them in 8-bit integers; the input crosses as it is.

    The network it runs is that of ``uniform8``, so its distortion is too, cloud layers included.
    """
    graph, bits = problem.graph, CLOUD_INTEGER_BITS
    cut = graph.prefix(0)
    inputs = problem.uniform(cut, bits)
    distortion = problem.distortion_of(*problem.uniform(graph.prefix(len(graph.layers)), bits))
    plan = make_plan(
        problem, cut, *inputs, name="cloud8", method="cloud8", lower_bound=0.0, cloud_bits=bits
    )
    return [replace(plan, distortion=distortion, lower_bound=distortion)]


def cloud_jpeg(problem: Problem) -> list[Plan]:
    """All layers in the cloud, in its floats; the input crosses as a JPEG file.

    Its bytes are those measured, in whole bytes, and its distortion is that of the decoded input.
    Encoding and decoding cost no seconds.

    Returns:
        One plan; none without a coding, or if the network does not read exactly one input.
    """
    graph, coding = problem.graph, problem.input_coding
    cut = graph.prefix(0)
    if coding is None or len(cut.crossing) != 1:
        return []
    widths = problem.uniform(cut, problem.input_bits)
    plan = make_plan(
        problem,
        cut,
        *widths,
        name="cloud-jpeg",
        method="cloud-jpeg",
        lower_bound=0.0,
        sent_bytes=coding.sent,
    )
    distortion = coding.distortion
    return [replace(plan, distortion=distortion, lower_bound=distortion, input_coding=coding)]


def neurosurgeon(problem: Problem) -> list[Plan]:
    """Split a float network after the layer with the least edge + own output + cloud seconds.

    Kang et al., "Neurosurgeon: collaborative intelligence between the cloud and mobile edge",
    ASPLOS 2017, section 5: made for chains, it takes what crosses to be the output of the last edge
    layer.  It is charged for all that crosses, and for the answer's way back, which it leaves out.
    Of equals it takes the split with the fewest edge layers.
    """
    graph = problem.graph
    here, there = _float_seconds(problem)
    sent = sum(packed_bytes(graph.elements(name), problem.input_bits) for name in graph.inputs)
    bits = problem.edge.float_bits
    sizes = [sent, *(packed_bytes(layer.output_elements, bits) for layer in graph.layers)]
    plans = []
    for name in sorted(problem.links):
        own = [problem.links[name].transfer_s(8 * size) for size in sizes[:-1]] + [0.0]
        total = [sum(here[:n]) + own[n] + sum(there[n:]) for n in range(len(sizes))]
        cut = graph.prefix(total.index(min(total)))
        plans.append(_float_plan(problem, cut, f"neurosurgeon-{name}", "neurosurgeon"))
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
    devices", IMWUT 4(2), 2020: as fast an answer as ``dads`` finds, found sooner.
    """
    return _per_link(problem, "qdmp", min_cut_between)


def random(problem: Problem) -> list[Plan]:
    """The best of 1,000 random plans: prefix cuts and widths drawn with seed 0.

    A plan draws its number of edge layers, then the widest width it uses, then for each weight and
    tensor one up to that, so that small plans are among them.  What does not fit is left out; the
    first is all-cloud, which always fits.

    Returns:
        Those that no other one beats in both seconds and distortion, on some link.
    """
    graph, usable = problem.graph, np.array(problem.usable)
    rng = np.random.default_rng(0)
    cuts: dict[int, Cut] = {}
    plans = []
    for number in range(DRAWS):
        length = int(rng.integers(len(graph.layers) + 1)) if number else 0
        top = int(rng.integers(len(usable)))
        bits = usable[rng.integers(top + 1, size=(2, len(graph.layers)))]
        cut = cuts.setdefault(length, graph.prefix(length))
        inputs = dict.fromkeys(graph.inputs, problem.input_bits)
        weights = {name: int(bits[0, graph.rank[name]]) for name in cut.weights}
        tensors = {**inputs, **{name: int(bits[1, graph.rank[name]]) for name in cut.edge}}
        if problem.fits(edge_memory_bytes(cut, weights, tensors)):
            bound = least(problem, cut)
            name = f"random-{number:03d}"
            plans.append(
                make_plan(
                    problem, cut, weights, tensors, name=name, method="random", lower_bound=bound
                )
            )
    return unbeaten(problem, plans)


def unbeaten(problem: Problem, plans: list[Plan]) -> list[Plan]:
    """Plans that no other one beats in both seconds and distortion on some link, as ordered."""
    kept: set[int] = set()
    for link in sorted(problem.links):
        points = [(plan.predictions[link].latency_s, plan.distortion) for plan in plans]
        kept |= set(pareto(np.array(points).reshape(-1, 2)).tolist())
    return [plans[i] for i in sorted(kept)]


def least(problem: Problem, cut: Cut) -> float:
    """Distortion of a cut's edge half at everything's best width: a bound that needs no search."""
    total = problem.distortion_of({}, dict.fromkeys(problem.graph.inputs, problem.input_bits))
    roles: list[tuple[Role, Iterable[str]]] = [("weight", cut.weights), ("activation", cut.edge)]
    for role, names in roles:
        for name in names:
            total += min(problem.distortions[name, role, b].distortion for b in problem.usable)
    return total


def link_charges(graph: Graph, link: Link) -> Charges:
    """What a link charges beside the tensors sent, as ``latency.transfer_s`` does."""
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
        up = {t: 8 * packed_bytes(graph.elements(t), bits[t]) / link.uplink_bps for t in bits}
        cut = cutter(graph, *seconds, up, link_charges(graph, link))
        plans.append(_float_plan(problem, cut, f"{method}-{name}", method))
    return plans


def _float_plan(problem: Problem, cut: Cut, name: str, method: str) -> Plan:
    """Price a cut in floats, which add no distortion."""
    widths = problem.uniform(cut, problem.edge.float_bits)
    bound = problem.distortion_of(*widths)
    return make_plan(problem, cut, *widths, name=name, method=method, lower_bound=bound)


def _float_seconds(problem: Problem) -> tuple[list[float], list[float]]:
    """Seconds of each layer in floats, on the edge (infinite if it has none) and in the cloud."""
    graph, edge, cloud = problem.graph, problem.edge, problem.cloud
    here = [math.inf] * len(graph.layers)
    if _has_floats(edge):
        here = layers_s(graph, edge, edge.float_bits, problem.input_bits)
    return here, layers_s(graph, cloud, cloud.float_bits)


def _has_floats(device: Device) -> bool:
    """Whether a device can compute at its ``float_bits``; one of integers lists no such peak."""
    return device.model != "roofline" or max(device.peak_macs_per_s) >= device.float_bits

"""Chains of layers as search problems small enough to enumerate."""

import itertools

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.graph.memory import edge_memory_bytes
from autosplit.grid.grid import WIDTHS
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.search.problem import Problem
from autosplit.stats.stats import Distortion

LINKS = {
    "slow": Link(name="slow", source="test", uplink_bps=40.0, rtt_s=0.5),
    "fast": Link(name="fast", source="test", uplink_bps=4000.0, downlink_bps=8000.0),
}
CLOUD = Device(
    name="cloud",
    source="test",
    model="roofline",
    float_bits=16,
    bandwidth_bytes_per_s=1.0e3,
    peak_macs_per_s={16: 1.0e4},
)
ROOFLINE = Device(
    name="roofline",
    source="test",
    model="roofline",
    float_bits=32,
    bandwidth_bytes_per_s=1.0e2,
    dispatch_s=0.01,
    peak_macs_per_s={2: 4.0e2, 8: 1.0e2},
)


def distortions(graph, value):
    """Every distortion that can be asked for, ``value()`` each."""
    keys = [(name, "activation", 8) for name in graph.inputs]
    for layer in graph.layers:
        roles = ("activation", "weight") if layer.owns_weight else ("activation",)
        keys += [(layer.name, role, bits) for role in roles for bits in WIDTHS]
    return {key: Distortion(0.0, value()) for key in keys}


def everything(problem):
    """Every prefix cut at every choice of widths that fits: (cut, weights, activations)."""
    graph = problem.graph
    for length in range(len(graph.layers) + 1):
        cut = graph.prefix(length)
        names = [*cut.weights, *cut.edge]
        for bits in itertools.product(problem.usable, repeat=len(names)):
            weights = dict(zip(cut.weights, bits, strict=False))
            tensors = dict(zip(cut.edge, bits[len(weights) :], strict=True))
            tensors |= dict.fromkeys(graph.inputs, problem.input_bits)
            if not cut.edge or problem.fits(edge_memory_bytes(cut, weights, tensors)):
                yield cut, weights, tensors


def chain(elements=8, weight=16, layers=3):
    names = ["x", *(f"c{i}" for i in range(layers))]
    made = tuple(
        Layer(
            name,
            "conv",
            (before,),
            ((elements,),),
            (elements,),
            weight_elements=weight,
            weight_owner=name,
            gemms=(Gemm(1, 2, elements),),
        )
        for before, name in itertools.pairwise(names)
    )
    return Graph("chain", {"x": (elements,)}, made, (names[-1],))


def falling(graph):
    """Distortion 4 ** -bits everywhere."""
    table = distortions(graph, lambda: 0.0)
    return {key: Distortion(0.0, 4.0 ** -key[2]) for key in table}


def chain_problem(memory_bytes=None, edge=ROOFLINE, **more):
    graph = chain()
    return Problem(graph, falling(graph), edge, CLOUD, LINKS, memory_bytes, **more)

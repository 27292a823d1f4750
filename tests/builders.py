"""Small random networks, devices and problems for the tests of the search."""

import itertools
from dataclasses import replace

from hypothesis import strategies as st

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.grid.grid import WIDTHS
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.search.problem import Problem
from autosplit.stats.stats import Distortion

LINKS = {
    "slow": Link(name="slow", source="test", uplink_bps=40.0, rtt_s=0.5),
    "both": Link(name="both", source="test", uplink_bps=500.0, downlink_bps=300.0, rtt_s=0.1),
    "fast": Link(name="fast", source="test", uplink_bps=4000.0, downlink_bps=8000.0),
}
EDGE = Device(
    name="edge",
    source="test",
    model="roofline",
    float_bits=32,
    bandwidth_bytes_per_s=1.0e2,
    dispatch_s=0.01,
    peak_macs_per_s={2: 4.0e2, 8: 1.0e2, 32: 5.0e1},
)
INTEGERS = replace(EDGE, name="integers", peak_macs_per_s={2: 4.0e2, 8: 1.0e2})
"""The same device without floats."""
CLOUD = Device(
    name="cloud",
    source="test",
    model="roofline",
    float_bits=16,
    bandwidth_bytes_per_s=1.0e3,
    peak_macs_per_s={8: 2.0e4, 16: 1.0e4},
)


def table_device(seconds):
    """A device on which widths do not change the seconds of the layers."""
    return Device(name="table", source="test", model="table", float_bits=32, table=seconds)


def layer(name, reads, shapes, elements, weight=0, owner=None, fixed=0):
    """A layer that reads some tensors, with a product if it has a weight."""
    return Layer(
        name,
        "conv" if weight else "add",
        tuple(reads),
        tuple(shapes[tensor] for tensor in reads),
        (elements,),
        weight_elements=weight,
        weight_channels=1 if weight else 0,
        weight_owner=(owner or name) if weight else "",
        fixed_elements=fixed,
        gemms=(Gemm(1, 3, elements),) if weight else (),
    )


def part(name, *inputs, elements, weight=0, owner="", fixed=0, gemms=()):
    """A layer of a hand-counted graph: what it reads, its elements, and what it stores."""
    return Layer(
        name,
        "conv" if weight else "add",
        inputs,
        tuple((1,) for _ in inputs),
        (elements,),
        weight_elements=weight,
        weight_owner=owner,
        fixed_elements=fixed,
        gemms=gemms,
    )


def diamond():
    """x -> a -> b -> add -> out, and a skips b; b's weight is used again by out."""
    return Graph(
        "diamond",
        {"x": (10,)},
        (
            part("a", "x", elements=20, weight=100, owner="a", fixed=2),
            part("b", "a", elements=30, weight=50, owner="b"),
            part("add", "b", "a", elements=40),
            part("out", "add", elements=5, weight=50, owner="b", fixed=1),
        ),
        ("out",),
    )


def random_graph(rng, most=8):
    """Skips, several inputs to a layer and none, several network inputs and outputs.

    Args:
        rng: A ``random.Random``.
        most: Layers at most.
    """
    shapes = {name: (rng.randint(1, 12),) for name in "xyz"[: rng.randint(1, 2)]}
    inputs, layers, weighted = dict(shapes), [], []
    for i in range(rng.randint(1, most)):
        near = list(shapes)[-4:]
        count = min(len(near), rng.choice([0, 1, 1, 1, 2, 3])) if i else 1
        weight, owner = rng.choice([0, 3, 8, 11]), None
        if weighted and rng.random() < 0.2:
            owner, weight = rng.choice(weighted)
        elif weight:
            weighted.append((f"l{i}", weight))
        reads, elements, fixed = rng.sample(near, count), rng.randint(1, 12), rng.randint(0, 1)
        layers.append(layer(f"l{i}", reads, shapes, elements, weight, owner, fixed))
        shapes[f"l{i}"] = (elements,)
    more = rng.sample(list(shapes), rng.randint(0, min(2, len(shapes))))
    return Graph("random", inputs, tuple(layers), tuple(dict.fromkeys([*more, layers[-1].name])))


def chain(sizes, weight=0):
    """Layers c0, c1, ... one after the other; the first size is the input's."""
    shapes, layers = {"x": (sizes[0],)}, []
    for i, elements in enumerate(sizes[1:]):
        layers.append(layer(f"c{i}", [list(shapes)[-1]], shapes, elements, weight))
        shapes[f"c{i}"] = (elements,)
    return Graph("chain", {"x": (sizes[0],)}, tuple(layers), (layers[-1].name,))


def distortions(graph, value):
    """Every distortion that can be asked for: ``value(width)`` each."""
    keys = [(name, "activation", 8) for name in graph.inputs]
    for one in graph.layers:
        roles = ("activation", "weight") if one.owns_weight else ("activation",)
        keys += [(one.name, role, bits) for role in roles for bits in WIDTHS]
    return {key: Distortion(0.0, value(key[2])) for key in keys}


def falling(bits):
    """Distortion of anything at a width."""
    return 4.0**-bits


@st.composite
def graphs(draw, most=8):
    """What ``random_graph`` makes."""
    return random_graph(draw(st.randoms(use_true_random=False)), most)


def random_problem(rng, most=8, **more):
    """A random graph with random distortions, without a memory limit unless given one."""
    graph = random_graph(rng, most)
    table = distortions(graph, lambda bits: 4.0**-bits * rng.random())
    return Problem(graph, table, EDGE, CLOUD, LINKS, **more)


def closed_cuts(graph):
    """Every cut, prefix or not, by trying all sets of layers."""
    for size in range(len(graph.layers) + 1):
        for edge in itertools.combinations(graph.by_name, size):
            chosen = {*edge, *graph.inputs}
            if all(chosen.issuperset(graph.by_name[name].inputs) for name in edge):
                yield graph.cut(edge)


def chain_problem(memory_bytes=None, edge=INTEGERS, *, sizes=(8, 8, 8, 8), weight=16, **more):
    """A chain of layers whose distortions fall with the width, without a memory limit."""
    graph = chain(sizes, weight)
    table = distortions(graph, falling)
    return Problem(graph, table, edge, CLOUD, LINKS, memory_bytes, **more)

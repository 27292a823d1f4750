"""Small problems of the search, and all their plans by trying every cut and every width."""

import itertools
import random
from dataclasses import replace

import numpy as np
from builders import CLOUD, EDGE, LINKS, chain, distortions, random_graph, table_device
from hypothesis import strategies as st

from autosplit.errors import InfeasibleError
from autosplit.graph.graph import Graph, Tail
from autosplit.graph.layer import Gemm, Layer
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes, packed_bytes
from autosplit.hardware.prediction import cloud_s, transfer_s
from autosplit.hardware.seconds import layer_s
from autosplit.search.cuts.ideals import useful
from autosplit.search.problem import Problem

WIDTHS = (2, 4, 8)
NARROW_WINS = replace(EDGE, bandwidth_bytes_per_s=20.0)
ODD = replace(EDGE, peak_macs_per_s={2: 1.0e2, 4: 5.0e1, 8: 2.0e2, 32: 5.0e1})
"""Computes 4 bits more slowly than 8."""
SLOW_CODING = {"tensor": 0.25, "element": 0.03}
FAST_CODING = {"element": 0.01, "pixel": 9.0}
DEVICES = (EDGE, NARROW_WINS, ODD)


def small_problem(seed, most_tensors=9):
    """At most 7 layers and 3 widths; the number of tensors keeps trying all of them possible."""
    rng = random.Random(seed)
    while True:
        graph = random_graph(rng, 7)
        if seed % 4 == 1:  # one of four has something behind it in floats
            graph = replace(graph, tail=Tail(graph.layers[-1].name, chain([6, 9, 4], weight=5)))
        whole = graph.prefix(len(graph.layers))
        if len(whole.weights) + len(whole.edge) <= most_tensors:
            break
    table = distortions(graph, lambda bits: 4.0**-bits * rng.choice([rng.random(), 0.5]))
    shell = Problem(graph, table, DEVICES[seed % 3], CLOUD, LINKS, None, WIDTHS)
    need = edge_memory_bytes(whole, *shell.uniform(whole, 8))
    return replace(shell, memory_bytes=rng.choice([None, rng.randint(0, need)]))


def coded_problem(seed, most_tensors=8):
    """A small problem of which some outputs are coded: fewer bytes, and seconds of both ends."""
    problem, rng = small_problem(seed, most_tensors), random.Random(seed)
    coded = {
        (layer.name, bits): rng.randint(1, max(1, packed_bytes(layer.output_elements, bits) - 1))
        for layer in problem.graph.layers
        for bits in problem.usable
        if rng.random() < 0.7
    }
    edge = replace(problem.edge, encode_s=SLOW_CODING)
    cloud = replace(problem.cloud, decode_s=FAST_CODING)
    return replace(problem, coded=coded, edge=edge, cloud=cloud)


def coding_s(problem, crossing, tensors):
    """Seconds of both ends to code what crosses, counted here."""
    seconds = 0.0
    for t in (t for t in crossing if (t, tensors[t]) in problem.coded):
        for prices in (problem.edge.encode_s, problem.cloud.decode_s):
            seconds += prices.get("tensor", 0.0)
            seconds += prices.get("element", 0.0) * problem.graph.elements(t)
    return seconds


def prefix_cuts(problem):
    return [problem.graph.prefix(n) for n in range(len(problem.graph.layers) + 1)]


def every_cut(problem):
    found = useful(problem)
    assert found.complete
    return found.cuts


def everything(problem, cut, link):
    """Latency and distortion of a cut at all widths that fit, and the widths: by trying all.

    Layer by layer from ``layer_s``, tabulated over the widths of what the layer touches.
    """
    graph, usable = problem.graph, problem.usable
    names = [("weight", n) for n in cut.weights] + [("activation", n) for n in cut.edge]
    place = {name: i for i, name in enumerate(names)}
    grid = np.indices((len(usable),) * len(names)).reshape(len(names), len(usable) ** len(names))
    distortion = np.zeros(grid.shape[1]) + problem.distortion_of(
        {}, dict.fromkeys(graph.inputs, problem.input_bits)
    )
    for (role, name), i in place.items():
        distortion += np.array([problem.distortions[name, role, b].distortion for b in usable])[
            grid[i]
        ]
    latency = np.full(grid.shape[1], cloud_s(cut, problem.cloud))
    inputs = dict.fromkeys(graph.inputs, problem.input_bits)

    def tabulated(keys, value):
        """Value at all widths of some tensors, looked up for every column of the grid."""
        mine = [place[key] for key in keys]
        shape = (len(usable),) * len(mine)
        cells = np.array([value([usable[i] for i in at]) for at in np.ndindex(shape)])
        flat = np.zeros(grid.shape[1], dtype=int)
        for i in mine:
            flat = flat * len(usable) + grid[i]
        return cells[flat]

    for name in cut.edge:
        layer = graph.by_name[name]
        keys = [("weight", layer.weight_owner or name)] if layer.weight_elements else []
        tensors = dict.fromkeys(t for t in (*layer.inputs, name) if t not in inputs)
        keys += [("activation", t) for t in tensors]

        def takes(bits, layer=layer, tensors=tensors):
            widths = inputs | dict(zip(tensors, bits[len(bits) - len(tensors) :], strict=True))
            return layer_s(layer, graph, problem.edge, bits[0], widths)

        latency += tabulated(keys, takes)
    sent = [t for t in cut.crossing if t not in inputs]

    def way(bits):
        return transfer_s(cut, problem.links[link], inputs | dict(zip(sent, bits, strict=True)))

    latency += tabulated([("activation", t) for t in sent], way)
    fits = np.ones(grid.shape[1], dtype=bool)
    if cut.edge and problem.limit_bytes is not None:
        held = np.full(grid.shape[1], cut.fixed_bits // 8)
        for name in cut.weights:
            count = graph.by_name[name].weight_elements
            held += tabulated([("weight", name)], lambda bits, c=count: packed_bytes(c, *bits))
        peak = np.zeros(grid.shape[1], dtype=int)
        for live in cut.live:
            now = np.zeros(grid.shape[1], dtype=int)
            for t in live:
                count = graph.elements(t)
                if t in inputs:
                    now += packed_bytes(count, problem.input_bits)
                else:
                    key = [("activation", t)]
                    now += tabulated(key, lambda bits, c=count: packed_bytes(c, *bits))
            peak = np.maximum(peak, now)
        fits = held + peak <= problem.limit_bytes
    return latency[fits], distortion[fits], grid[:, fits], names


def all_plans(problem, link, cuts):
    """Latency and distortion of every plan, by rising latency."""
    parts = [everything(problem, cut, link)[:2] for cut in cuts]
    latency = np.concatenate([part[0] for part in parts])
    distortion = np.concatenate([part[1] for part in parts])
    order = np.lexsort((distortion, latency))
    return latency[order], distortion[order]


def steps(latency, distortion):
    """Fronts by trying all: [(latency, distortion)] with ties up to rounding merged."""
    found = []
    for s, d in zip(latency.tolist(), distortion.tolist(), strict=True):
        if not found or d < found[-1][1] * (1 - 1e-10):
            found.append((s, d))
    return found


def steady_device(graph):
    """A device on which widths do not change the seconds."""
    return table_device({layer.name: 0.02 * (1 + i % 3) for i, layer in enumerate(graph.layers)})


@st.composite
def odd_graphs(draw, most=4):
    """Skips, several inputs to a layer, several network inputs and outputs, shared weights."""
    unit = draw(st.sampled_from([1, 997]))  # small: every byte can be tried; large: it cannot
    names = ["x", "y"][: draw(st.integers(1, 2))]
    inputs = {name: (unit * draw(st.integers(1, 9)),) for name in names}
    shapes, layers, weighted = dict(inputs), [], []
    for i in range(draw(st.integers(1, most))):
        name = f"l{i}"
        reads = draw(st.lists(st.sampled_from(sorted(shapes)), min_size=1, max_size=3, unique=True))
        weight, owner = unit * draw(st.sampled_from([0, 3, 8, 11])), name
        if weighted and draw(st.booleans()):
            owner, weight = draw(st.sampled_from(weighted))
        elif weight:
            weighted.append((name, weight))
        shapes[name] = (unit * draw(st.integers(1, 12)),)
        layers.append(
            Layer(
                name,
                "conv" if weight else "add",
                tuple(reads),
                tuple(shapes[tensor] for tensor in reads),
                shapes[name],
                weight_elements=weight,
                weight_owner=owner if weight else "",
                fixed_elements=draw(st.integers(0, 1)),
                gemms=(Gemm(1, 3, draw(st.integers(1, 9))),) if weight else (),
            )
        )
    names = [layer.name for layer in layers]
    extra = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    outputs = tuple(dict.fromkeys([*extra, names[-1]]))
    return Graph("random", inputs, tuple(layers), outputs)


@st.composite
def problems(draw, most=4, edge=None, widths=(2, 3, 8)):
    graph = draw(odd_graphs(most))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    steps = draw(st.sampled_from([4, 1000]))  # few: many ties
    table = distortions(graph, lambda _: float(rng.integers(0, steps)) / steps)
    whole = graph.prefix(len(graph.layers))
    shell = Problem(graph, table, edge or steady_device(graph), CLOUD, LINKS, None, widths)
    most_bytes = edge_memory_bytes(whole, *shell.uniform(whole, 8))
    limit = draw(st.one_of(st.none(), st.integers(0, most_bytes)))
    return replace(shell, memory_bytes=limit)


def every_plan(problem):
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


def fronts(problem):
    """For every length: [(bytes sent, least distortion of what sends no more)] by trying all."""
    found = {}
    for cut, weights, tensors in every_plan(problem):
        distortion = problem.distortion_of(weights, tensors)
        sent = crossing_bytes(cut, tensors)
        best = found.setdefault(len(cut.edge), {})
        best[sent] = min(best.get(sent, np.inf), distortion)
    for length, best in found.items():
        front = []
        for sent in sorted(best):
            if not front or best[sent] < front[-1][1] - 1e-12:
                front.append((sent, best[sent]))
        found[length] = front
    return found


def has_room(problem):
    try:
        problem.check_feasible()
    except InfeasibleError:
        return False
    return True

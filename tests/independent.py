"""A brute force of the search, written from the documentation; it shares no code with the search.

Costs are those of ``docs/explanation/latency.md`` (model ``roofline``) and of
``docs/explanation/search.md``, in plain loops over every cut and every choice of widths.
"""

import itertools
import math
import random
from dataclasses import replace

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.search.problem import Problem
from autosplit.stats.stats import Distortion

INPUT_BITS = 8
CLOUD_BITS = 16
CODING = ({}, {"tensor": 0.05, "element": 0.004}, {"element": 0.02}, {"tensor": 0.4})


def drawn_problem(seed):
    """A network of at most 5 layers, one or two inputs, and distortions over up to 12 decades."""
    rng = random.Random(seed)
    shapes = {name: (rng.randint(1, 40),) for name in ("x", "y")[: rng.randint(1, 2)]}
    inputs, layers, tensors = dict(shapes), [], 0
    while tensors < 7 and len(layers) < 5:
        name = f"n{len(layers)}"
        reads = rng.sample(list(shapes)[-3:], min(len(shapes), rng.choice([1, 1, 2])))
        weight = rng.choice([0, 5, 30]) if tensors < 6 else 0
        elements = rng.randint(1, 40)
        layers.append(
            Layer(
                name,
                "conv" if weight else "add",
                tuple(reads),
                tuple(shapes[one] for one in reads),
                (elements,),
                weight_elements=weight,
                weight_channels=1 if weight else 0,
                weight_owner=name if weight else "",
                fixed_elements=rng.randint(0, 2),
                gemms=(Gemm(1, rng.randint(1, 9), elements),) if weight else (),
            )
        )
        shapes[name] = (elements,)
        tensors += 2 if weight else 1
    graph = Graph("drawn", inputs, tuple(layers), (layers[-1].name,))
    decades = rng.choice([2, 12])
    table = {(name, "activation", INPUT_BITS): Distortion(0.0, 1e-3) for name in inputs}
    for layer in layers:
        for role in ("activation", "weight") if layer.weight_elements else ("activation",):
            size = 10.0 ** -rng.uniform(0, decades)
            for bits in range(1, 9):
                table[layer.name, role, bits] = Distortion(0.0, size * 4.0**-bits * rng.random())
    peaks = rng.choice([{8: 100.0, 32: 20.0}, {2: 400.0, 8: 100.0, 32: 20.0}, {2: 50.0, 8: 90.0}])
    common = {"source": "drawn", "model": "roofline"}
    edge = Device(
        name="edge",
        float_bits=32,
        bandwidth_bytes_per_s=rng.choice([20.0, 200.0]),
        dispatch_s=rng.choice([0.0, 0.02]),
        peak_macs_per_s=peaks,
        **common,
    )
    cloud = Device(
        name="cloud",
        float_bits=CLOUD_BITS,
        bandwidth_bytes_per_s=2e3,
        peak_macs_per_s={16: 2e4},
        **common,
    )
    link = Link(
        name="link",
        source="drawn",
        uplink_bps=rng.choice([50.0, 500.0]),
        downlink_bps=rng.choice([None, 300.0]),
        rtt_s=rng.choice([0.0, 0.3]),
        **rng.choice([{}, {"message_bytes": 7, "reply_bytes": 3, "message_s": 0.04}]),
        byte_s=rng.choice([0.0, 0.05]),
    )
    widths = rng.choice([(2, 8), (4, 8), (2, 5)])
    limit = rng.choice([None, rng.randint(10, 300)])
    coded = {}
    if rng.random() < 0.6:
        edge = replace(edge, encode_s=rng.choice(CODING))
        cloud = replace(cloud, decode_s=rng.choice(CODING))
        for name, shape in shapes.items():
            for bits in (INPUT_BITS,) if name in inputs else widths:
                if rng.random() < 0.7:
                    coded[name, bits] = rng.randint(0, packed(math.prod(shape), bits))
    return Problem(graph, table, edge, cloud, {"link": link}, limit, widths, coded=coded)


def packed(elements, bits):
    return -(-elements * bits // 8)


def takes_s(layer, elements, device, weight_bits, bits):
    """Seconds of one layer: dispatch, then the larger of computing and memory traffic."""
    moved = packed(layer.weight_elements, weight_bits) + 4 * layer.fixed_elements
    moved += sum(packed(elements[name], bits[name]) for name in (*layer.inputs, layer.name))
    peaks = device.peak_macs_per_s
    if layer.gemms:
        operand = max(weight_bits, *(bits[name] for name in layer.inputs))
        compute_s = layer.macs / peaks[min(one for one in peaks if one >= operand)]
    else:
        compute_s = elements[layer.name] / min(peaks.values())
    return device.dispatch_s + max(compute_s, moved / device.bandwidth_bytes_per_s)


def cuts_of(graph):
    """Every set of layers that holds all predecessors of its layers."""
    names = [layer.name for layer in graph.layers]
    for kept in itertools.product([False, True], repeat=len(names)):
        edge = {name for name, here in zip(names, kept, strict=True) if here}
        if all(
            one in edge or one in graph.inputs
            for layer in graph.layers
            if layer.name in edge
            for one in layer.inputs
        ):
            yield edge


def prefixes_of(graph):
    names = [layer.name for layer in graph.layers]
    return [set(names[:length]) for length in range(len(names) + 1)]


def plans(problem, cuts):
    """Seconds, distortion, mean activation bits and edge layers of every plan that fits."""
    found = []
    for edge in cuts:
        found += _plans_of_cut(problem, edge)
    return found


def _plans_of_cut(problem, edge):
    graph, link, count = problem.graph, problem.links["link"], len(edge)
    layers = [layer for layer in graph.layers if layer.name in edge]
    elements = {name: math.prod(shape) for name, shape in graph.inputs.items()}
    elements |= {layer.name: math.prod(layer.output_shape) for layer in graph.layers}
    cloud = [layer for layer in graph.layers if layer.name not in edge]
    there = dict.fromkeys(elements, CLOUD_BITS)
    cloud_s = sum(takes_s(one, elements, problem.cloud, CLOUD_BITS, there) for one in cloud)
    crossing = sorted({t for one in cloud for t in one.inputs if t in edge or t in graph.inputs})
    answers = [t for t in graph.outputs if t not in edge]
    away_s = cloud_s
    if answers and link.downlink_bps is not None:
        back = 4 * sum(elements[t] for t in answers) + link.reply_bytes
        away_s += link.rtt_s / 2 + 8 * back / link.downlink_bps
    live = _live(graph, layers, set(crossing))
    inputs = dict.fromkeys(graph.inputs, INPUT_BITS)
    owners = [one.name for one in layers if one.weight_elements]
    found = []
    for chosen in itertools.product(problem.widths, repeat=len(owners) + count):
        weights = dict(zip(owners, chosen, strict=False))
        bits = inputs | {one.name: b for one, b in zip(layers, chosen[len(owners) :], strict=True)}
        size = {name: packed(elements[name], b) for name, b in bits.items()}
        held = sum(packed(one.weight_elements, weights.get(one.name, 0)) for one in layers)
        held += sum(4 * one.fixed_elements for one in layers)
        peak = max((sum(size[t] for t in together) for together in live), default=0)
        if layers and problem.memory_bytes is not None and held + peak > problem.memory_bytes:
            continue
        seconds = away_s + sum(
            takes_s(one, elements, problem.edge, weights.get(one.name, 0), bits) for one in layers
        )
        if crossing:
            sent = sum(problem.coded.get((t, bits[t]), size[t]) for t in crossing)
            seconds += link.rtt_s / 2 + link.message_s + link.byte_s * sent
            seconds += 8 * (sent + link.message_bytes) / link.uplink_bps
            for t in crossing:
                if (t, bits[t]) in problem.coded:
                    for prices in (problem.edge.encode_s, problem.cloud.decode_s):
                        seconds += prices.get("tensor", 0.0)
                        seconds += prices.get("element", 0.0) * elements[t]
        table = problem.distortions
        distortion = math.fsum(
            [table[t, "activation", b].distortion for t, b in bits.items()]
            + [table[t, "weight", b].distortion for t, b in weights.items()]
        )
        total = sum(elements[one.name] for one in layers)
        mean = sum(elements[one.name] * bits[one.name] for one in layers) / total if total else 0.0
        found.append((seconds, distortion, mean))
    return found


def _live(graph, layers, crossing):
    """Tensors in memory together while each edge layer runs, and at the end."""
    step = {one.name: place for place, one in enumerate(layers)}
    sets = [set() for _ in range(len(layers) + 1)]
    for name in (*graph.inputs, *step):
        reads = [step[one.name] for one in layers if name in one.inputs]
        first = step.get(name, 0)
        kept = name in crossing or name in graph.outputs
        last = len(layers) if kept else max(reads, default=first)
        for place in range(first, last + 1):
            sets[place].add(name)
    return sets if layers else []

"""The plain baselines: everything on one side, one width everywhere, floats, a JPEG, random plans.

"Float" means the edge device's ``float_bits`` for every edge weight and every edge layer's output;
nothing is quantized, so a float plan adds no distortion.  The network's inputs are the camera's, at
the problem's ``input_bits``, for every method.  None of these methods looks at the memory limit but
``random``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from autosplit.graph.graph import Cut
from autosplit.graph.memory import edge_memory_bytes
from autosplit.grid.grid import WIDTHS
from autosplit.hardware.device import Device
from autosplit.plan.plan import Plan
from autosplit.search.cost import distortion_floor, make_plan
from autosplit.search.pareto import unbeaten
from autosplit.search.problem import Problem
from autosplit.stats.coding import InputCoding

DRAWS = 1000
"""Plans that ``random`` draws."""
CLOUD_INTEGER_BITS = 8


def uniform(bits: int) -> Callable[[Problem], list[Plan]]:
    """Method ``uniformN``: all layers on the edge, all at N bits; no plan if the device lacks N."""

    def uniform_plan(problem: Problem) -> list[Plan]:
        if problem.edge.widths and bits not in problem.edge.widths:
            return []
        cut = problem.graph.prefix(len(problem.graph.layers))
        widths = problem.uniform(cut, bits)
        name, bound = f"uniform{bits}", distortion_floor(problem, cut, WIDTHS)
        return [make_plan(problem, cut, *widths, name=name, method=name, lower_bound=bound)]

    return uniform_plan


def cloud16(problem: Problem) -> list[Plan]:
    """All layers in the cloud; the input crosses at its own width."""
    cut = problem.graph.prefix(0)
    widths = problem.uniform(cut, problem.input_bits)
    bound = problem.distortion_of(*widths)
    return [make_plan(problem, cut, *widths, name="cloud16", method="cloud16", lower_bound=bound)]


def edge_float(problem: Problem) -> list[Plan]:
    """All layers on the edge, unquantized; no plan where the device cannot compute in floats."""
    if not has_floats(problem.edge):
        return []
    whole = problem.graph.prefix(len(problem.graph.layers))
    return [float_plan(problem, whole, "edge-float", "edge-float")]


def float_prefixes(problem: Problem) -> list[Plan]:
    """Every prefix cut with at least one edge layer, unquantized; none without floats."""
    if not has_floats(problem.edge):
        return []
    lengths = range(1, len(problem.graph.layers) + 1)
    cuts = {length: problem.graph.prefix(length) for length in lengths}
    return [float_plan(problem, cut, f"float{length:03d}", "float") for length, cut in cuts.items()]


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
    Encoding and decoding cost the seconds of the two devices' profiles, and ``jpeg_s`` of the
    link's.

    Returns:
        One plan for each quality, named after it; none without a coding, or if the network does not
        read exactly one input.
    """
    cut = problem.graph.prefix(0)
    if len(cut.crossing) != 1:
        return []
    return [_jpeg_plan(problem, cut, coding) for coding in problem.input_codings]


def _jpeg_plan(problem: Problem, cut: Cut, coding: InputCoding) -> Plan:
    """The plan of one quality."""
    plan = make_plan(
        problem,
        cut,
        *problem.uniform(cut, problem.input_bits),
        name=f"cloud-jpeg{coding.quality}",
        method="cloud-jpeg",
        lower_bound=0.0,
        sent_bytes=coding.sent,
        jpeg=True,
    )
    distortion = coding.distortion
    return replace(plan, distortion=distortion, lower_bound=distortion, input_coding=coding)


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
        fits = problem.fits(edge_memory_bytes(cut, weights, tensors))
        if fits and length in problem.lengths:
            bound = distortion_floor(problem, cut)
            name = f"random-{number:03d}"
            plans.append(
                make_plan(
                    problem, cut, weights, tensors, name=name, method="random", lower_bound=bound
                )
            )
    return unbeaten(plans)


def float_plan(problem: Problem, cut: Cut, name: str, method: str) -> Plan:
    """Make a plan of a cut in floats, which add no distortion."""
    widths = problem.uniform(cut, problem.edge.float_bits)
    bound = problem.distortion_of(*widths)
    return make_plan(problem, cut, *widths, name=name, method=method, lower_bound=bound)


def has_floats(device: Device) -> bool:
    """Whether a device can compute at its ``float_bits``.

    A roofline device must list a peak that wide, and a table that was measured width by width must
    have a row that wide for every layer.
    """
    if device.model == "roofline":
        return max(device.peak_macs_per_s) >= device.float_bits
    measured = [rows for rows in device.table.values() if isinstance(rows, Mapping)]
    return all(
        any(min((b for b in row if b), default=0) >= device.float_bits for row in rows)
        for rows in measured
    )

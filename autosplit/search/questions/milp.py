"""One prefix cut as a mixed-integer linear program (MILP), for what is too large to enumerate.

Widths are one choice of several per tensor; a layer's seconds are no less than its traffic takes
and no less than it computes at the width of each operand; the peak is no less than any live set.
``highs`` solves the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autosplit.search.arrays import Floats, Indices, Ints
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.pool import Picked, PoolCosts

SPARE = 2
"""Spare variables of a layer: for its bit operations, and for the joules of its products."""
Terms = dict[int, float]
"""A linear expression: variable -> coefficient."""
Inequality = tuple[Mapping[int, float], float]
"""A linear expression and the most that it may be."""


@dataclass(frozen=True)
class MilpModel:
    """The program of one cut.

    Attributes:
        costs: Tables of the problem.
        length: Layers on the edge.
        rows: What holds for every choice.
        seconds: The seconds on the edge, without dispatch, and those that outputs take to cross:
            of their bytes and of their coding.
        distortion: The distortion, without that of the network's inputs.
        memory: The bytes of memory.
        choices: Number of choices, each 0 or 1; they come first among the variables.
        extra: First of the spare variables, ``SPARE`` for each layer on the edge.
    """

    costs: PoolCosts
    length: int
    rows: tuple[Inequality, ...]
    seconds: Terms
    distortion: Terms
    memory: Terms
    choices: int
    extra: int

    @property
    def count(self) -> int:
        """Number of variables."""
        return self.extra + SPARE * self.length

    @property
    def widths(self) -> int:
        """Number of widths: so many neighbouring choices are those of one tensor."""
        return len(self.costs.problem.usable)

    def by_tensor(self) -> Floats:
        """Distortion of each tensor at each width, shape (tensors, widths)."""
        values = [self.distortion[place] for place in range(self.choices)]
        return np.array(values, dtype=np.float64).reshape(-1, self.widths)

    def chosen(self, picked: Picked) -> Indices:
        """Index of the width of each tensor in the one choice picked, shape (tensors,)."""
        weights, outputs, _ = place_of(self.costs, self.length)
        chosen = np.zeros(self.choices // self.widths, dtype=np.intp)
        for places, values in ((weights, picked.weights[0]), (outputs, picked.outputs[0])):
            for rank, place in places.items():
                chosen[place // self.widths] = values[rank]
        return chosen

    def picked(self, chosen: Indices) -> Picked:
        """The choice in which each tensor takes a width, by its index, shape (tensors,)."""
        weights, outputs, _ = place_of(self.costs, self.length)
        widths = np.zeros((2, 1, len(self.costs.problem.graph.layers)), dtype=np.uint8)
        for role, places in enumerate((weights, outputs)):
            for rank, place in places.items():
                widths[role, 0, rank] = chosen[place // self.widths]
        return Picked(np.array([self.length], dtype=np.intp), widths[0], widths[1])


def place_of(costs: PoolCosts, length: int) -> tuple[dict[int, int], dict[int, int], int]:
    """First variable of each weight and of each output on the edge, by rank, and their number."""
    size = len(costs.problem.usable)
    own = [int(rank) for rank in costs.parameters.rank if rank < length]
    weights = {rank: place * size for place, rank in enumerate(own)}
    outputs = {rank: (len(own) + rank) * size for rank in range(length)}
    return weights, outputs, (len(own) + length) * size


def build_milp(costs: PoolCosts, length: int, byte_s: float) -> MilpModel:
    """Write the program of the cut with the first layers on the edge; bytes sent take seconds.

    Args:
        costs: Tables of the problem.
        length: Layers on the edge.
        byte_s: Seconds of a byte sent.
    """
    weights, outputs, choices = place_of(costs, length)
    each = np.arange(len(costs.problem.usable))
    distortion: Terms = {}
    memory: Terms = {choices + length: 1.0}
    for row, rank in enumerate(costs.parameters.rank.tolist()):
        if rank < length:
            distortion |= _terms(weights[rank] + each, costs.parameters.distortion[row])
            memory |= _terms(weights[rank] + each, costs.parameters.size[row])
    seconds = {choices + rank: 1.0 for rank in range(length)}
    for rank in range(length):
        distortion |= _terms(outputs[rank] + each, costs.memory.distortion[rank])
        if costs.memory.read[rank] >= length:
            way_s = byte_s * costs.memory.sent[rank] + costs.memory.coding_s[rank]
            seconds |= _terms(outputs[rank] + each, way_s)
    rows: list[Inequality] = []
    for step in range(length):
        rows.append(_live_row(costs, step, choices + length, outputs))
        rows += _layer_rows(costs, step, choices + step, (weights, outputs))
    if costs.problem.limit_bytes is not None:
        rows.append((memory, float(costs.problem.limit_bytes)))
    extra = choices + length + 1
    return MilpModel(costs, length, tuple(rows), seconds, distortion, memory, choices, extra)


def _live_row(costs: PoolCosts, step: int, peak: int, outputs: Mapping[int, int]) -> Inequality:
    """Write that the peak is no less than what is live while a layer runs."""
    each = np.arange(len(costs.problem.usable))
    terms = {peak: -1.0}
    for rank in range(step + 1):
        if costs.memory.last[rank] >= step:
            terms |= _terms(outputs[rank] + each, costs.memory.size[rank])
    return terms, -float(costs.memory.input_bytes[step])


def _layer_rows(
    costs: PoolCosts, rank: int, time: int, places: tuple[Mapping[int, int], Mapping[int, int]]
) -> list[Inequality]:
    """Write that a layer's seconds, without dispatch, are no less than traffic and computing."""
    seconds, problem = costs.seconds, costs.problem
    layer, each = seconds.layers[rank], np.arange(len(problem.usable))
    rate = 8 * problem.edge.bandwidth_bytes_per_s
    operand = np.array([seconds.operands.index(bits) for bits in problem.usable])
    traffic, operands = {time: -1.0}, []
    if layer.weight is not None:
        first = places[0][layer.weight[0]]
        traffic |= _terms(first + each, layer.weight[1] / rate)
        operands.append(first)
    for tensor, bits in layer.tensors:
        first = places[1][tensor]
        traffic |= _terms(first + each, bits / rate)
        if tensor != rank:
            operands.append(first)
    rows: list[Inequality] = [(traffic, -layer.fixed_bits / rate)]
    compute_s = layer.compute_s
    # At operand o the layer takes compute_s[o], unless another operand is wider.
    for o, takes in enumerate(compute_s.tolist()):
        wider = {f + int(b): -takes for f in operands for b in each if operand[b] > o}
        if (compute_s[o:] >= takes).all():
            wider = {}
        if o == layer.least_operand:
            rows.append(({time: -1.0} | wider, -takes))
        for first in operands if o >= layer.least_operand else ():
            at = each[operand == o].tolist()
            rows += [({time: -1.0, first + b: takes} | wider, 0.0) for b in at]
    if layer.weight is not None and layer.pair_s is not None:
        rows += _pair_rows(seconds, rank, time, places)
    return rows


def _pair_rows(
    seconds: EdgeSeconds,
    rank: int,
    time: int,
    places: tuple[Mapping[int, int], Mapping[int, int]],
) -> list[Inequality]:
    """Write that a layer takes ``pair_s[w, o]`` at weight ``w`` and widest input ``o``.

    The row of a pair binds where both are chosen and no other input is wider; anywhere else it asks
    for nothing.
    """
    layer, problem = seconds.layers[rank], seconds.problem
    assert layer.weight is not None
    assert layer.pair_s is not None
    operand = [seconds.operands.index(bits) for bits in problem.usable]
    weight = places[0][layer.weight[0]]
    read = [places[1][tensor] for tensor, _ in layer.tensors if tensor != rank]
    rows: list[Inequality] = []
    for w, at in enumerate(operand):
        for o in range(layer.least_operand, len(seconds.operands)):
            takes = float(layer.pair_s[at, o])
            wider = {f + b: -takes for f in read for b, one in enumerate(operand) if one > o}
            mine = {time: -1.0, weight + w: takes}
            if o == layer.least_operand:
                rows.append((mine | wider, 0.0))
            for first in read:
                here = (b for b, one in enumerate(operand) if one == o)
                rows += [(mine | {first + b: takes} | wider, takes) for b in here]
    return rows


def _terms(places: Ints, values: Floats | Ints) -> Terms:
    return dict(zip(places.tolist(), map(float, values.tolist()), strict=True))

"""Lagrangian bounds: edge halves that give up distortion for seconds, at a price on a second.

A layer takes the longer of computing and moving its tensors.  Any mean of the two is no more than
that, and it is a sum over tensors: the traffic of each at its width, and the seconds of computing
at each operand's width.  At a price of a second those join the distortions of the tensors, so the
machinery that shares the memory between weights and activations finds, for every prefix cut and
every number of bytes sent, the least ``distortion + price * seconds``.  As the seconds are never
more than the true ones, what it finds also bounds from below what any widths can reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autosplit.search.arrays import Floats, Indices, Ints, WidthIndices
from autosplit.search.pareto import pareto
from autosplit.search.problem import Problem
from autosplit.search.widths.bucket_elimination import (
    BucketElimination,
    Crowded,
    LiveOutputs,
    live_outputs,
)
from autosplit.search.widths.division import bounds_below
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.weights import best_weights, parameters_of

PRICED_CELLS = 2**16
"""Cells of a table: fewer than without a price, as every price has tables of its own, and what they
leave unproven is solved plan by plan (``prove``)."""
SHARES = 16
"""Shares of the memory tried, besides those where a cut's own limits lie."""


@dataclass(frozen=True)
class PricedHalves:
    """What one price of a second finds, for every prefix cut; made by ``solve_priced``.

    Attributes:
        price: Distortion that a second is worth.
        constant_s: Seconds of each prefix that no width changes, shape (L + 1,).
        lengths: Layers on the edge, at least 1, shape (M,).
        weights: Index of the width of the weight that layer l stores, 0 where none is, (M, L).
        outputs: Index of the width of the output of layer l, 0 in the cloud, (M, L).
        sent: By length, bytes of outputs that cross at which ``lower`` falls, ascending; empty
            where nothing is proven.
        lower: By length, least ``distortion + price * seconds`` of what sends no more, without
            the constant seconds and the distortion of the network's inputs.
    """

    price: float
    constant_s: Floats
    lengths: Indices
    weights: WidthIndices
    outputs: WidthIndices
    sent: tuple[Ints, ...]
    lower: tuple[Floats, ...]

    @property
    def proof(self) -> PricedHalves:
        """What is proven, without the edge halves."""
        return replace(
            self, lengths=self.lengths[:0], weights=self.weights[:0], outputs=self.outputs[:0]
        )

    def bound(self, length: int, sent: int, seconds: float) -> float:
        """Bound the distortion of what sends no more bytes and takes no more seconds."""
        place = int(np.searchsorted(self.sent[length], sent, side="right")) - 1
        if place < 0:
            return 0.0
        worth = self.price * (seconds - float(self.constant_s[length]))
        return max(0.0, float(self.lower[length][place]) - worth)


@dataclass(frozen=True)
class _Mean:
    """Seconds of layers as sums over tensors, never more than the true ones.

    Attributes:
        constant_s: Seconds of each layer, shape (L,).
        weight_s: Seconds of the weight that a layer stores, by width, shape (L, B).
        write_s: Seconds of its output, shape (L, B).
        read_s: Rank of each tensor that it reads, and seconds by width, shape (B,).
    """

    constant_s: Floats
    weight_s: Floats
    write_s: Floats
    read_s: tuple[tuple[tuple[int, Floats], ...], ...]


class _PricedElimination(BucketElimination):
    """An elimination that charges for reading a tensor when the layer that reads it runs."""

    def __init__(
        self,
        live: LiveOutputs,
        shares: Ints,
        crowded: Crowded,
        reads: Sequence[Sequence[tuple[int, Floats]]],
    ) -> None:
        super().__init__(live, shares, crowded, PRICED_CELLS)
        self._reads = reads

    def _limit(self, step: int) -> None:
        super()._limit(step)
        for tensor, charge in self._reads[step]:
            place = next(place for place, axis in enumerate(self._axes) if tensor in axis)
            shape = [1] * self._least.ndim
            shape[place + 1] = -1
            self._least = self._least + charge.reshape(shape)


def price_ladder(problem: Problem, seconds: EdgeSeconds) -> list[tuple[float, int]]:
    """Prices of a second worth trying, each with the width (its index) that it makes likely.

    They are the exchange rates between neighbouring widths of an edge half of one width, one above
    them and two below: what is nearly as fast, or nearly as accurate, as can be.
    """
    count, size = len(problem.graph.layers), len(problem.usable)
    same = np.repeat(np.arange(size, dtype=np.uint8)[:, None], count, axis=1)
    takes_s = seconds.of(same, same, np.full(size, count))
    cut = problem.graph.prefix(count)
    distortion = [problem.distortion_of(*problem.uniform(cut, bits)) for bits in problem.usable]
    rates = []
    for b in range(size - 1):
        gain, cost = distortion[b] - distortion[b + 1], takes_s[b + 1] - takes_s[b]
        if gain > 0 and cost > 0:
            rates.append((float(gain / cost), b))
    if rates:
        (most, narrow), (least, wide) = rates[0], rates[-1]
        ends = [(least / 4, wide + 1), (least / 16, wide + 1)]
        rates = [(4 * most, narrow), *rates, *ends]
    return rates


def solve_priced(problem: Problem, seconds: EdgeSeconds, price: float, level: int) -> PricedHalves:
    """Find the edge halves of least ``distortion + price * seconds``, about the seconds above.

    Args:
        problem: The problem.
        seconds: Edge seconds of its layers.
        price: Distortion that a second is worth.
        level: Index of the width at which to ask whether computing or traffic takes longer.
    """
    mean = _mean(seconds, level)
    memory, parameters = live_outputs(problem), parameters_of(problem)
    everything = parameters.most_bytes + int(memory.peaks(-1)[-1])
    limit = everything if problem.limit_bytes is None else min(problem.limit_bytes, everything)
    shares = _shares(memory, limit)
    dear = replace(
        parameters, distortion=parameters.distortion + price * mean.weight_s[parameters.rank]
    )
    weights = best_weights(dear, limit - shares)
    memory = replace(memory, distortion=memory.distortion + price * mean.write_s)
    reads = [[(tensor, price * s) for tensor, s in one] for one in mean.read_s]
    elimination = _PricedElimination(memory, shares, "tie", reads)

    count = len(problem.graph.layers)
    lengths, owned, outputs = [], [], []
    sent, lower = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
    found = []
    for length, table in enumerate(elimination.tables(), start=1):
        one = replace(table, least=table.least + price * table.coding_s)
        total = weights.distortion[length][:, None] + one.least
        share = total.argmin(axis=0)
        distortion = total[share, np.arange(total.shape[1])]
        best = pareto(np.stack([one.sent, distortion], axis=1))
        found.append((length, share[best], best))
        below = bounds_below(one, weights.lower[length], shares).min(axis=0)
        # Where sending more proves nothing else the last bytes that did stand for all.
        fewer = pareto(np.stack([one.sent, below], axis=1)) if one.exact else best[:0]
        sent.append(one.sent[fewer])
        lower.append(below[fewer])
    for length, share, combination in found:
        widths = elimination.widths(length, share, combination)
        lengths += [length] * len(share)
        outputs.append(np.pad(widths, ((0, 0), (0, count - length))))
        owned.append(weights.widths(length, share))
    return PricedHalves(
        price,
        np.concatenate([[0.0], np.cumsum(mean.constant_s)]),
        np.array(lengths, dtype=np.intp),
        np.concatenate([np.zeros((0, count), dtype=np.uint8), *owned]),
        np.concatenate([np.zeros((0, count), dtype=np.uint8), *outputs]),
        tuple(sent),
        tuple(lower),
    )


def _shares(memory: LiveOutputs, limit: int) -> Ints:
    """Shares from the least that any cut needs to the most that one can use, ascending."""
    narrow, wide = memory.peaks(0), memory.peaks(-1)
    between = np.geomspace(max(1, narrow[0]), max(1, wide[-1]), SHARES).astype(np.int64)
    shares = np.concatenate([narrow, between])
    return np.unique(np.minimum(shares[shares >= narrow[0]], max(limit, int(narrow[0]))))


def _mean(seconds: EdgeSeconds, level: int) -> _Mean:
    """Split the seconds of each layer into what its tensors add."""
    problem = seconds.problem
    rate = problem.edge.bandwidth_bytes_per_s * 8
    operand = np.array([seconds.operands.index(bits) for bits in problem.usable])
    shape = len(seconds.layers), len(problem.usable)
    constant_s, weight_s, write_s = np.zeros(shape[0]), np.zeros(shape), np.zeros(shape)
    read_s = []
    for rank, costs in enumerate(seconds.layers):
        # The least at this operand's width or any wider one: another operand may be wider.
        compute_s = np.minimum.accumulate(costs.compute_s[::-1])[::-1]
        at_level = [costs.tensors[i][1][level] for i in range(len(costs.tensors))]
        moved = costs.fixed_bits + sum(at_level)
        moved += costs.weight[1][level] if costs.weight else 0
        widest = max(int(operand[level]), costs.least_operand)
        theta = 1.0 if moved / rate > costs.compute_s[widest] else 0.0
        read = [(tensor, bits) for tensor, bits in costs.tensors if tensor != rank]
        stores = costs.weight is not None and costs.weight[0] == rank
        # Of the operands each computes an equal part; those of fixed width count once.
        parts = len(read) + stores + 1
        part_s = (1 - theta) / parts * compute_s[operand]
        constant_s[rank] = problem.edge.dispatch_s + theta * costs.fixed_bits / rate
        constant_s[rank] += (1 - theta) / parts * float(compute_s[costs.least_operand])
        if costs.weight is not None and stores:
            weight_s[rank] = theta * costs.weight[1] / rate + part_s
        for tensor, bits in costs.tensors:
            if tensor == rank:
                write_s[rank] = theta * bits / rate
        read_s.append(tuple((tensor, theta * bits / rate + part_s) for tensor, bits in read))
    return _Mean(constant_s, weight_s, write_s, tuple(read_s))

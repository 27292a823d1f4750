"""Limits beside memory, in the user's terms: average bits and bit operations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autosplit.graph.bit_counts import product_bits
from autosplit.search.arrays import Booleans, Floats
from autosplit.search.questions.milp import MilpModel, place_of
from autosplit.search.widths.pool import Pool, PoolCosts


@dataclass(frozen=True)
class WidthLimits:
    """Most that an edge half may use; None: not limited.

    Attributes:
        weight_bits: Mean width of the weights stored on the edge, over their elements.
        activation_bits: Mean width of the outputs of edge layers, over their elements.
        bops: Bit operations: the sum over edge layers of multiply-accumulates x bits of the weight
            x bits of the widest input; of a layer without a weight the widest input counts twice.
    """

    weight_bits: float | None = None
    activation_bits: float | None = None
    bops: float | None = None

    def __post_init__(self) -> None:
        for name in ("weight_bits", "activation_bits", "bops"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name}: must be a number of at least 0, got {value}")

    @property
    def any(self) -> bool:
        """Whether there is any limit."""
        return (self.weight_bits, self.activation_bits, self.bops) != (None, None, None)


def used(costs: PoolCosts, pool: Pool, limits: WidthLimits) -> Booleans:
    """Whether each candidate keeps the limits."""
    bits = np.array(costs.problem.usable)
    layers = costs.problem.graph.layers
    rows = np.arange(len(layers))
    here = rows < pool.lengths[:, None]
    good = np.ones(len(pool.lengths), dtype=np.bool_)
    stores = np.isin(rows, costs.parameters.rank) & [n.owns_weight for n in layers]
    elements = np.array([layer.weight_elements for layer in layers]) * stores
    for limit, count, chosen in (
        (limits.weight_bits, elements, pool.weights),
        (limits.activation_bits, np.array([n.output_elements for n in layers]), pool.outputs),
    ):
        if limit is not None:
            total = np.where(here, count * (bits[chosen] - limit), 0.0).sum(axis=1)
            good &= total <= 1e-9 * max(1.0, float(count.sum()))
    if limits.bops is not None:
        good &= bops(costs, pool) <= limits.bops
    return good


def bops(costs: PoolCosts, pool: Pool) -> Floats:
    """Bit operations of each candidate."""
    bits, operands = np.array(costs.problem.usable), np.array(costs.seconds.operands)
    total, every = np.zeros(len(pool.lengths)), np.arange(len(pool.lengths))
    for rank, layer in enumerate(costs.seconds.layers):
        reads = operands[costs.seconds.widest_input(rank, pool.outputs, every)]
        weight = None if layer.weight is None else bits[pool.weights[:, layer.weight[0]]]
        each = float(costs.problem.graph.layers[rank].macs) * product_bits(weight, reads)
        total += np.where(pool.lengths > rank, each, 0.0)
    return total


def width_limit_rows(model: MilpModel, limits: WidthLimits) -> list[tuple[dict[int, float], float]]:
    """Write the limits as rows of a program; bit operations bring variables of their own."""
    costs, bits = model.costs, model.costs.problem.usable
    layers = costs.problem.graph.layers
    weights, outputs, _ = place_of(costs, model.length)
    rows: list[tuple[dict[int, float], float]] = []
    own = {rank: first for rank, first in weights.items() if layers[rank].owns_weight}
    for limit, places, count in (
        (limits.weight_bits, own, [n.weight_elements for n in layers]),
        (limits.activation_bits, outputs, [n.output_elements for n in layers]),
    ):
        if limit is not None:
            terms = {
                first + b: float(count[rank] * (width - limit))
                for rank, first in places.items()
                for b, width in enumerate(bits)
            }
            rows.append((terms, 0.0))
    if limits.bops is not None and math.isfinite(limits.bops):
        rows += _bop_rows(model, limits.bops)
    return rows


def _bop_rows(model: MilpModel, limit: float) -> list[tuple[dict[int, float], float]]:
    """Bit operations by layer: the product of two widths, exact where widths are whole."""
    costs, bits = model.costs, model.costs.problem.usable
    places, outputs, _ = place_of(costs, model.length)
    rows: list[tuple[dict[int, float], float]] = []
    total: dict[int, float] = {}
    for rank in range(model.length):
        layer, macs = costs.seconds.layers[rank], float(costs.problem.graph.layers[rank].macs)
        least = costs.seconds.operands[layer.least_operand]
        widest = max(least, *bits)
        read = [outputs[tensor] for tensor, _ in layer.tensors if tensor != rank]
        product = model.extra + rank
        total[product] = macs
        # product >= weight x input for every width of the weight and each input, if both are taken
        # Without a weight the bound always holds: there is no variable to make it depend on.
        choices: list[tuple[int, int | None]] = [(-1, None)]
        if layer.weight is not None:
            choices = [(places[layer.weight[0]] + b, width) for b, width in enumerate(bits)]
        for place, width in choices:
            off = 0.0 if width is None else float(product_bits(width, widest))
            keep = {} if width is None else {place: off}
            rows.append(({product: -1.0, **keep}, off - float(product_bits(width, least))))
            for first in read:
                ways = {first + b: float(product_bits(width, a)) for b, a in enumerate(bits)}
                rows.append(({product: -1.0, **keep, **ways}, off))
    rows.append((total, limit))
    return rows

"""Limits on what widths decide: mean width, bit operations (BOPs), energy of an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autosplit.graph.bit_counts import product_bits
from autosplit.graph.layer import Layer
from autosplit.search.arrays import Booleans, Floats, Indices, Ints, WidthIndices
from autosplit.search.questions.energy import energies, energy_rows
from autosplit.search.questions.milp import Inequality, MilpModel, place_of
from autosplit.search.tolerance import keeps, loosened
from autosplit.search.widths.pool import Pool, PoolCosts


@dataclass(frozen=True)
class WidthLimits:
    """Most that an edge half may use; None: not limited.

    Attributes:
        weight_bits: Mean width of the weights stored on the edge, over their elements.
        activation_bits: Mean width of the outputs of edge layers, over their elements.
        bops: Bit operations: the sum over edge layers of multiply-accumulates x bits of the weight
            x bits of the widest input; of a layer without a weight the widest input counts twice.
        energy_j: Joules of an answer on the edge device, as ``Prediction.energy_j`` over the link.
    """

    weight_bits: float | None = None
    activation_bits: float | None = None
    bops: float | None = None
    energy_j: float | None = None

    def __post_init__(self) -> None:
        for name in ("weight_bits", "activation_bits", "bops", "energy_j"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name}: must be a number of at least 0, got {value}")

    @property
    def any(self) -> bool:
        """Whether there is any limit."""
        return self != WidthLimits()


def keeps_width_limits(costs: PoolCosts, pool: Pool, limits: WidthLimits) -> Booleans:
    """Whether each candidate keeps the limits, shape (M,)."""
    kept = np.ones(len(pool.lengths), dtype=np.bool_)
    layers = costs.problem.graph.layers
    for limit, elements, chosen in (
        (limits.weight_bits, [_stored_elements(n) for n in layers], pool.weights),
        (limits.activation_bits, [n.output_elements for n in layers], pool.outputs),
    ):
        if limit is not None:
            kept &= keeps(_mean_bits(costs, np.array(elements), pool.lengths, chosen), limit)
    if limits.bops is not None:
        kept &= keeps(bops(costs, pool), limits.bops)
    if limits.energy_j is not None:
        kept &= keeps(energies(costs, pool), limits.energy_j)
    return kept


def _stored_elements(layer: Layer) -> int:
    return layer.weight_elements if layer.owns_weight else 0


def _mean_bits(costs: PoolCosts, elements: Ints, lengths: Indices, chosen: WidthIndices) -> Floats:
    """Mean width over elements of each candidate's edge half; 0 without any elements.

    ``graph.bit_counts.mean_bits`` is the same mean of one plan by names; this is that of M
    candidates as arrays, 0 in place of None so that a candidate without elements keeps any limit.

    Args:
        costs: Tables of the problem.
        elements: Elements of each layer, shape (L,).
        lengths: Layers on the edge, shape (M,).
        chosen: Index of the width of each layer, shape (M, L).
    """
    counted = np.where(np.arange(len(elements)) < lengths[:, None], elements, 0)
    bits = np.array(costs.problem.usable)[chosen]
    means: Floats = (counted * bits).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return means


def bops(costs: PoolCosts, pool: Pool) -> Floats:
    """Bit operations of each candidate, as ``graph.bit_counts.bit_operations``, shape (M,)."""
    bits, operands = np.array(costs.problem.usable), np.array(costs.seconds.operands)
    total, every = np.zeros(len(pool.lengths)), np.arange(len(pool.lengths))
    for rank, layer in enumerate(costs.seconds.layers):
        reads = operands[costs.seconds.widest_input(rank, pool.outputs, every)]
        weight = None if layer.weight is None else bits[pool.weights[:, layer.weight[0]]]
        each = float(costs.problem.graph.layers[rank].macs) * product_bits(weight, reads)
        total += np.where(pool.lengths > rank, each, 0.0)
    return total


def width_limit_rows(model: MilpModel, limits: WidthLimits) -> list[Inequality]:
    """Write the limits as rows of a program; bit operations and energy bring variables."""
    costs, bits = model.costs, model.costs.problem.usable
    layers = costs.problem.graph.layers
    weights, outputs, _ = place_of(costs, model.length)
    rows: list[Inequality] = []
    own = {rank: first for rank, first in weights.items() if layers[rank].owns_weight}
    for limit, places, count in (
        (limits.weight_bits, own, [n.weight_elements for n in layers]),
        (limits.activation_bits, outputs, [n.output_elements for n in layers]),
    ):
        if limit is not None and math.isfinite(limit):
            terms = {
                first + b: float(count[rank] * (width - loosened(limit)))
                for rank, first in places.items()
                for b, width in enumerate(bits)
            }
            rows.append((terms, 0.0))
    if limits.bops is not None and math.isfinite(limits.bops):
        rows += _bop_rows(model, limits.bops)
    if limits.energy_j is not None and math.isfinite(limits.energy_j):
        rows += energy_rows(model, limits.energy_j)
    return rows


def _bop_rows(model: MilpModel, limit: float) -> list[Inequality]:
    """Bit operations by layer: the product of two widths, exact where widths are whole."""
    costs, bits = model.costs, model.costs.problem.usable
    places, outputs, _ = place_of(costs, model.length)
    rows: list[Inequality] = []
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
    rows.append((total, loosened(limit)))
    return rows

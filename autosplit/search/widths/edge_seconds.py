"""Edge seconds of many choices of widths at once.

The formulas are those of ``hardware.seconds`` and are not repeated here: its compute seconds are
tabulated by the widths of the operands, and its traffic, a sum over tensors, is split into one
table per tensor by asking for one tensor's width at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autosplit.graph.bit_counts import integer_operand
from autosplit.graph.layer import Layer
from autosplit.hardware.seconds import compute_table
from autosplit.hardware.traffic import traffic_bits
from autosplit.search.arrays import Floats, Indices, Ints, WidthIndices
from autosplit.search.problem import Problem


@dataclass(frozen=True)
class _LayerCosts:
    """What one layer costs, by the indices of its widths.

    Attributes:
        compute_s: By the width of the widest operand, all of ``EdgeSeconds.operands``, shape (B,):
            exact, or a lower bound where ``pair_s`` says more.
        pair_s: By the widths of the weight and of the widest input, shape (B, B); None where
            ``compute_s`` says it all.
        fixed_bits: Traffic that no choice changes.
        weight: Rank of the layer that stores its weight, and traffic by width; None without one.
        tensors: Rank of each layer whose output it reads, and its own, with traffic by width.
        least_operand: Index of the widest operand whose width is fixed, not chosen.
    """

    compute_s: Floats
    pair_s: Floats | None
    fixed_bits: int
    weight: tuple[int, Ints] | None
    tensors: tuple[tuple[int, Ints], ...]
    least_operand: int


@dataclass(frozen=True)
class EdgeSeconds:
    """Tables of one problem's edge device."""

    problem: Problem

    @cached_property
    def operands(self) -> tuple[int, ...]:
        """Operand widths that can occur, ascending; 1 stands for a layer that reads nothing."""
        graph = self.problem.graph
        kept = {integer_operand(graph, layer) for layer in graph.layers}
        return tuple(sorted({1, self.problem.input_bits, *self.problem.usable, *kept}))

    @cached_property
    def layers(self) -> tuple[_LayerCosts, ...]:
        """Cost tables in topological order."""
        graph = self.problem.graph
        compute_s = compute_table(graph, self.problem.priced_devices[0], self.operands)
        return tuple(map(self._costs, graph.layers, compute_s))

    @cached_property
    def floor_s(self) -> Floats:
        """Seconds of each layer that no choice of widths undercuts, shape (L,).

        A narrower width may compute more slowly, so the least is taken over all of them; traffic
        is least at the narrowest.
        """
        device = self.problem.edge
        rate = 8 * device.bandwidth_bytes_per_s
        computes = [costs.compute_s[costs.least_operand :].min() for costs in self.layers]
        traffic = [costs.fixed_bits / rate for costs in self.layers]
        floor_s: Floats = device.dispatch_s + np.maximum(computes, traffic)
        return floor_s

    def _costs(self, layer: Layer, each_s: Floats) -> _LayerCosts:
        problem, graph = self.problem, self.problem.graph
        narrow = dict.fromkeys(graph.inputs, problem.input_bits)
        tensors = tuple(dict.fromkeys(t for t in (*layer.inputs, layer.name) if t not in narrow))
        narrow |= dict.fromkeys(tensors, problem.usable[0])
        least = traffic_bits(layer, graph, problem.usable[0], narrow)

        def more(weight: bool, tensor: str | None) -> Ints:
            return np.array(
                [
                    traffic_bits(
                        layer,
                        graph,
                        bits if weight else problem.usable[0],
                        {**narrow, tensor: bits} if tensor else narrow,
                    )
                    - least
                    for bits in problem.usable
                ]
            )

        floats = [t for t in layer.inputs if t in graph.inputs and t not in graph.integers]
        operand = max(problem.input_bits if floats else 1, integer_operand(graph, layer))
        owner = layer.owner
        compute_s = _by_widest(each_s) if layer.weight_elements else each_s[0]
        places = np.arange(len(compute_s))
        known = not layer.weight_elements or np.array_equal(
            each_s, compute_s[np.maximum(places[:, None], places)]
        )
        return _LayerCosts(
            compute_s,
            None if known else each_s,
            least,
            (graph.rank[owner], more(weight=True, tensor=None)) if layer.weight_elements else None,
            tuple(
                (graph.rank[t], more(weight=False, tensor=t))
                for t in tensors
                if t not in graph.integers
            ),
            self.operands.index(operand),
        )

    def of(self, weights: WidthIndices, outputs: WidthIndices, lengths: Indices) -> Floats:
        """Seconds of M edge halves that are prefixes.

        Args:
            weights: Index of the width of the weight that layer l stores, shape (M, L).
            outputs: Index of the width of the output of layer l, shape (M, L).
            lengths: Layers on the edge, shape (M,).
        """
        seconds = np.zeros(len(lengths))
        for rank in range(len(self.layers)):
            here = np.flatnonzero(lengths > rank)
            if not len(here):
                break
            seconds[here] += self.of_layer(rank, weights, outputs, here)
        return seconds

    def of_layer(
        self, rank: int, weights: WidthIndices, outputs: WidthIndices, rows: Indices
    ) -> Floats:
        """Seconds of one layer at some of M choices.

        Args:
            rank: Which layer.
            weights: Index of the width of the weight that layer l stores, shape (M, L).
            outputs: Index of the width of the output of layer l, shape (M, L).
            rows: Which of the choices, shape (N,).

        Returns:
            Shape (N,).
        """
        costs, device = self.layers[rank], self.problem.edge
        if costs.pair_s is None:
            computes_s = costs.compute_s[self.widest_operand(rank, weights, outputs, rows)]
        else:
            assert costs.weight is not None
            weight = self._operand[weights[rows, costs.weight[0]]]
            computes_s = costs.pair_s[weight, self.widest_input(rank, outputs, rows)]
        moved_bytes = self.moved_bits(rank, weights, outputs, rows) / 8
        traffic_s = moved_bytes / device.bandwidth_bytes_per_s
        seconds: Floats = device.dispatch_s + np.maximum(computes_s, traffic_s)
        return seconds

    def moved_bits(
        self, rank: int, weights: WidthIndices, outputs: WidthIndices, rows: Indices
    ) -> Ints:
        """Traffic of one layer at some of M choices, bits, shape (N,); args as ``of_layer``."""
        costs = self.layers[rank]
        moved = np.full(len(rows), costs.fixed_bits)
        if costs.weight is not None:
            owner, bits = costs.weight
            moved += bits[weights[rows, owner]]
        for tensor, bits in costs.tensors:
            moved += bits[outputs[rows, tensor]]
        return moved

    def widest_operand(
        self, rank: int, weights: WidthIndices, outputs: WidthIndices, rows: Indices
    ) -> Indices:
        """Index among ``operands`` of a layer's widest, weight or input; args as ``of_layer``."""
        widest, costs = self.widest_input(rank, outputs, rows), self.layers[rank]
        if costs.weight is not None:
            widest = np.maximum(widest, self._operand[weights[rows, costs.weight[0]]])
        return widest

    def widest_input(self, rank: int, outputs: WidthIndices, rows: Indices) -> Indices:
        """Index among ``operands`` of the widest tensor that a layer reads, at some of M choices.

        Args:
            rank: Which layer.
            outputs: Index of the width of the output of layer l, shape (M, L).
            rows: Which of the choices, shape (N,).

        Returns:
            Shape (N,).
        """
        costs = self.layers[rank]
        widest = np.full(len(rows), costs.least_operand, dtype=np.intp)
        for tensor, _ in costs.tensors:
            if tensor != rank:
                widest = np.maximum(widest, self._operand[outputs[rows, tensor]])
        return widest

    @cached_property
    def _operand(self) -> Indices:
        """Index among ``operands`` of each usable width."""
        return np.array([self.operands.index(b) for b in self.problem.usable], dtype=np.intp)


def _by_widest(pair_s: Floats) -> Floats:
    """Least seconds for each width of the widest operand.

    Args:
        pair_s: Seconds by the widths of the weight and of the widest input, shape (B, B).

    Returns:
        Shape (B,).
    """
    return np.array(
        [min(pair_s[b, : b + 1].min(), pair_s[: b + 1, b].min()) for b in range(len(pair_s))]
    )

"""Bits that a layer moves to and from memory, each tensor once and packed to its width."""

from __future__ import annotations

import math
from collections.abc import Mapping

from autosplit.errors import LatencyError
from autosplit.graph.graph import Graph
from autosplit.graph.layer import FIXED_BITS, Layer
from autosplit.graph.memory import packed_bytes, tensor_bytes


def traffic_bits(
    layer: Layer, graph: Graph, weight_bits: int, activation_bits: Mapping[str, int]
) -> int:
    """Count the bits that a layer moves to and from memory, each tensor once.

    Counted are weights and fixed parameters, the inputs and the output, all packed.  A layer that
    reads part of a tensor, through a slicing view, moves that part; a broadcast tensor is read
    once.  An embedding moves the rows that it looks up, not the whole table.

    Args:
        layer: The layer.
        graph: The graph that it belongs to.
        weight_bits: Width of its weight; ignored without one.
        activation_bits: Tensor -> width, for its inputs and its output.

    Raises:
        LatencyError: A tensor has no width.
    """
    weights, fixed = layer.weight_elements, layer.fixed_elements
    if layer.kind in ("embedding", "embedding_bag"):
        rows = max(1, sum(map(math.prod, layer.input_shapes))) if layer.kind != "embedding" else 1
        read = layer.output_elements * rows
        weights, fixed = min(weights, read), min(fixed, read)
    moved = packed_bytes(weights, weight_bits) + packed_bytes(fixed, FIXED_BITS)
    for tensor, shape in zip(layer.inputs, layer.input_shapes, strict=True):
        read = min(math.prod(shape), graph.elements(tensor))
        moved += packed_bytes(read, graph.width(tensor, _width(layer, tensor, activation_bits)))
    written = tensor_bytes(graph, layer.name, _width(layer, layer.name, activation_bits))
    return 8 * (moved + written)


def _width(layer: Layer, tensor: str, activation_bits: Mapping[str, int]) -> int:
    if tensor not in activation_bits:
        raise LatencyError(f"{layer.name}: tensor {tensor!r} must have a width")
    return activation_bits[tensor]

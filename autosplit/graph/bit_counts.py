"""Bits of a layer and of an edge half: input width, mean width, bit operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from autosplit.graph.graph import Cut, Graph
from autosplit.graph.layer import Layer

Bits = TypeVar("Bits", int, npt.NDArray[np.int64])
"""One width, or many widths at once."""
INTEGER_OPERAND = 8
"""Bits of the widest product with integers that are no numbers of a grid."""


def input_bits(graph: Graph, layer: Layer, activation_bits: Mapping[str, int]) -> int:
    """Width of the widest operand that a layer reads, bits; 1 for a layer that reads nothing.

    Integers that a product takes, as pixels are, are operands of at most ``INTEGER_OPERAND`` bits.

    Args:
        graph: The graph that it belongs to.
        layer: The layer.
        activation_bits: Tensor -> width, for its inputs.
    """
    numbers = (activation_bits[name] for name in layer.inputs if name not in graph.integers)
    return max(integer_operand(graph, layer), *numbers, 1)


def integer_operand(graph: Graph, layer: Layer) -> int:
    """Width of the widest operand of integers that a layer's products take, bits; 1 without any."""
    kept = [graph.integers[name].bits for name in layer.inputs if name in graph.integers]
    return min(max(kept, default=1), INTEGER_OPERAND) if layer.gemms else 1


def product_bits(weight_bits: Bits | None, input_bits: Bits) -> Bits:
    """Bit operations of one multiply-accumulate: bits of the weight times bits of the input.

    Args:
        weight_bits: Width of the weight; None where a layer multiplies two inputs, of which the
            widest counts twice.
        input_bits: Width of the widest input.
    """
    return input_bits * (input_bits if weight_bits is None else weight_bits)


def bit_operations(
    cut: Cut, weight_bits: Mapping[str, int], activation_bits: Mapping[str, int]
) -> int:
    """Bit operations (BOPs) of an edge half: the sum over its layers of macs x ``product_bits``.

    Args:
        cut: The cut.
        weight_bits: Layer that stores a weight -> its width.
        activation_bits: Tensor -> width, for the network's inputs and every edge layer.
    """
    total = 0
    for name in cut.edge:
        layer = cut.graph.by_name[name]
        weight = weight_bits[layer.owner] if layer.weight_elements else None
        total += layer.macs * product_bits(weight, input_bits(cut.graph, layer, activation_bits))
    return total


def mean_bits(elements: Mapping[str, int], bits: Mapping[str, int]) -> float | None:
    """Mean width over the elements of some tensors, bits; None where there are no elements.

    Args:
        elements: Tensor -> number of elements.
        bits: Tensor -> width, for these tensors and any others.

    >>> mean_bits({"a": 3, "b": 1}, {"a": 2, "b": 8, "c": 4})
    3.5
    """
    total = sum(elements.values())
    return sum(count * bits[name] for name, count in elements.items()) / total if total else None


def mean_weight_bits(cut: Cut, weight_bits: Mapping[str, int]) -> float | None:
    """Mean width of the weights stored on the edge, over their elements; None without any."""
    layers = cut.graph.by_name
    return mean_bits({name: layers[name].weight_elements for name in cut.weights}, weight_bits)


def mean_activation_bits(cut: Cut, activation_bits: Mapping[str, int]) -> float | None:
    """Mean width of the outputs of edge layers, over their elements; None for all-cloud."""
    return mean_bits({name: cut.graph.elements(name) for name in cut.edge}, activation_bits)

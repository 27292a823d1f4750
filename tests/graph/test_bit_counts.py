from dataclasses import replace

import numpy as np
import pytest
from builders import chain, diamond, part

from autosplit.graph.bit_counts import (
    INTEGER_OPERAND,
    bit_operations,
    input_bits,
    mean_activation_bits,
    mean_bits,
    mean_weight_bits,
    product_bits,
)
from autosplit.graph.graph import Graph
from autosplit.graph.integers import Integers
from autosplit.graph.layer import Gemm


def test_the_input_width_is_that_of_the_widest_tensor_read():
    widths = {"x": 2, "y": 5, "c": 8}  # its output is no operand
    both = part("c", "x", "y", elements=1, weight=9)
    graph = Graph("g", {"x": (1,), "y": (1,)}, (both,), ("c",))
    assert input_bits(graph, both, widths) == 5
    assert input_bits(graph, part("alone", elements=1), {}) == 1


@pytest.mark.parametrize(("bits", "operand"), [(1, 2), (7, 7), (20, INTEGER_OPERAND)])
def test_integers_are_operands_of_products_alone(bits, operand):
    product = part("c", "x", "y", elements=1, gemms=(Gemm(1, 1, 1),))
    lookup = part("d", "x", "y", elements=1)
    kept = {"y": Integers(bits)}
    graph = Graph("g", {"x": (1,), "y": (1,)}, (product, lookup), ("c",), integers=kept)
    assert input_bits(graph, product, {"x": 2, "y": 8}) == operand
    assert input_bits(graph, lookup, {"x": 2, "y": 8}) == 2


@pytest.mark.parametrize(("weight", "reads", "bits"), [(4, 8, 32), (8, 4, 32), (None, 6, 36)])
def test_a_product_counts_the_bits_of_both_operands(weight, reads, bits):
    assert product_bits(weight, reads) == bits


def test_products_of_many_widths_are_counted_at_once():
    reads = np.array([2, 8])
    assert product_bits(np.array([3, 4]), reads).tolist() == [6, 32]
    assert product_bits(None, reads).tolist() == [4, 64]


def test_bit_operations_count_the_widest_input_twice_where_there_is_no_weight():
    graph = chain([8, 8, 8, 8], weight=16)
    first, _, third = graph.layers
    first = replace(first, gemms=(Gemm(1, 2, 8),))
    add = replace(part("c1", "x", "c0", elements=8), gemms=(Gemm(1, 1, 8),))
    cut = replace(graph, layers=(first, add, third)).prefix(2)
    # c0: 16 products of 8-bit inputs and 4-bit weights; the sum: 8 of 8 bits and 8 bits
    assert bit_operations(cut, {"c0": 4}, {"x": 8, "c0": 2, "c1": 2}) == 16 * 8 * 4 + 8 * 8 * 8
    assert bit_operations(graph.prefix(0), {}, {"x": 8}) == 0


def test_a_shared_weight_counts_at_its_owner_s_width():
    """out reads add, 8 bits, with the weight stored with b, 2 bits: 7 products."""
    graph = diamond()
    out = replace(graph.layers[3], gemms=(Gemm(1, 7, 1),))
    graph = Graph("diamond", graph.inputs, (*graph.layers[:3], out), ("out",))
    cut = graph.prefix(4)
    assert bit_operations(cut, {"a": 4, "b": 2}, dict.fromkeys(cut.edge_tensors, 8)) == 7 * 2 * 8


def test_mean_widths_weigh_by_elements_and_leave_out_the_network_s_inputs():
    cut = diamond().prefix(2)
    assert mean_weight_bits(cut, {"a": 2, "b": 8}) == (100 * 2 + 50 * 8) / 150
    assert mean_activation_bits(cut, {"x": 8, "a": 2, "b": 4}) == (20 * 2 + 30 * 4) / 50


def test_there_is_no_mean_of_nothing():
    assert mean_bits({}, {}) is None
    assert mean_weight_bits(diamond().prefix(0), {}) is None
    assert mean_activation_bits(diamond().prefix(0), {"x": 8}) is None

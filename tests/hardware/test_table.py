"""Measured seconds: the row of the narrowest kernel that holds the operands."""

from dataclasses import replace

import pytest
from boards import BENCH, graph, uniform

from autosplit.errors import LatencyError
from autosplit.hardware.seconds import MODELS, layer_s


def test_a_table_says_the_seconds_and_no_traffic_is_added():
    g = graph()
    for bits in (1, 32):
        widths = uniform(g.tensors, bits)
        assert layer_s(g.by_name["conv"], g, BENCH, bits, widths) == 0.5


def test_a_layer_that_is_not_in_the_table_is_named():
    with pytest.raises(LatencyError, match=r"fc2: the table of bench .*, did you mean 'fc'\?"):
        MODELS["table"](graph().by_name["fc2"], BENCH, 1, 8)


PAIRS = {(8, 8): 0.5, (4, 8): 0.25, (8, 4): 1.0, (32, 32): 2.0}


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "seconds"),
    [
        # the narrowest kernel that holds both: least of the wider of the two, then of the weight
        (8, 8, 0.5),
        (4, 8, 0.25),
        (2, 5, 0.25),
        (4, 4, 0.25),  # 4/8 and 8/4 hold it, both of 8 bits; 4/8 has the narrower weight
        (5, 4, 1.0),  # a narrower kernel may be slower and is taken all the same
        (5, 5, 0.5),
        (9, 1, 2.0),
        (1, 9, 2.0),
        (32, 32, 2.0),
    ],
)
def test_the_row_of_the_narrowest_kernel_is_taken(weight_bits, activation_bits, seconds):
    board = replace(BENCH, table={"fc": PAIRS})
    layer = graph().by_name["fc"]

    assert MODELS["table"](layer, board, weight_bits, activation_bits) == seconds


def test_operands_that_no_row_holds_are_named_with_the_rows_that_are_there():
    board = replace(BENCH, table={"fc": {(8, 8): 0.5, (4, 8): 0.25}})
    layer = graph().by_name["fc"]

    with pytest.raises(LatencyError, match=r"fc: .* weight of 9 .* 8 bits, it has 4/8, 8/8"):
        MODELS["table"](layer, board, 9, 8)


def test_a_layer_reads_the_row_of_its_own_widths():
    g = graph()
    board = replace(BENCH, table={"fc": PAIRS})
    layer = g.by_name["fc"]
    widths = dict.fromkeys(g.tensors, 8)

    assert layer_s(layer, g, board, 4, widths) == 0.25
    assert layer_s(layer, g, board, 8, widths) == 0.5


def test_a_layer_without_a_weight_is_looked_up_at_weight_0():
    g = graph()
    board = replace(BENCH, table={"relu": {(0, 8): 0.25, (0, 4): 0.75}})
    relu = g.by_name["relu"]

    for weight_bits in (2, 8, 32):
        assert layer_s(relu, g, board, weight_bits, uniform(g.tensors, 8)) == 0.25
        assert layer_s(relu, g, board, weight_bits, uniform(g.tensors, 3)) == 0.75

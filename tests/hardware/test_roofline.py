"""Seconds at peak rate."""

from dataclasses import replace

import pytest
from boards import BOARD, graph, one_layer

from autosplit.errors import LatencyError
from autosplit.graph.layer import Gemm
from autosplit.hardware.seconds import MODELS


@pytest.mark.parametrize(("bits", "peak"), [(1, 400), (4, 400), (5, 200), (8, 200), (9, 100)])
def test_a_roofline_runs_at_the_narrowest_width_that_holds_the_operands(bits, peak):
    conv = graph().by_name["conv"]
    assert MODELS["roofline"](conv, BOARD, 1, bits) == pytest.approx(16 * 18 * 3 / peak)


def test_operands_wider_than_every_peak_are_an_error():
    board = replace(BOARD, peak_macs_per_s={8: 1.0, 4: 2.0})
    conv, relu = graph().layers[:2]
    with pytest.raises(LatencyError, match=r"conv: needs 16-bit operands, board .* for 4, 8 only"):
        MODELS["roofline"](conv, board, 1, 16)
    assert MODELS["roofline"](relu, board, 1, 16) == 48 / 1.0  # no products, no peak needed


def test_the_softmax_inside_an_attention_takes_its_time_beside_the_products():
    # scores of 4 by 6, dot products of 5; then values of 5 under 6 scores each
    products = (Gemm(4, 5, 6), Gemm(4, 6, 5))
    _, layer = one_layer(kind="attention", gemms=products)
    board = replace(BOARD, elementwise_ops_per_s=50.0)
    expected = 5 * 4 * 6 / 50 + (4 * 5 * 6 + 4 * 6 * 5) / 200
    assert MODELS["roofline"](layer, board, 0, 8) == pytest.approx(expected)

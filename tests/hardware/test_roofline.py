"""Seconds at peak rate."""

from dataclasses import replace

import pytest
from boards import BOARD, graph

from autosplit.errors import LatencyError
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

"""Grids of 8 bits whose levels are int8."""

from dataclasses import replace

import numpy as np
import pytest

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.grid.grid import Grid
from autosplit.hardware.device import load_device
from autosplit.plan.int8_weights import int8_grid, is_depthwise, stats_for
from autosplit.stats.stats import Distortion, Stats

DENSE = Layer("a", "conv", ("x",), ((3, 4, 4),), (4, 4, 4), 12, 4, gemms=(Gemm(16, 3, 4),))
DEEP = replace(
    DENSE, name="b", inputs=("a",), input_shapes=((4, 4, 4),), weight_elements=36, groups=4
)
GRAPH = Graph("net", {"x": (3, 4, 4)}, (DENSE, DEEP), ("b",))


@pytest.mark.parametrize("zero", [0, 1, 50, 127, 128, 129, 200, 255])
def test_an_int8_grid_holds_what_the_free_one_holds_and_is_no_coarser_than_needed(zero):
    free = Grid.of(8, 0.5, zero)

    kept = int8_grid(free)

    assert kept.zero_point.tolist() == [128]
    (low,), (high,) = kept.low, kept.high
    assert low <= free.low[0] * (1 - 1e-6)
    assert high >= free.high[0] * (1 - 1e-6)
    assert low == pytest.approx(free.low[0]) or high == pytest.approx(free.high[0])


def test_the_steps_by_hand():
    # zero 64: the free levels reach -64..191 steps, and 191 / 127 int8 steps hold them
    np.testing.assert_allclose(int8_grid(Grid.of(8, (1, 1), (64, 128))).scale, [191 / 127, 1])


def test_a_layer_is_depthwise_where_each_channel_has_its_own_filter():
    assert [is_depthwise(one) for one in (DENSE, DEEP, replace(DEEP, groups=2))] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("which", "changed"), [("none", set()), ("depthwise", {"b"}), ("all", {"a", "b"})]
)
def test_the_device_says_which_weights_have_int8_levels(which, changed):
    free = Grid.of(8, (1.0, 1.0), (64, 64))
    grids = {(name, bits): replace(free, bits=bits) for name in "ab" for bits in (7, 8)}
    found = {(name, "weight", bits): Distortion(2.0, 3.0) for name, bits in grids}
    stats = Stats(1, {}, found, {}, grids)
    device = replace(load_device("raspberry_pi_4"), int8_weights=which)

    kept = stats_for(device, GRAPH, stats)

    for (name, bits), before in grids.items():
        factor = (191 / 127) ** 2 if name in changed and bits == 8 else 1
        after = kept.distortions[name, "weight", bits]
        assert (after.mse, after.distortion) == pytest.approx((2 * factor, 3 * factor))
        assert (kept.weight_grids[name, bits] == before) is (factor == 1)

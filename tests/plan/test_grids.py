"""The grids of a plan, from what was measured."""

from dataclasses import replace

import numpy as np
import pytest
from plans import plan_file

from autosplit.grid.grid import LEAST_STEP, Grid, Unquantized
from autosplit.plan.grids import DEAD, plan_grids, raise_dead
from autosplit.stats.stats import Stats


def plan_of(weight_bits, activation_bits):
    return replace(
        plan_file().plan, weight_bits={"a": weight_bits}, activation_bits={"x": activation_bits}
    )


def test_grids_come_from_the_clipping_that_was_measured():
    """The range -1..2 has steps of 3 / (2^2 - 1); zero is the second of -1, 0, 1, 2."""
    grid = Grid.of(2, (0.1, 1 / 3), (1, 2))
    stats = Stats(1, {}, {}, {("x", 2): Grid.from_range(-1.0, 2.0, 2)}, {("a", 2): grid})

    assert plan_grids(plan_of(2, 2), stats) == ({"a": grid}, {"x": Grid.of(2, 1.0, 1)})


def test_each_tensor_has_the_grid_of_its_own_width():
    grids = {("a", bits): Grid.of(bits, (bits, bits), (0, 0)) for bits in (2, 3)}
    inputs = {("x", bits): Grid.from_range(0.0, high, bits) for bits, high in ((2, 3), (4, 30))}

    weights, activations = plan_grids(plan_of(3, 4), Stats(1, {}, {}, inputs, grids))
    assert weights == {"a": grids["a", 3]}
    assert activations == {"x": Grid.of(4, 2.0, 0)}


@pytest.mark.parametrize("bits", [16, 32])
def test_tensors_of_float_widths_have_no_grid(bits):
    found = plan_grids(plan_of(bits, bits), Stats(1, {}, {}, {}, {}))

    assert found == ({"a": Unquantized(bits)}, {"x": Unquantized(bits)})


def test_a_dead_channel_of_a_plan_has_a_step_that_a_bias_can_be_counted_in():
    grid = Grid.of(2, (1.0, LEAST_STEP), (1, 2))
    stats = Stats(1, {}, {}, {("x", 2): Grid.from_range(0.0, 1.0, 2)}, {("a", 2): grid})

    weights, _ = plan_grids(plan_of(2, 2), stats)
    assert weights == {"a": Grid.of(2, (1.0, DEAD), (1, 2))}


@pytest.mark.parametrize(
    ("steps", "raised"),
    [
        ((4.0, 1.0), (4.0, 1.0)),
        ((4.0, 1e-30), (4.0, 4 * DEAD)),
        ((4.0, 4 * DEAD), (4.0, 4 * DEAD)),
        ((LEAST_STEP, LEAST_STEP), (DEAD, DEAD)),
    ],
)
def test_no_step_is_far_below_the_coarsest(steps, raised):
    found = raise_dead(np.float32(steps))

    assert (found.dtype, tuple(found)) == (np.float32, raised)

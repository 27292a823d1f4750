"""GPTQ with descent is never worse than the nearest, in any unit and on any processor."""

import pytest
import torch
from rounding import error_of_levels, rounding_problem

from autosplit.grid.grid import LEAST_STEP
from autosplit.quantize.moment_rounding import round_by_moment
from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.second_moment import damped_moment


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("columns", [7, 300])
def test_it_is_never_worse_than_the_nearest(bits, columns):
    weight, moment, _ = rounding_problem(bits, rows=6, columns=columns)
    steps = 2**bits - 1
    grid = RowGrids(2 * weight.abs().amax(1) / steps, torch.full((6,), steps // 2), bits)
    levels, fitted = round_by_moment(weight, grid, moment)
    plain = error_of_levels(weight, grid.nearest(weight), grid, moment)

    assert (error_of_levels(weight, levels, fitted, moment) <= plain * (1 + 1e-5)).all()
    assert error_of_levels(weight, levels, fitted, moment).sum() < 0.8 * plain.sum()
    assert ((levels + grid.zero_point[:, None]) >= 0).all()
    assert ((levels + grid.zero_point[:, None]) <= steps).all()
    assert (levels == levels.round()).all()


def test_inputs_that_are_all_zero_leave_the_nearest():
    weight, _, grid = rounding_problem(2)
    levels, _ = round_by_moment(weight, grid, damped_moment(torch.zeros(5, 5), 9))

    assert levels.isfinite().all()
    assert (levels == grid.nearest(weight)).float().mean() > 0.9


@pytest.mark.parametrize("power", [-110, -73, 60, 110])
def test_the_units_of_weights_do_not_matter(power, denormals):
    """All numbers are multiplied by powers of two, which is exact: no level may change."""
    weight, moment, grid = rounding_problem(3)
    levels, fitted = round_by_moment(weight, grid, moment)
    powers = torch.tensor([0, power, power // 2])
    scaled = RowGrids(torch.ldexp(grid.scale, powers), grid.zero_point, grid.bits)
    got, refitted = round_by_moment(torch.ldexp(weight, powers[:, None]), scaled, moment)

    assert torch.equal(got, levels)
    assert torch.equal(refitted.scale, torch.ldexp(fitted.scale, powers))


def test_steps_of_a_weight_of_zeros_leave_numbers(flushed):
    """The least step there is, times a moment below one, is no normal number."""
    _, moment, _ = rounding_problem(3)
    grid = RowGrids(torch.full((3,), LEAST_STEP), torch.full((3,), 1), 2)
    levels, fitted = round_by_moment(torch.zeros(3, 5), grid, moment / 1000)

    assert not levels.any()
    assert torch.equal(fitted.scale, grid.scale)

"""Rounding by the inputs' moment: against brute force, and never worse than to the nearest."""

import itertools

import pytest
import torch

from autosplit.grid.grid import LEAST_STEP
from autosplit.quantize.gptq import (
    RowGrids,
    damped,
    improve,
    output_error,
    refit,
    round_by_feedback,
    round_by_moment,
)


def problem(seed, rows=3, columns=5, bits=2):
    """A weight, correlated inputs' moment, and a grid per row."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator)
    mix = torch.randn(columns, columns, generator=generator)
    inputs = torch.randn(200, columns, generator=generator) @ mix
    grid = RowGrids(torch.full((rows,), 0.8), torch.full((rows,), 1), bits)
    return weight, damped(inputs.T @ inputs / 200, 200), grid


def error(weight, levels, grid, moment):
    return output_error(weight, levels * grid.scale[:, None], moment)


def test_nearest_levels_stay_on_the_grid():
    grid = RowGrids(torch.tensor([0.5, 1.0]), torch.tensor([1, 3]), 2)

    assert grid.nearest(torch.tensor([[-9.0, 0.26, 9.0], [-9.0, 0.4, 9.0]])).tolist() == [
        [-1, 1, 2],
        [-3, 0, 0],
    ]


def test_the_output_error_is_that_of_the_outputs():
    weight, moment, grid = problem(0)
    root = torch.linalg.cholesky(moment)  # inputs whose second moment is the moment
    outputs = (weight - grid.nearest(weight) * grid.scale[:, None]) @ root

    assert torch.allclose(
        error(weight, grid.nearest(weight), grid, moment), outputs.square().sum(1), rtol=1e-4
    )


@pytest.mark.parametrize("seed", range(10))
def test_no_single_level_can_be_moved_to_advantage_after_descent(seed):
    weight, moment, grid = problem(seed)
    levels = improve(weight, grid, moment, grid.nearest(weight), 50)
    best = error(weight, levels, grid, moment)

    for row, column in itertools.product(range(3), range(5)):
        for level in range(-1, 3):
            other = levels.clone()
            other[row, column] = level
            assert error(weight, other, grid, moment)[row] >= best[row] * (1 - 1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_descent_from_feedback_is_near_the_best_of_all(seed):
    """All 4^5 choices of a row are tried: near, and much nearer than rounding to the nearest."""
    weight, moment, grid = problem(seed, rows=1)
    every = torch.tensor(list(itertools.product(range(-1, 3), repeat=5))).float()
    wide = RowGrids(grid.scale.repeat(len(every)), grid.zero_point.repeat(len(every)), 2)
    least = error(weight.expand(len(every), -1), every, wide, moment).min()
    start = round_by_feedback(weight, grid, moment)
    found = error(weight, improve(weight, grid, moment, start, 50), grid, moment)

    assert least * (1 - 1e-4) <= found <= max(2 * least, 1e-4)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("columns", [7, 300])
def test_it_is_never_worse_than_the_nearest(bits, columns):
    weight, moment, _ = problem(bits, rows=6, columns=columns)
    steps = 2**bits - 1
    grid = RowGrids(2 * weight.abs().amax(1) / steps, torch.full((6,), steps // 2), bits)
    levels, fitted = round_by_moment(weight, grid, moment)
    plain = error(weight, grid.nearest(weight), grid, moment)

    assert (error(weight, levels, fitted, moment) <= plain * (1 + 1e-5)).all()
    assert error(weight, levels, fitted, moment).sum() < 0.8 * plain.sum()
    assert ((levels + grid.zero_point[:, None]) >= 0).all()
    assert ((levels + grid.zero_point[:, None]) <= steps).all()
    assert (levels == levels.round()).all()


def test_a_refitted_scale_is_the_least_of_a_dense_scan():
    weight, moment, grid = problem(1)
    levels = grid.nearest(weight)
    found = error(weight, levels, refit(weight, grid, moment, levels), moment)

    for scale in torch.linspace(0.41, 1.59, 400):
        other = RowGrids(torch.full((3,), float(scale)), grid.zero_point, 2)
        assert (found <= error(weight, levels, other, moment) * (1 + 1e-5)).all()


def test_inputs_that_are_all_zero_leave_the_nearest():
    weight, _, grid = problem(2)
    levels, _ = round_by_moment(weight, grid, damped(torch.zeros(5, 5), 9))

    assert levels.isfinite().all()
    assert (levels == grid.nearest(weight)).float().mean() > 0.9


def test_few_samples_are_damped_more():
    """Ten columns: 0.01 of the mean diagonal for a hundred samples, 0.1 x 10 / 2 for two."""
    moment = torch.eye(10) * 4

    assert damped(moment, 100)[0, 0] == pytest.approx(4.04)
    assert damped(moment, 2)[0, 0] == pytest.approx(6)


@pytest.mark.parametrize("power", [-110, -73, 60, 110])
def test_the_units_of_weights_do_not_matter(power, denormals):
    """All numbers are multiplied by powers of two, which is exact: no level may change."""
    weight, moment, grid = problem(3)
    levels, fitted = round_by_moment(weight, grid, moment)
    powers = torch.tensor([0, power, power // 2])
    scaled = RowGrids(torch.ldexp(grid.scale, powers), grid.zero_point, grid.bits)
    got, refitted = round_by_moment(torch.ldexp(weight, powers[:, None]), scaled, moment)

    assert torch.equal(got, levels)
    assert torch.equal(refitted.scale, torch.ldexp(fitted.scale, powers))


def test_steps_of_a_weight_of_zeros_leave_numbers(flushed):
    """The least step there is, times a moment below one, is no normal number."""
    _, moment, _ = problem(3)
    grid = RowGrids(torch.full((3,), LEAST_STEP), torch.full((3,), 1), 2)
    levels, fitted = round_by_moment(torch.zeros(3, 5), grid, moment / 1000)

    assert not levels.any()
    assert torch.equal(fitted.scale, grid.scale)

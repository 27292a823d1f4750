"""Learned rounding: less error than what it begins with, on the grid, near the best of all."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from autosplit.finish.adaround import Example, learn_rounding
from autosplit.quantize.row_grids import RowGrids


def case(seed, groups=1, rows=4, columns=6, count=2000, rectified=True):
    """A layer with correlated inputs, rounded to the nearest."""
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(groups, rows, columns, generator=random)
    mix = torch.randn(groups, columns, columns, generator=random)
    x = torch.randn(groups, count, columns, generator=random) @ mix
    bias = torch.randn(groups, rows, generator=random)
    scale = torch.full((groups, rows), 0.6)
    grid = RowGrids(scale, torch.full((groups, rows), 4), 3)
    return Example(weight, bias, x, x, rectified), grid, grid.nearest(weight)


def error(example, grid, levels):
    """Mean squared error of the outputs per row, the mean corrected as the bias will be."""
    weight = levels * grid.scale[..., None]
    want = example.exact @ example.weight.mT + example.constant[:, None]
    centred = example.rough - example.rough.mean(1, keepdim=True)
    mean = example.exact.mean(1, keepdim=True) @ example.weight.mT
    got = centred @ weight.mT + mean + example.constant[:, None]
    if example.rectified:
        want, got = want.relu(), got.relu()
    return (want - got).square().mean(1)


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_it_errs_less_than_the_nearest(seed, rectified):
    example, grid, nearest = case(seed, rows=16, rectified=rectified)
    learned = learn_rounding(example, example.weight, grid, nearest, 300)

    assert error(example, grid, learned).mean() < 0.9 * error(example, grid, nearest).mean()


@pytest.mark.parametrize("power", [-90, -73, 60])
def test_it_errs_less_in_any_unit_of_the_weight(power, denormals):
    """The constant goes with the weight: both are what the rectifier sees."""
    example, grid, nearest = case(0, rows=16)
    unit = 2.0**power
    other = replace(example, weight=example.weight * unit, constant=example.constant * unit)
    steps = grid.times(torch.full_like(grid.scale, unit))
    learned = learn_rounding(other, other.weight, steps, nearest, 300)

    assert error(example, grid, learned).mean() < 0.9 * error(example, grid, nearest).mean()


def test_it_is_near_the_best_of_all_choices_of_two_levels():
    """Six weights a row: 64 choices; the mean over eight groups of the error over the least."""
    example, grid, nearest = case(0, groups=8, rows=3)
    learned = learn_rounding(example, example.weight, grid, nearest, 600)
    steps, (low, high) = example.weight / grid.scale[..., None], grid.ends
    best = torch.full((8, 3), np.inf)
    for up in itertools.product((0.0, 1.0), repeat=6):
        levels = (torch.floor(steps) + torch.tensor(up)).clamp(low[..., None], high[..., None])
        best = torch.minimum(best, error(example, grid, levels))
    ratios = error(example, grid, learned).sum(1) / best.sum(1)

    assert ratios.mean() < 1.3


def test_levels_are_whole_stay_on_the_grid_and_move_by_one_at_most():
    example, grid, nearest = case(0, groups=2)
    learned = learn_rounding(example, example.weight, grid, nearest, 200)

    assert torch.equal(learned, learned.round())
    assert learned.min() >= -4
    assert learned.max() <= 3
    assert (learned - nearest).abs().max() <= 1


def test_no_row_is_worse_on_positions_kept_aside_and_no_step_changes_nothing():
    example, grid, nearest = case(1, rows=8)

    assert torch.equal(learn_rounding(example, example.weight, grid, nearest, 0), nearest)
    # so short a descent learns noise: where the output is worse for it, the rows are as they were
    learned = learn_rounding(example, example.weight, grid, nearest, 3)
    ratio = error(example, grid, learned) / error(example, grid, nearest)
    assert ratio.max() < 1.1


def test_a_seed_gives_the_same_levels():
    example, grid, nearest = case(2)
    first, second = (
        learn_rounding(example, example.weight, grid, nearest, 50, seed=7) for _ in range(2)
    )

    assert torch.equal(first, second)


def test_one_position_and_inputs_of_zero_leave_what_was_given():
    example, grid, nearest = case(0, count=1)
    assert torch.equal(learn_rounding(example, example.weight, grid, nearest, 20), nearest)

    zero = Example(
        example.weight, example.constant, torch.zeros(1, 50, 6), torch.zeros(1, 50, 6), True
    )
    assert torch.equal(learn_rounding(zero, zero.weight, grid, nearest, 20), nearest)

"""Descent on levels and scales against trying all of them."""

import itertools

import pytest
import torch
from rounding import error_of_levels, rounding_problem

from autosplit.quantize.coordinate_descent import descend, refit_scales, scales_of_least_error
from autosplit.quantize.row_grids import RowGrids


@pytest.mark.parametrize("seed", range(10))
def test_no_single_level_can_be_moved_to_advantage_after_descent(seed):
    weight, moment, grid = rounding_problem(seed)
    levels = descend(weight, grid, moment, grid.nearest(weight), 50)
    best = error_of_levels(weight, levels, grid, moment)

    for row, column in itertools.product(range(3), range(5)):
        for level in range(-1, 3):
            other = levels.clone()
            other[row, column] = level
            assert error_of_levels(weight, other, grid, moment)[row] >= best[row] * (1 - 1e-4)


@pytest.mark.parametrize("columns", [33, 70])
def test_a_pass_over_many_columns_never_errs_more(columns):
    """More columns than are done at once: what one block changed, the next one knows."""
    weight, moment, grid = rounding_problem(0, columns=columns)
    levels = grid.nearest(weight)
    errors = [error_of_levels(weight, levels, grid, moment)]
    for _ in range(4):
        levels = descend(weight, grid, moment, levels, 1)
        errors.append(error_of_levels(weight, levels, grid, moment))

    assert all((two <= one * 1.00001).all() for one, two in itertools.pairwise(errors))
    assert errors[-1].sum() < 0.5 * errors[0].sum()


def test_a_refitted_scale_is_the_least_of_a_dense_scan():
    weight, moment, grid = rounding_problem(1)
    levels = grid.nearest(weight)
    found = error_of_levels(weight, levels, refit_scales(weight, grid, moment, levels), moment)

    for scale in torch.linspace(0.41, 1.59, 400):
        other = RowGrids(torch.full((3,), float(scale)), grid.zero_point, 2)
        assert (found <= error_of_levels(weight, levels, other, moment) * (1 + 1e-5)).all()


def test_a_scale_far_from_the_old_one_or_of_zeros_is_not_taken():
    """Ratios 0.6, 1.9, 2.1, 0.4 and nothing over nothing, with the old scale 1."""
    grid = RowGrids(torch.ones(5), torch.ones(5), 2)
    product, square = torch.tensor([0.6, 1.9, 2.1, 0.4, 0.0]), torch.tensor([1.0, 1, 1, 1, 0])

    found = scales_of_least_error(grid, product, square).scale
    assert torch.allclose(found, torch.tensor([0.6, 1.9, 1.0, 1.0, 1.0]))

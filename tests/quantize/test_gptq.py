"""GPTQ against its definition with an inverse at every step, and against all choices there are."""

import itertools

import pytest
import torch
from rounding import error_of_levels, rounding_problem

from autosplit.quantize.coordinate_descent import descend
from autosplit.quantize.gptq import gptq_round, inverse_root
from autosplit.quantize.row_grids import RowGrids


def by_elimination(weight, grid, moment):
    """Optimal brain surgery as it is defined: the inverse of what is left, after each column."""
    rest, h = weight.double().clone(), moment.double()
    low, high = grid.ends
    order = moment.diagonal().argsort(descending=True).tolist()
    levels = torch.zeros_like(rest)
    for place, column in enumerate(order):
        left = order[place:]
        inverse = torch.linalg.inv(h[left][:, left])
        level = (rest[:, column] / grid.scale).round().clamp(low, high)
        error = (rest[:, column] - level * grid.scale) / inverse[0, 0]
        rest[:, left] -= error[:, None] * inverse[0]
        levels[:, column] = level
    return levels.float()


@pytest.mark.parametrize("columns", [5, 40])
@pytest.mark.parametrize("seed", range(5))
def test_it_rounds_as_elimination_column_by_column_does(seed, columns):
    """40 columns are more than are done at once."""
    weight, moment, grid = rounding_problem(seed, rows=6, columns=columns, bits=3)

    assert torch.equal(gptq_round(weight, grid, moment), by_elimination(weight, grid, moment))


@pytest.mark.parametrize("groups", [1, 3])
def test_groups_are_problems_of_their_own(groups):
    problems = [rounding_problem(seed) for seed in range(groups)]
    weight, moment = (torch.stack([p[i] for p in problems]) for i in (0, 1))
    scale, zero = (
        torch.stack([getattr(p[2], n) for p in problems]) for n in ("scale", "zero_point")
    )
    found = gptq_round(weight, RowGrids(scale, zero, 2), moment)

    for own, (one, h, grid) in zip(found, problems, strict=True):
        assert torch.equal(own, gptq_round(one, grid, h))


def test_the_root_of_the_inverse_is_upper_triangular():
    _, moment, _ = rounding_problem(0, columns=7)
    root = inverse_root(moment)

    assert torch.equal(root, root.triu())
    assert torch.allclose(root.T @ root @ moment, torch.eye(7), atol=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_descent_from_feedback_is_near_the_best_of_all(seed):
    """All 4^5 choices of a row are tried: near, and much nearer than rounding to the nearest."""
    weight, moment, grid = rounding_problem(seed, rows=1)
    every = torch.tensor(list(itertools.product(range(-1, 3), repeat=5))).float()
    wide = RowGrids(grid.scale.repeat(len(every)), grid.zero_point.repeat(len(every)), 2)
    least = error_of_levels(weight.expand(len(every), -1), every, wide, moment).min()
    start = gptq_round(weight, grid, moment)
    found = error_of_levels(weight, descend(weight, grid, moment, start, 50), grid, moment)

    assert least * (1 - 1e-4) <= found <= max(2 * least, 1e-4)

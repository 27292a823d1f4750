"""Row grids are those of the records they are made of, and keep levels on them."""

import pytest
import torch

from autosplit.grid.grid import LEAST_STEP, Grid
from autosplit.quantize.row_grids import RowGrids


def test_nearest_levels_stay_on_the_grid():
    grid = RowGrids(torch.tensor([0.5, 1.0]), torch.tensor([1, 3]), 2)

    assert grid.nearest(torch.tensor([[-9.0, 0.26, 9.0], [-9.0, 0.4, 9.0]])).tolist() == [
        [-1, 1, 2],
        [-3, 0, 0],
    ]


def test_the_channels_of_a_grid_go_group_by_group():
    grid = RowGrids.of(Grid.of(4, (1.0, 2.0, 3.0, 4.0), (5, 6, 7, 8)), groups=2)

    assert grid.scale.tolist() == [[1, 2], [3, 4]]
    assert grid.zero_point.tolist() == [[5, 6], [7, 8]]
    assert grid.bits == 4


def test_grids_of_several_widths_each_keep_their_ends():
    """Of 2 bits with zero at 1: -1..2; of 3 bits with zero at 4: -4..3."""
    grids = [Grid.of(2, (1.0, 1.0), (1, 1)), Grid.of(3, (0.5, 0.5), (4, 4))]
    stacked = RowGrids.stack(grids, groups=1)
    low, high = stacked.ends

    assert stacked.scale.shape == (2, 1, 2)
    assert low.tolist() == [[[-1, -1]], [[-4, -4]]]
    assert high.tolist() == [[[2, 2]], [[3, 3]]]


@pytest.mark.parametrize(("factor", "step"), [(4.0, 2.0), (2.0**-126, LEAST_STEP)])
def test_rows_that_are_multiplied_have_steps_as_much_longer_and_none_that_vanishes(factor, step):
    grid = RowGrids(torch.tensor([0.5]), torch.tensor([1]), 2).times(torch.tensor([factor]))

    assert grid.scale.tolist() == [step]
    assert grid.ends[0].tolist() == [-1]

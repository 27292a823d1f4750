"""Small problems of rounding a weight by the second moment of its inputs."""

import torch

from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.second_moment import damped_moment, output_error


def rounding_problem(seed, rows=3, columns=5, bits=2):
    """A weight (rows, columns), the damped moment of correlated inputs, and a grid for each row."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator)
    mix = torch.randn(columns, columns, generator=generator)
    inputs = torch.randn(200, columns, generator=generator) @ mix
    grid = RowGrids(torch.full((rows,), 0.8), torch.full((rows,), 1), bits)
    return weight, damped_moment(inputs.T @ inputs / 200, 200), grid


def error_of_levels(weight, levels, grid, moment):
    """Squared error of the outputs with these levels, for each row."""
    return output_error(weight, levels * grid.scale[:, None], moment)

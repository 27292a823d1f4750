"""Round a weight by the second moment of its inputs: GPTQ, improved by coordinate descent."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from autosplit.quantize.coordinate_descent import descend, refit_scales
from autosplit.quantize.gptq import gptq_round
from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.second_moment import output_error
from autosplit.quantize.unit_scale import unit_factors

SWEEPS = 2
"""Refits of the scales, each followed by a pass of descent over the columns."""


def round_by_moment(
    weight: Tensor, grid: RowGrids, moment: Tensor, sweeps: int = SWEEPS
) -> tuple[Tensor, RowGrids]:
    """Levels and scales of small output error: GPTQ, then refits and coordinate descent in turn.

    The result is never worse for the output than rounding to the nearest on the same grid.

    Args:
        weight: Shape (..., C, K), in any unit.
        grid: Grid of each row to start from.
        moment: H, damped, of inputs near one, shape (..., K, K).
        sweeps: How often the scales are fitted again and the levels moved.

    Returns:
        Levels counted from zero, shape (..., C, K), and the grid.
    """
    units = unit_factors(grid.scale)
    levels, fitted = _round_in_steps(weight * units[..., None], grid.times(units), moment, sweeps)
    return levels, fitted.times(1 / units)


def _round_in_steps(
    weight: Tensor, grid: RowGrids, moment: Tensor, sweeps: int
) -> tuple[Tensor, RowGrids]:
    """What ``round_by_moment`` finds, for rows whose steps are near one."""
    nearest = grid.nearest(weight)
    levels, fitted = gptq_round(weight, grid, moment), grid
    for _ in range(sweeps):
        fitted = refit_scales(weight, fitted, moment, levels)
        levels = descend(weight, fitted, moment, levels, 1)
    ours = output_error(weight, levels * fitted.scale[..., None], moment)
    plain = output_error(weight, nearest * grid.scale[..., None], moment)
    worse = ours > plain
    levels = torch.where(worse[..., None], nearest, levels)
    return levels, replace(grid, scale=torch.where(worse, grid.scale, fitted.scale))

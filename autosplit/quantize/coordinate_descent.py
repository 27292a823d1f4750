"""Improve a rounded weight: move single levels, and refit the scales, for less output error.

Both are steps of descent on tr (W - Q) H (W - Q)^T; see ``gptq`` for the symbols.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from autosplit.quantize.row_grids import RowGrids

_COLUMNS_AT_ONCE = 32
"""Columns whose effect on all others is applied at once."""


def descend(weight: Tensor, grid: RowGrids, moment: Tensor, levels: Tensor, sweeps: int) -> Tensor:
    """Move one level at a time to where the output's error is least, until none moves.

    With g = (W - Q) H, level k of a row moves by g_k / (H_kk step), rounded and kept on the grid.
    All rows are done together, and the error never rises.

    Args:
        weight: Shape (..., C, K).
        grid: Grid of each row.
        moment: H, damped, shape (..., K, K).
        levels: Where to start, shape (..., C, K).
        sweeps: Passes over the columns at most.

    Returns:
        Levels, shape (..., C, K).
    """
    found, h = levels.mT.contiguous().numpy(), moment.numpy()
    step, (low, high) = grid.scale.numpy(), (end.numpy() for end in grid.ends)
    slope = (moment @ (weight - levels * grid.scale[..., None]).mT).numpy()
    for _ in range(sweeps):
        moved = False
        for first in range(0, found.shape[-2], _COLUMNS_AT_ONCE):
            last = min(first + _COLUMNS_AT_ONCE, found.shape[-2])
            own, before = slope[..., first:last, :].copy(), found[..., first:last, :].copy()
            for k in range(first, last):
                now = found[..., k, :]
                best = now + own[..., k - first, :] / (h[..., k, k][..., None] * step)
                best = np.clip(np.rint(best), low, high)
                if (best != now).any():
                    change = (best - now) * step
                    found[..., k, :] = best
                    own -= h[..., k, first:last, None] * change[..., None, :]
            change = (found[..., first:last, :] - before) * step[..., None, :]
            if change.any():
                moved = True
                moment_of_block = moment[..., first:last, :].mT
                torch.from_numpy(slope).sub_(moment_of_block @ torch.from_numpy(change))
        if not moved:
            break
    return torch.from_numpy(found).mT.contiguous()


def refit_scales(weight: Tensor, grid: RowGrids, moment: Tensor, levels: Tensor) -> RowGrids:
    """The grids with the scale of least error for these levels: (w H q) / (q H q) for each row."""
    product = levels @ moment
    return scales_of_least_error(grid, (product * weight).sum(-1), (product * levels).sum(-1))


def scales_of_least_error(grid: RowGrids, product: Tensor, square: Tensor) -> RowGrids:
    """The grids with the scale product / square of each row, if that is within 2 of the old scale.

    Args:
        grid: Grid of each row, shape (..., C).
        product: Product of the wanted outputs with those of the levels at scale 1, shape (..., C).
        square: Square of the outputs of the levels at scale 1, shape (..., C).
    """
    ratio = product / square.clamp_min(1e-30)
    good = (square > 0) & (ratio > 0.5 * grid.scale) & (ratio < 2 * grid.scale)
    return replace(grid, scale=torch.where(good, ratio, grid.scale))

"""Round a weight matrix so that the layer's output changes least, not the weight.

A layer computes W x, rows of W being output channels.  With H the second moment of its inputs, the
output's squared error of a rounded matrix Q is tr (W - Q) H (W - Q)^T, one problem for every
row.  Rounding to the nearest is best only where H is diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from autosplit.grid.grid import LEAST_STEP, Grid
from autosplit.quantize.unit_scale import unit_factors

BLOCK = 32
"""Columns whose effect on all others is applied at once."""
DAMPING = 0.01
"""Share of the mean of H's diagonal that is added to it, so that it can be inverted."""
FEW_SAMPLES = 0.1
"""What is added at least, times columns per sample."""
SWEEPS = 2
"""Refits of the scale, each followed by a pass over the columns."""


@dataclass(frozen=True, slots=True)
class RowGrids:
    """Grids of the rows of many matrices, as tensors: those of one or several ``Grid`` records.

    Attributes:
        scale: Step, shape (..., C), positive.
        zero_point: Integer that stands for zero, shape (..., C).
        bits: Width, one or of a shape that broadcasts to that of the scale.
    """

    scale: Tensor
    zero_point: Tensor
    bits: int | Tensor

    @classmethod
    def of(cls, grid: Grid, groups: int) -> RowGrids:
        """Grids of the G groups of a weight, each a matrix of C rows: shape (G, C)."""
        scale, zero = torch.tensor(grid.scale), torch.tensor(grid.zero_point)
        return cls(scale.view(groups, -1), zero.view(groups, -1), grid.bits)

    @classmethod
    def stack(cls, grids: Sequence[Grid], groups: int) -> RowGrids:
        """Several grids of one weight, such as those of W widths: shape (W, G, C)."""
        each = [cls.of(grid, groups) for grid in grids]
        return cls(
            torch.stack([one.scale for one in each]),
            torch.stack([one.zero_point for one in each]),
            torch.tensor([grid.bits for grid in grids]).view(-1, 1, 1),
        )

    def nearest(self, values: Tensor) -> Tensor:
        """Level nearest to each value of shape (..., C, K), counted in steps from zero."""
        low, high = self.ends
        levels = torch.round(values / self.scale[..., None])
        return torch.minimum(torch.maximum(levels, low[..., None]), high[..., None])

    @property
    def ends(self) -> tuple[Tensor, Tensor]:
        """Least and greatest level, counted in steps from zero, shape (..., C) both."""
        zero = self.zero_point.to(self.scale.dtype)
        return -zero, 2**self.bits - 1 - zero

    def times(self, factor: Tensor) -> RowGrids:
        """The grids of rows that are multiplied by factors, shape (..., C); no step vanishes."""
        scale = (self.scale * factor).clamp_min(LEAST_STEP)
        return RowGrids(scale, self.zero_point, self.bits)


def damped(moment: Tensor, samples: float) -> Tensor:
    """Second moments (..., K, K), a part of their mean diagonal added; of zeros the identity.

    The fewer samples they were taken over, the more: what few samples leave open is then rounded to
    the nearest, and not bent to fit them.
    """
    size = moment.shape[-1]
    mean = moment.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    eye = torch.eye(size, dtype=moment.dtype)
    share = max(DAMPING, FEW_SAMPLES * size / samples)
    return torch.where(mean > 0, moment + share * mean * eye, eye)


def output_error(weight: Tensor, rounded: Tensor, moment: Tensor) -> Tensor:
    """Squared error of the outputs per row, tr e H e^T, shape (..., C)."""
    error = weight - rounded
    return ((error @ moment) * error).sum(-1)


def round_by_feedback(weight: Tensor, grid: RowGrids, moment: Tensor) -> Tensor:
    """Round column by column, and let the columns to come make up for each error.

    The update of the rest is that of optimal brain surgery, from one Cholesky factor of the
    inverse moment (GPTQ: Frantar et al. 2023, algorithm 1), columns in descending order of H's
    diagonal.

    Args:
        weight: Shape (..., C, K).
        grid: Grid of each row.
        moment: H, damped, shape (..., K, K).

    Returns:
        Levels counted from zero, shape (..., C, K).
    """
    diagonal = moment.diagonal(dim1=-2, dim2=-1)
    order = diagonal.argsort(dim=-1, descending=True)
    columns = order[..., None, :].expand_as(weight)
    sorted_ = moment.gather(-2, order[..., :, None].expand_as(moment))
    sorted_ = sorted_.gather(-1, order[..., None, :].expand_as(moment))
    root = inverse_root(sorted_)
    upper = root.numpy()
    rest = weight.gather(-1, columns).mT.contiguous().numpy()  # what a step works on lies together
    levels = np.empty_like(rest)
    step, (low, high) = grid.scale.numpy(), (end.numpy() for end in grid.ends)
    for first in range(0, rest.shape[-2], BLOCK):
        last = min(first + BLOCK, rest.shape[-2])
        errors = np.empty_like(rest[..., first:last, :])
        for k in range(first, last):
            column = rest[..., k, :]
            level = np.clip(np.rint(column / step), low, high)
            error = (column - level * step) / upper[..., k, k][..., None]
            levels[..., k, :], errors[..., k - first, :] = level, error
            rest[..., k:last, :] -= upper[..., k, k:last, None] * error[..., None, :]
        after = root[..., first:last, last:].mT @ torch.from_numpy(errors)
        torch.from_numpy(rest)[..., last:, :].sub_(after)
    return torch.empty_like(weight).scatter_(-1, columns, torch.from_numpy(levels).mT)


def inverse_root(moment: Tensor) -> Tensor:
    """Upper triangular U with U^T U the inverse of a positive definite H, shape (..., K, K).

    From one Cholesky factor of H with its order reversed, J H J = L L^T: U = J L^-1 J.
    """
    lower = torch.linalg.cholesky(moment.flip(-2, -1))
    eye = torch.eye(moment.shape[-1], dtype=moment.dtype).expand_as(moment)
    inverse = torch.linalg.solve_triangular(lower, eye, upper=False)
    found: Tensor = inverse.flip(-2, -1).contiguous()
    return found


def improve(weight: Tensor, grid: RowGrids, moment: Tensor, levels: Tensor, sweeps: int) -> Tensor:
    """Move one level at a time to where the output's error is least, until none moves.

    Coordinate descent on the quadratic form, all rows together: the error never rises.

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
        for first in range(0, found.shape[-2], BLOCK):
            last = min(first + BLOCK, found.shape[-2])
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


def refit(weight: Tensor, grid: RowGrids, moment: Tensor, levels: Tensor) -> RowGrids:
    """The grid with the scale of least error for these levels, (w H q) / (q H q) per row."""
    product = levels @ moment
    return refit_scale(grid, (product * weight).sum(-1), (product * levels).sum(-1))


def refit_scale(grid: RowGrids, product: Tensor, square: Tensor) -> RowGrids:
    """The grid with the scale product / square of each row, where it is within 2 of what it was.

    Args:
        grid: Grid of each row, shape (..., C).
        product: Of what is wanted and what the levels give at a scale of one, shape (..., C).
        square: Of what the levels give at a scale of one, shape (..., C).
    """
    ratio = product / square.clamp_min(1e-30)
    good = (square > 0) & (ratio > 0.5 * grid.scale) & (ratio < 2 * grid.scale)
    return RowGrids(torch.where(good, ratio, grid.scale), grid.zero_point, grid.bits)


def round_by_moment(
    weight: Tensor, grid: RowGrids, moment: Tensor, sweeps: int = SWEEPS
) -> tuple[Tensor, RowGrids]:
    """Levels and scales of small output error: error feedback, then descent and refits in turn.

    Never worse for the output than rounding to the nearest on the given grid.

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
    levels, fitted = round_by_feedback(weight, grid, moment), grid
    for _ in range(sweeps):
        fitted = refit(weight, fitted, moment, levels)
        levels = improve(weight, fitted, moment, levels, 1)
    ours = output_error(weight, levels * fitted.scale[..., None], moment)
    plain = output_error(weight, nearest * grid.scale[..., None], moment)
    worse = ours > plain
    levels = torch.where(worse[..., None], nearest, levels)
    return levels, RowGrids(
        torch.where(worse, grid.scale, fitted.scale), grid.zero_point, grid.bits
    )

"""Round a weight matrix so that the layer's output changes least, not the weight.

A layer computes W x, rows of W being output channels.  With H the second moment of its inputs, the
output's squared error of a rounded matrix Q is tr (W - Q) H (W - Q)^T, one problem for every
row.  Rounding to the nearest is best only where H is diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 128
"""Columns whose effect on all others is applied at once."""
DAMPING = 0.01
"""Share of the mean of H's diagonal that is added to it, so that it can be inverted."""
FEW_SAMPLES = 0.1
"""What is added at least, times columns per sample."""
SWEEPS = 2
"""Refits of the scale, each followed by a pass over the columns."""


@dataclass(frozen=True)
class Grid:
    """Levels that each row of a matrix may take: (integer - zero_point) * scale.

    Attributes:
        scale: Step, shape (C,), positive.
        zero_point: Integer that stands for zero, shape (C,).
        bits: Width.
    """

    scale: Tensor
    zero_point: Tensor
    bits: int

    def nearest(self, values: Tensor, rows: Tensor | None = None) -> Tensor:
        """Level nearest to each value of shape (C, ...), counted in steps from zero."""
        scale, zero = self.scale, self.zero_point.to(self.scale.dtype)
        if rows is not None:
            scale, zero = scale[rows], zero[rows]
        shape = (-1, *[1] * (values.dim() - 1))
        scale, zero = scale.view(shape), zero.view(shape)
        levels = torch.round(values / scale)
        return torch.minimum(torch.maximum(levels, -zero), 2**self.bits - 1 - zero)


def damped(moment: Tensor, samples: int) -> Tensor:
    """A second moment (K, K) with a part of its mean diagonal added; the identity for all zeros.

    The fewer samples it was taken over, the more: what few samples leave open is then rounded to
    the nearest, and not bent to fit them.
    """
    mean = float(moment.diagonal().mean())
    eye = torch.eye(len(moment), dtype=moment.dtype)
    share = max(DAMPING, FEW_SAMPLES * len(moment) / samples)
    return moment + share * mean * eye if mean > 0 else eye


def output_error(weight: Tensor, rounded: Tensor, moment: Tensor) -> Tensor:
    """Squared error of the outputs per row, tr e H e^T, shape (C,)."""
    error = weight - rounded
    return ((error @ moment) * error).sum(1)


def round_by_feedback(weight: Tensor, grid: Grid, moment: Tensor) -> Tensor:
    """Round column by column, and let the columns to come make up for each error.

    The update of the rest is that of optimal brain surgery, from one Cholesky factor of the
    inverse moment (GPTQ: Frantar et al. 2023, algorithm 1), columns in descending order of H's
    diagonal.

    Args:
        weight: Shape (C, K).
        grid: Grid of each row.
        moment: H, damped, shape (K, K).

    Returns:
        Levels counted from zero, shape (C, K).
    """
    order = moment.diagonal().argsort(descending=True)
    factor = torch.linalg.cholesky(moment[order][:, order])
    upper = torch.linalg.cholesky(torch.cholesky_inverse(factor), upper=True)
    rest = weight[:, order].clone()
    levels = torch.empty_like(rest)
    for first in range(0, rest.shape[1], BLOCK):
        last = min(first + BLOCK, rest.shape[1])
        errors = torch.empty_like(rest[:, first:last])
        for k in range(first, last):
            column = rest[:, k]
            levels[:, k] = grid.nearest(column)
            errors[:, k - first] = (column - levels[:, k] * grid.scale) / upper[k, k]
            rest[:, k:last] -= errors[:, k - first, None] * upper[k, k:last]
        rest[:, last:] -= errors @ upper[first:last, last:]
    result = torch.empty_like(levels)
    result[:, order] = levels
    return result


def improve(weight: Tensor, grid: Grid, moment: Tensor, levels: Tensor, sweeps: int) -> Tensor:
    """Move one level at a time to where the output's error is least, until none moves.

    Coordinate descent on the quadratic form, all rows together: the error never rises.

    Args:
        weight: Shape (C, K).
        grid: Grid of each row.
        moment: H, damped, shape (K, K).
        levels: Where to start, shape (C, K).
        sweeps: Passes over the columns at most.

    Returns:
        Levels, shape (C, K).
    """
    levels = levels.clone()
    slope = (weight - levels * grid.scale[:, None]) @ moment
    for _ in range(sweeps):
        moved = False
        for first in range(0, levels.shape[1], BLOCK):
            last = min(first + BLOCK, levels.shape[1])
            own = slope[:, first:last].clone()
            before = levels[:, first:last].clone()
            for k in range(first, last):
                best = levels[:, k] * grid.scale + own[:, k - first] / moment[k, k]
                found = grid.nearest(best)
                rows = (found != levels[:, k]).nonzero().flatten()
                if len(rows):
                    step = (found[rows] - levels[rows, k]) * grid.scale[rows]
                    levels[rows, k] = found[rows]
                    own[rows] -= step[:, None] * moment[k, first:last]
            change = (levels[:, first:last] - before) * grid.scale[:, None]
            if bool(change.any()):
                moved = True
                slope -= change @ moment[first:last]
        if not moved:
            break
    return levels


def refit(weight: Tensor, grid: Grid, moment: Tensor, levels: Tensor) -> Grid:
    """The grid with the scale of least error for these levels, (w H q) / (q H q) per row."""
    product = levels @ moment
    square = (product * levels).sum(1)
    ratio = (product * weight).sum(1) / square.clamp_min(1e-30)
    good = (square > 0) & (ratio > 0.5 * grid.scale) & (ratio < 2 * grid.scale)
    return Grid(torch.where(good, ratio, grid.scale), grid.zero_point, grid.bits)


def round_by_moment(weight: Tensor, grid: Grid, moment: Tensor) -> tuple[Tensor, Grid]:
    """Levels and scales of small output error: error feedback, then descent and refits in turn.

    Never worse for the output than rounding to the nearest on the given grid.

    Args:
        weight: Shape (C, K).
        grid: Grid of each row to start from.
        moment: H, damped, shape (K, K).

    Returns:
        Levels counted from zero, shape (C, K), and the grid.
    """
    nearest = grid.nearest(weight)
    start = round_by_feedback(weight, grid, moment)
    levels, fitted = _descend(weight, grid, moment, start)
    ours = output_error(weight, levels * fitted.scale[:, None], moment)
    plain = output_error(weight, nearest * grid.scale[:, None], moment)
    worse = ours > plain
    levels = torch.where(worse[:, None], nearest, levels)
    return levels, Grid(torch.where(worse, grid.scale, fitted.scale), grid.zero_point, grid.bits)


def _descend(weight: Tensor, grid: Grid, moment: Tensor, levels: Tensor) -> tuple[Tensor, Grid]:
    """Descent and refits in turn."""
    for _ in range(SWEEPS):
        fitted = refit(weight, grid, moment, levels)
        levels = improve(weight, fitted, moment, levels, 1)
        grid = fitted
    return levels, grid

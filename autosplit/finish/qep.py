"""Round a weight so that on quantized inputs it does what the float layer does on exact ones.

With x what the layer reads in float, y what it reads when everything before is quantized, the
integers Q are chosen for the least

    E |W x - Q y|^2 + damping |Q - W|^2,

which is that of the outputs if y is about its mean, since a bias takes up means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from autosplit.quantize.coordinate_descent import descend, scales_of_least_error
from autosplit.quantize.gptq import gptq_round
from autosplit.quantize.moment_rounding import round_by_moment
from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.second_moment import damped_moment
from autosplit.quantize.unit_scale import unit_factors


@dataclass(frozen=True)
class Matched:
    """A rounded weight.

    Attributes:
        target: The float weight that the levels stand for, shape (..., C, K).
        levels: Counted in steps from zero, shape (..., C, K).
        grid: Grid of each row, its scale fitted.
    """

    target: Tensor
    levels: Tensor
    grid: RowGrids


def toward(exact: Tensor, rough: Tensor, share: float) -> Tensor:
    """Inputs that are a share of the way from the quantized ones to the exact ones.

    A weight that makes up for all of its inputs' error on few samples errs on others; a part of it
    is safer (QEP: Arai and Ichikawa 2025, whose alpha the share is).
    """
    return torch.lerp(rough, exact, share)


def round_to_match(
    weight: Tensor, grid: RowGrids, exact: Tensor, rough: Tensor, sweeps: int, together: int
) -> Matched:
    """Integers of least error of a layer's outputs, and the scales that go with them.

    Args:
        weight: Float weight, shape (..., C, K), in any unit.
        grid: Grid of each row, shape (..., C).
        exact: Inputs of the float layer, shape (..., n, K).
        rough: Inputs of the quantized layer at the same positions, near one, shape (..., n, K).
        sweeps: How often the scales are fitted again and the levels moved.
        together: Most columns of one problem, whose cost is cubic; more are taken in parts, each
            with the errors of the others as they are then.
    """
    units = unit_factors(grid.scale)
    rows, steps = weight * units[..., None], grid.times(units)
    if weight.shape[-1] > together:
        found = _round_in_parts(rows, steps, exact, rough, sweeps, together)
    else:
        target, moment = target_weight(rows, exact, rough)
        found = Matched(target, *round_by_moment(target, steps, moment, sweeps))
    return Matched(found.target / units[..., None], found.levels, found.grid.times(1 / units))


def target_weight(weight: Tensor, exact: Tensor, rough: Tensor) -> tuple[Tensor, Tensor]:
    """The float weight of least error, and the moment that errors of it count by.

    W' = W + W E[(x - y) y^T] H^-1, H = E[y y^T] damped.

    Args:
        weight: Shape (..., C, K).
        exact: Exact inputs, shape (..., n, K).
        rough: Quantized ones, shape (..., n, K).

    Returns:
        W', shape (..., C, K), and H, shape (..., K, K).
    """
    count = rough.shape[-2]
    moment = damped_moment(rough.mT @ rough / count, count)
    if 2 * weight.shape[-2] < weight.shape[-1]:  # fewer products through the outputs
        lacking = (weight @ (exact - rough).mT) @ rough / count
    else:
        lacking = weight @ ((exact - rough).mT @ rough / count)
    return weight + _solve(torch.linalg.cholesky(moment), lacking), moment


def _solve(root: Tensor, rows: Tensor) -> Tensor:
    """Rows times the inverse of a matrix, by its Cholesky factor."""
    return torch.cholesky_solve(rows.mT, root).mT


class _Columns:
    """Some columns of a weight, and what they add to the outputs.

    Attributes:
        weight: In float, shape (..., C, K of these).
        levels: Counted in steps from zero, of the same shape.
        target: The float weight that they stand for.
        damping: Cost of one unit of squared error of a weight, shape (...).
        wanted: Outputs of the float weight on the quantized inputs, shape (..., n, C).
        achieved: Outputs of the levels on those, in steps.
    """

    def __init__(self, weight: Tensor, rough: Tensor, columns: int) -> None:
        self.weight, self.target, self.levels = weight, weight, torch.zeros_like(weight)
        self.wanted = rough @ weight.mT
        self.achieved = torch.zeros_like(self.wanted)
        self._rough = rough
        moment = rough.mT @ rough / rough.shape[-2]
        # as much as if all columns were one problem
        self._moment = damped_moment(moment, rough.shape[-2] * weight.shape[-1] / columns)
        self.damping = (self._moment - moment).diagonal(dim1=-2, dim2=-1).mean(-1)
        self._root = torch.linalg.cholesky(self._moment)

    def round(self, lacking: Tensor, grid: RowGrids, *, first: bool) -> None:
        """Choose levels, from scratch or from those there are.

        Args:
            lacking: What the outputs lack if these columns are as in float, (..., n, C).
            grid: Grid of each row.
            first: Whether there are none yet.
        """
        slope = lacking.mT @ self._rough / lacking.shape[-2]
        self.target = self.weight + _solve(self._root, slope)
        if first:
            self.levels = gptq_round(self.target, grid, self._moment)
        else:
            self.levels = descend(self.target, grid, self._moment, self.levels, 1)
        self.achieved = self.outputs(self.levels)

    def outputs(self, weight: Tensor) -> Tensor:
        """What another weight in these columns gives, shape (..., n, C)."""
        return self._rough @ weight.mT


def _round_in_parts(
    weight: Tensor, grid: RowGrids, exact: Tensor, rough: Tensor, sweeps: int, together: int
) -> Matched:
    """Descent over parts of the columns in turn (block coordinate descent on the same error)."""
    columns = weight.shape[-1]
    size = math.ceil(columns / math.ceil(columns / together))
    pairs = zip(weight.split(size, -1), rough.split(size, -1), strict=True)
    parts = [_Columns(w, y, columns) for w, y in pairs]
    wanted = exact @ weight.mT
    lacking = wanted - torch.stack([part.wanted for part in parts]).sum(0)
    fitted = grid
    for sweep in range(sweeps + 1):
        if sweep:
            achieved = torch.stack([part.achieved for part in parts]).sum(0)
            fitted = _refit(parts, wanted, achieved, fitted)
            lacking = wanted - achieved * fitted.scale[..., None, :]
        for part in parts:
            before = part.achieved * fitted.scale[..., None, :] if sweep else part.wanted
            part.round(lacking + before - part.wanted, fitted, first=not sweep)
            lacking = lacking + before - part.achieved * fitted.scale[..., None, :]
    nearest = [grid.nearest(part.weight) for part in parts]
    outputs = [part.outputs(each) for part, each in zip(parts, nearest, strict=True)]
    plain = wanted - torch.stack(outputs).sum(0) * grid.scale[..., None, :]
    found = _error(parts, lacking, [part.levels for part in parts], fitted)
    worse = found > _error(parts, plain, nearest, grid)
    levels = torch.cat([part.levels for part in parts], -1)
    levels = torch.where(worse[..., None], torch.cat(nearest, -1), levels)
    scale = torch.where(worse, grid.scale, fitted.scale)
    target = torch.cat([part.target for part in parts], -1)
    return Matched(target, levels, replace(grid, scale=scale))


def _refit(parts: Sequence[_Columns], wanted: Tensor, achieved: Tensor, grid: RowGrids) -> RowGrids:
    """The grid with the scale of least error for the levels of all parts.

    Args:
        parts: All columns.
        wanted: Outputs of the float layer, shape (..., n, C).
        achieved: Outputs of the levels, in steps, shape (..., n, C).
        grid: Grid of each row.
    """
    count = achieved.shape[-2]
    product, square = (achieved * wanted).sum(-2) / count, achieved.square().sum(-2) / count
    for part in parts:
        damping = part.damping[..., None]
        product = product + damping * (part.levels * part.weight).sum(-1)
        square = square + damping * part.levels.square().sum(-1)
    return scales_of_least_error(grid, product, square)


def _error(
    parts: Sequence[_Columns], lacking: Tensor, levels: Sequence[Tensor], grid: RowGrids
) -> Tensor:
    """What is made as small as can be, for each row, shape (..., C).

    Args:
        parts: All columns.
        lacking: What the outputs lack with the levels, shape (..., n, C).
        levels: Levels of each part.
        grid: Grid of each row.
    """
    error = lacking.square().mean(-2)
    for part, each in zip(parts, levels, strict=True):
        off = (each * grid.scale[..., None] - part.weight).square().sum(-1)
        error = error + part.damping[..., None] * off
    return error

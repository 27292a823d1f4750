"""Round a weight so that on quantized inputs it does what the float layer does on exact ones.

With x what the layer reads in float, y what it reads when everything before is quantized, both
about their means since the bias takes up those, the integers Q are chosen for the least

    E |W x - Q y|^2 + damping |Q - W|^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from autosplit.rounding import (
    Grid,
    damped,
    improve,
    refit_scale,
    round_by_feedback,
    round_by_moment,
)


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
    grid: Grid


def round_to_match(
    weight: Tensor, grid: Grid, exact: Tensor, rough: Tensor, sweeps: int, together: int
) -> Matched:
    """Integers of least error of a layer's outputs, and the scales that go with them.

    Args:
        weight: Float weight, shape (..., C, K).
        grid: Grid of each row, shape (..., C).
        exact: Inputs of the float layer, shape (..., n, K).
        rough: Inputs of the quantized layer at the same positions, shape (..., n, K).
        sweeps: How often the scales are fitted again and the levels moved.
        together: Most columns of one problem, whose cost is cubic; more are taken in parts, each
            with the errors of the others as they are then.
    """
    exact, rough = exact - exact.mean(-2, keepdim=True), rough - rough.mean(-2, keepdim=True)
    if weight.shape[-1] > together:
        return _round_in_parts(weight, grid, exact, rough, sweeps, together)
    target, moment = _target(weight, exact, rough)
    return Matched(target, *round_by_moment(target, grid, moment, sweeps))


def target_weight(weight: Tensor, exact: Tensor, rough: Tensor) -> Tensor:
    """The float weight of least error, W' = W + W E[(x - y) y^T] H^-1, H = E[y y^T] damped.

    Args:
        weight: Shape (..., C, K).
        exact: Exact inputs, shape (..., n, K).
        rough: Quantized ones, shape (..., n, K).
    """
    exact, rough = exact - exact.mean(-2, keepdim=True), rough - rough.mean(-2, keepdim=True)
    return _target(weight, exact, rough)[0]


def _target(weight: Tensor, exact: Tensor, rough: Tensor) -> tuple[Tensor, Tensor]:
    """W' and H, from inputs about their means."""
    count = rough.shape[-2]
    moment = damped(rough.mT @ rough / count, count)
    if 2 * weight.shape[-2] < weight.shape[-1]:  # fewer products through the outputs
        lacking = (weight @ (exact - rough).mT) @ rough / count
    else:
        lacking = weight @ ((exact - rough).mT @ rough / count)
    return weight + _solve(torch.linalg.cholesky(moment), lacking), moment


def _solve(root: Tensor, rows: Tensor) -> Tensor:
    """Rows times the inverse of a matrix, by its Cholesky factor."""
    return torch.cholesky_solve(rows.mT, root).mT


class _Part:
    """Some columns of a weight, and what they add to the outputs.

    Attributes:
        levels: Counted in steps from zero, shape (..., C, K of the part).
        added: Outputs of those levels on the quantized inputs, shape (..., n, C).
    """

    def __init__(self, weight: Tensor, rough: Tensor, samples: float) -> None:
        self._weight, self._rough = weight, rough
        self._moment = damped(rough.mT @ rough / rough.shape[-2], samples)
        self._root = torch.linalg.cholesky(self._moment)
        self.exact = rough @ weight.mT
        self.target = weight
        self.levels: Tensor | None = None
        self.added = self.exact

    def round(self, lacking: Tensor, grid: Grid) -> None:
        """Choose levels again.

        Args:
            lacking: What the outputs lack if this part's weight is as in float, (..., n, C).
            grid: Grid of each row.
        """
        slope = lacking.mT @ self._rough / lacking.shape[-2]
        self.target = self._weight + _solve(self._root, slope)
        if self.levels is None:
            self.levels = round_by_feedback(self.target, grid, self._moment)
        else:
            self.levels = improve(self.target, grid, self._moment, self.levels, 1)
        self.added = self._rough @ self.levels.mT


def _round_in_parts(
    weight: Tensor, grid: Grid, exact: Tensor, rough: Tensor, sweeps: int, together: int
) -> Matched:
    """Descent over parts of the columns in turn (block coordinate descent on the same error)."""
    columns = weight.shape[-1]
    size = math.ceil(columns / math.ceil(columns / together))
    samples = rough.shape[-2] * size / columns  # damping is that of all columns
    pairs = zip(weight.split(size, -1), rough.split(size, -1), strict=True)
    parts = [_Part(w, y, samples) for w, y in pairs]
    wanted = exact @ weight.mT
    left = wanted - torch.stack([part.exact for part in parts]).sum(0)
    fitted = grid
    for sweep in range(sweeps + 1):
        if sweep:
            done = torch.stack([part.added for part in parts]).sum(0)
            fitted = refit_scale(fitted, (done * wanted).sum(-2), done.square().sum(-2))
            left = wanted - done * fitted.scale[..., None, :]
        for part in parts:
            now = part.added * fitted.scale[..., None, :] if sweep else part.exact
            part.round(left + now - part.exact, fitted)
            left = left + now - part.added * fitted.scale[..., None, :]
    levels = torch.cat([part.levels for part in parts if part.levels is not None], -1)
    target = torch.cat([part.target for part in parts], -1)
    nearest = grid.nearest(weight)
    plain = wanted - rough @ (nearest * grid.scale[..., None]).mT
    worse = left.square().sum(-2) > plain.square().sum(-2)
    levels = torch.where(worse[..., None], nearest, levels)
    scale = torch.where(worse, grid.scale, fitted.scale)
    return Matched(target, levels, Grid(scale, grid.zero_point, grid.bits))

"""The grids of a weight's rows as tensors, for rounding all rows of all groups at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from autosplit.grid.grid import LEAST_STEP, Grid


@dataclass(frozen=True, slots=True)
class RowGrids:
    """Grids of the rows of many matrices, as tensors: those of one or several ``Grid`` records.

    A ``Grid`` is numpy and of one width, as files and plans hold it; this record is torch, and has
    the axes of groups and widths along which the rounding of weights computes many grids at once.

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

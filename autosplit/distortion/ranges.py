"""First pass over calibration data: range and mean of a tensor.

Sums are taken about a value near the mean, so that nothing cancels, in float32 over short tiles
and in float64 over the tiles.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autosplit.distortion.tiles import pieces, tiles

Array = npt.NDArray[Any]

LARGE = 1e15
"""Magnitude from which float32 sums of squares overflow."""
_PROBE = 1024  # elements of a sample from which its spread is guessed


@dataclass
class Range:
    """What the first pass learns of one tensor.

    Attributes:
        pivot: A value near the mean, about which is summed so that nothing cancels.
        deviation: Mean absolute deviation from it, guessed from a few elements of the first batch.
        low, high: Least and greatest value so far.
        low_sum, high_sum: Sums of the samples' least and greatest values.
        total: Sum of the values' differences from the pivot.
        samples, count: Samples and elements so far.
    """

    pivot: float
    deviation: float
    low: float = math.inf
    high: float = -math.inf
    low_sum: float = 0.0
    high_sum: float = 0.0
    total: float = 0.0
    samples: int = 0
    count: int = 0

    @classmethod
    def about(cls, rows: Tensor) -> Range:
        """Begin with a tensor of the first batch, (n, elements)."""
        probe = rows[:, :: max(rows.shape[1] // _PROBE, 1)].double()
        pivot = float(probe.mean().float())
        return cls(pivot, float((probe - pivot).abs().mean()))

    @property
    def mean(self) -> float:
        """Mean of all values so far."""
        return self.pivot + self.total / self.count

    def add(self, rows: Tensor, pool: ThreadPoolExecutor) -> bool:
        """Count one batch, (n, elements); whether it is finite."""
        lows = np.full(len(rows), np.inf)
        highs = -lows
        for where, low, high, total in pool.map(self._look, *pieces(rows)):
            lows[where] = np.minimum(lows[where], low)
            highs[where] = np.maximum(highs[where], high)
            self.total += total
        finite = bool(np.isfinite(lows).all() and np.isfinite(highs).all())
        self.low, self.high = min(self.low, float(lows.min())), max(self.high, float(highs.max()))
        self.low_sum += float(lows.sum())
        self.high_sum += float(highs.sum())
        self.samples += len(rows)
        self.count += rows.numel()
        return finite

    def _look(self, where: slice, piece: Tensor) -> tuple[slice, Array, Array, float]:
        """Least and greatest value of each row of a piece, and its sum about the pivot."""
        lows, highs, total = [], [], 0.0
        for tile in tiles(piece):
            lows.append(tile.amin(1))
            highs.append(tile.amax(1))
            if max(-float(lows[-1].min()), float(highs[-1].max())) > LARGE:
                tile = tile.double()  # noqa: PLW2901 - float32 sums could overflow
            total += float((tile - self.pivot).sum())
        low = torch.stack(lows).amin(0).double().numpy()
        return where, low, torch.stack(highs).amax(0).double().numpy(), total

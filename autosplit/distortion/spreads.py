"""Second pass over calibration data: deviations from the mean, and a histogram of a tensor.

Mean, standard deviation and mean absolute deviation follow from sums about the mean that the
first pass found; grids and their errors follow from the histogram (``grid/clipping.py``).
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from autosplit.distortion.ranges import LARGE, Array, Range
from autosplit.distortion.tiles import pieces, tiles

BINS = 8192
"""Bins of the histogram; at 8 bits there are some thirty per step of the grid."""
_OUTER_BINS = 4096  # of the second histogram, where a few values lie far out
_CORE = 64  # mean absolute deviations from the mean that the fine histogram then covers
_SMALL = 1e-15  # length of a range below which float32 squares lose their bits
_OFFSET = 1e4  # mean over spread from which float32 has too few bits for the spread


@dataclass
class Spread:
    """What the second pass learns of one tensor: deviations from the mean, and a histogram.

    Values are counted in bins of equal width, with zero in the middle of one.  Where few values
    lie far out (range over ``_CORE`` mean deviations), the bins cover the core, and coarser ones
    the whole range; a whole number of bins makes one coarse bin.

    Attributes:
        pivot: The mean that the first pass found.
        double: Whether float32 has too few bits for the differences.
        first, width: First edge and width of the bins; width 0 for a constant tensor.
        counts: Values per bin, with one more bin below and one above, shape (bins + 2,).
        outer_first, outer_width: First edge and width of the coarse bins.
        outer: Values per coarse bin, or None without them.
        sums: Sums of y, |y| and y^2, with y = (value - pivot) / width.
        count: Values so far.
    """

    pivot: float
    double: bool
    first: float
    width: float
    counts: Array
    outer_first: float = 0.0
    outer_width: float = 0.0
    outer: Array | None = None
    sums: Array = field(default_factory=lambda: np.zeros(3))
    count: int = 0

    @classmethod
    def over(cls, found: Range) -> Spread:
        """Lay the bins over the range that the first pass found."""
        low, high, mean = found.low, found.high, found.mean
        length, size = high - low, max(-low, high)
        double = not (length > _SMALL and size < min(LARGE, _OFFSET * found.deviation))
        pivot = mean if double else float(np.float32(mean))
        reach = _CORE * found.deviation
        if not 0 < 2 * reach < length:
            first, width = _lay(low, high, BINS)
            return cls(pivot, double, first, width, np.zeros(BINS + 2))
        outer_first, outer_width = _lay(low, high, _OUTER_BINS)
        left = max(math.floor((mean - reach - outer_first) / outer_width), 0)
        right = min(math.ceil((mean + reach - outer_first) / outer_width), _OUTER_BINS)
        parts = max((BINS // (right - left) - 1) // 2 * 2 + 1, 1)  # odd, to keep zero in a middle
        return cls(
            pivot,
            double,
            outer_first + left * outer_width,
            outer_width / parts,
            np.zeros((right - left) * parts + 2),
            outer_first,
            outer_width,
            np.zeros(_OUTER_BINS + 2),
        )

    def add(self, rows: Tensor, pool: ThreadPoolExecutor) -> None:
        """Count one batch, (n, elements)."""
        self.count += rows.numel()
        if self.width == 0:
            return
        for sums, counts, outer in pool.map(self._look, *pieces(rows)):
            self.sums += sums
            self.counts += counts
            if self.outer is not None:
                self.outer += outer

    def _look(self, _where: slice, piece: Tensor) -> tuple[Array, Array, Array | float]:
        sums = np.zeros(3)
        counts = torch.zeros(len(self.counts), dtype=torch.int64)
        outer = None if self.outer is None else torch.zeros(len(self.outer), dtype=torch.int64)
        for tile in tiles(piece):
            y = tile.double() if self.double else tile
            y = (y - self.pivot).mul_(1 / self.width)
            work = torch.abs(y)
            magnitude = work.sum()
            square = torch.mul(y, y, out=work).sum()
            sums += float(y.sum()), float(magnitude), float(square)
            if outer is not None:
                torch.mul(y, self.width / self.outer_width, out=work)
                outer += _count(
                    work, (self.pivot - self.outer_first) / self.outer_width, len(outer)
                )
            counts += _count(y, (self.pivot - self.first) / self.width, len(counts))
        return sums, counts.numpy(), 0.0 if outer is None else outer.numpy()

    @property
    def histogram(self) -> tuple[Array, Array]:
        """Counts (n,) and edges (n + 1,) over the whole range."""
        if self.width == 0:
            return np.array([float(self.count)]), np.array([self.pivot, self.pivot])
        counts = self.counts[1:-1]
        edges = self.first + self.width * np.arange(len(counts) + 1)
        if self.outer is None:
            return counts, edges
        outer = self.outer[1:-1]
        outer_edges = self.outer_first + self.outer_width * np.arange(len(outer) + 1)
        left = round((edges[0] - self.outer_first) / self.outer_width)
        right = round((edges[-1] - self.outer_first) / self.outer_width)
        return (
            np.concatenate([outer[:left], counts, outer[right:]]),
            np.concatenate([outer_edges[:left], edges, outer_edges[right + 1 :]]),
        )

    @property
    def moments(self) -> tuple[float, float, float]:
        """Mean, standard deviation and mean absolute deviation.

        The deviation was summed about the pivot; d E|x - m| / dm = P(x < m) - P(x > m) moves it
        to the mean, which is less than a float32 rounding away.
        """
        if self.width == 0:
            return self.pivot, 0.0, 0.0
        shift, magnitude, square = self.sums / self.count
        counts, edges = self.histogram
        below = np.concatenate([[0.0], np.cumsum(counts)])
        share = float(np.interp(self.pivot, edges, below)) / self.count
        return (
            self.pivot + self.width * float(shift),
            self.width * math.sqrt(max(square - shift**2, 0.0)),
            self.width * float(magnitude + shift * (2 * share - 1)),
        )


def _lay(low: float, high: float, bins: int) -> tuple[float, float]:
    """First edge and width of bins that cover a range, with zero, if inside, in a middle."""
    width = (high - low) / (bins - 2)
    if width > 0 and low <= 0 <= high:
        return -(math.ceil(-low / width - 0.5) + 0.5) * width, width
    return low - width / 2, width


def _count(y: Tensor, offset: float, bins: int) -> Tensor:
    """Count y + offset in unit bins from 0, with a bin below and one above; overwrites y."""
    index = y.add_(offset + 1).clamp_(0, bins - 1).to(torch.int16)
    return torch.bincount(index.view(-1), minlength=bins)

"""A tensor's histogram, and the range of least mean squared error at each width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autosplit.errors import DataError
from autosplit.grid.grid import WIDTHS, ClipRange, Grid, MeasuredGrid, steps_of

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Extremes and moments of one tensor over the calibration samples.

    Attributes:
        min: Least value seen.
        max: Greatest value seen.
        avg_min: Least value of each sample, averaged over samples.
        avg_max: Greatest value of each sample, averaged over samples.
        mean: Mean over all elements of all samples.
        std: Population standard deviation over all elements of all samples.
        b: Mean absolute deviation from the mean, the scale of a Laplace distribution.
    """

    min: float
    max: float
    avg_min: float
    avg_max: float
    mean: float
    std: float
    b: float


def activation_grids(
    counts: npt.ArrayLike, edges: npt.ArrayLike, widths: Sequence[int] = WIDTHS
) -> dict[int, MeasuredGrid]:
    """Find the grid of least mean squared error (MSE) at each width.

    The values of a bin are taken as spread evenly over it, but those of the bin that holds zero
    as zeros.  Let F be their distribution, s the step, z the zero point and n = 2^bits - 1 the
    number of steps.  The levels are j s, j from -z to n - z.  The squared error, summed by parts
    over the boundaries t_j between neighbouring levels, is

        MSE = E[x^2] - 2 q E[x] + q^2 - 2 s sum_j H(t_j),   H(t) = integral of F up to t,

    with q = (n - z) s the top level, and j from -z to n - z - 1.  The boundaries are the same for
    every z, so one running sum over them gives the error of all zero points at once.  What is left
    is a search over s: a geometric scan, then two finer ones around the best.

    Args:
        counts: Values per bin, shape (n,).
        edges: Edges of the bins, ascending, shape (n + 1,); the bins may differ in width.
        widths: Widths wanted, 1..16.

    Returns:
        Width -> grid and error.  If all data is on one side of 0, one end of the grid is 0.

    Raises:
        DataError: The histogram is empty or its edges do not fit.
    """
    histogram = Histogram.of(np.asarray(counts, float), np.asarray(edges, float))
    return {bits: histogram.best_grid(bits) for bits in widths}


@dataclass(frozen=True)
class Histogram:
    """A distribution, scaled so that its range with zero has length 1.

    Attributes:
        edges: Edges of the bins, shape (n + 1,).
        below: Share of the values below each edge, shape (n + 1,).
        integral: Integral of that share up to each edge, shape (n + 1,).
        density: Share of the values per unit of length in each bin and after the last.
        low, high: Where the values begin and end.
        mean, square: Mean of the values and of their squares.
        unit: Length 1 in the units of the data.
    """

    edges: _Array
    below: _Array
    integral: _Array
    density: _Array
    low: float
    high: float
    mean: float
    square: float
    unit: float

    @classmethod
    def of(cls, counts: _Array, edges: _Array) -> Histogram:
        """Make one from values per bin, shape (n,), and edges, ascending, shape (n + 1,).

        Raises:
            DataError: The histogram is empty or its edges do not fit.
        """
        if counts.ndim != 1 or edges.shape != (counts.size + 1,) or counts.sum() <= 0:
            raise DataError("histogram: must have n counts, not all zero, and n + 1 edges")
        zero = int(np.searchsorted(edges, 0.0, side="right")) - 1
        if 0 <= zero < counts.size:
            counts = np.insert(counts, [zero, zero + 1], 0.0)
            edges = np.insert(edges, zero + 1, [0.0, 0.0])
        full = np.flatnonzero(counts)
        low, high = float(edges[full[0]]), float(edges[full[-1] + 1])
        unit = max(high, 0.0) - min(low, 0.0) or 1.0
        edges, share = edges / unit, counts / counts.sum()
        length = np.diff(edges)
        middle = edges[:-1] + length / 2
        below = np.concatenate([[0.0], np.cumsum(share)])
        area = length * (below[:-1] + share / 2)
        return cls(
            edges=edges,
            below=below,
            integral=np.concatenate([[0.0], np.cumsum(area)]),
            density=np.append(np.divide(share, length, where=length > 0, out=0 * share), 0.0),
            low=low / unit,
            high=high / unit,
            mean=float(share @ middle),
            square=float(share @ (middle**2 + length**2 / 12)),
            unit=unit,
        )

    def best_grid(self, bits: int) -> MeasuredGrid:
        """Find the grid of least error at a width."""
        kept, mse = self.best_range(steps_of(bits))
        return MeasuredGrid(Grid.from_range(*kept, bits), np.array([mse]))

    def best_range(self, steps: int) -> tuple[ClipRange, float]:
        """Find the range of least error for a grid of ``steps`` steps, and that error."""
        if self.low == self.high == 0:
            return (0.0, 0.0), 0.0
        widest = 1 / max(steps - 1, 1)
        narrowest = min(0.2 * math.sqrt(self.square) / steps, widest / 2)
        ratio = 1.06 if steps < 16 else 1.3
        count = math.ceil(math.log(widest / narrowest, ratio)) + 1
        scales = np.append(widest * ratio ** -np.arange(count), 1 / steps)
        for finer in (8, 4, 1):
            mse, zeros = self._errors(scales, steps)
            best = int(np.argmin(mse))
            scale, zero, least = float(scales[best]), int(zeros[best]), float(mse[best])
            scales = scale * ratio ** np.linspace(-1, 1, 2 * finer + 1)
            ratio **= 1 / finer
        low, high = -zero * scale, (steps - zero) * scale
        return (low * self.unit + 0.0, high * self.unit), max(least, 0.0) * self.unit**2

    def error(self, grid: Grid) -> float:
        """Mean squared error of a tensor's one grid, in the square of the data's unit."""
        if self.low == self.high == 0:
            return 0.0
        (scale, zero), steps = grid.per_tensor, grid.steps
        scale = scale / self.unit
        top = (steps - zero) * scale
        boundaries: _Array = np.arange(-zero, steps - zero, dtype=np.float64) + 0.5
        window = self._integrate(boundaries * scale).sum()
        mse = self.square + top * (top - 2 * self.mean) - 2 * scale * float(window)
        return max(mse, 0.0) * self.unit**2

    def _errors(self, scales: _Array, steps: int) -> tuple[_Array, npt.NDArray[np.intp]]:
        """Least error at each scale and the zero point that gives it, each of shape (S,)."""
        if self.low >= 0:
            zeros = np.array([0])
        elif self.high <= 0:
            zeros = np.array([steps])
        else:
            zeros = np.arange(steps + 1)
        first = -int(zeros[-1])
        boundaries = np.arange(first, steps - int(zeros[0])) + 0.5
        sums = np.zeros((scales.size, boundaries.size + 1))
        np.cumsum(self._integrate(scales[:, None] * boundaries), axis=1, out=sums[:, 1:])
        window = sums[:, steps - zeros - first] - sums[:, -zeros - first]
        top = (steps - zeros) * scales[:, None]
        mse = self.square + top * (top - 2 * self.mean) - 2 * scales[:, None] * window
        best = np.argmin(mse, axis=1)
        return mse[np.arange(scales.size), best], zeros[best]

    def _integrate(self, t: _Array) -> _Array:
        """H(t): piecewise quadratic, 0 before the first bin, of slope 1 after the last."""
        j = np.searchsorted(self.edges, t, side="right") - 1
        inside = np.maximum(j, 0)
        along = np.maximum(t - self.edges[inside], 0.0)
        slope = self.below[inside] + self.density[inside] / 2 * along
        result: _Array = self.integral[inside] + slope * along
        return result

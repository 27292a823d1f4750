"""Where to clip an activation: one function per rule, all of one signature, in ``CLIPPING``.

A rule sees what was measured of a tensor, its moments and its histogram, and gives the range to
keep at a width.  ``clipped_grids`` makes the grid over that range, which holds zero, and says how
large the error of that grid is.  Where no two values have different signs, one end of
the range is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize_scalar
from scipy.special import lambertw
from scipy.stats import norm

from autosplit.errors import PlanError, did_you_mean
from autosplit.grid.grid import WIDTHS, ClipRange, Grid, MeasuredGrid, steps_of
from autosplit.grid.histogram import Histogram, Moments, activation_grids

_Array = npt.NDArray[np.float64]
PERCENT = 99.99
"""Share of the values that the percentile rule keeps, percent."""
NORM = 2.4
"""Exponent of the p-norm rule; with more than 2, clipping costs more than rounding does."""


@dataclass(frozen=True, slots=True)
class Observed(Moments):
    """What was measured of one tensor: its extremes and moments, and a histogram.

    Attributes:
        counts: Values per bin, shape (n,).
        edges: Edges of the bins, ascending, shape (n + 1,).
    """

    counts: _Array
    edges: _Array

    @property
    def one_sided(self) -> bool:
        """Whether no two values have different signs."""
        return self.min >= 0 or self.max <= 0


Rule = Callable[[Observed, int], ClipRange]


def clipped_grids(
    observed: Observed, rule: str, widths: Sequence[int] = WIDTHS
) -> dict[int, MeasuredGrid]:
    """Make the grid over the range that a rule keeps at each width, and find its error.

    Args:
        observed: What was measured of the tensor.
        rule: A name in ``CLIPPING``.
        widths: Widths wanted, 1..16.

    Raises:
        PlanError: The rule is unknown.
    """
    check_rule(rule)
    if rule == "mse":
        return activation_grids(observed.counts, observed.edges, widths)
    histogram = Histogram.of(observed.counts, observed.edges)
    return {bits: _on_grid(histogram, CLIPPING[rule](observed, bits), bits) for bits in widths}


def check_rule(rule: str) -> None:
    """Refuse the name of a rule that is not in ``CLIPPING``.

    Raises:
        PlanError: The rule is unknown.
    """
    if rule not in CLIPPING:
        raise PlanError(f"clipping: unknown rule {rule!r}{did_you_mean(rule, CLIPPING)}")


def _on_grid(histogram: Histogram, kept: ClipRange, bits: int) -> MeasuredGrid:
    """The grid over a range, and its error."""
    grid = Grid.from_range(*kept, bits)
    return MeasuredGrid(grid, np.array([histogram.error(grid)]))


def keep_all(observed: Observed, _bits: int) -> ClipRange:
    """Keep everything, from the least to the greatest value."""
    return observed.min, observed.max


def keep_average(observed: Observed, _bits: int) -> ClipRange:
    """Keep the mean of the samples' least and greatest values: one odd sample weighs little."""
    return observed.avg_min, observed.avg_max


def keep_percentile(observed: Observed, _bits: int) -> ClipRange:
    """Drop the outermost ``100 - PERCENT`` percent of the values, half of them on each side.

    Of one-sided data all of them are dropped at the end that is away from zero.
    """
    share = np.concatenate([[0.0], np.cumsum(observed.counts)]) / observed.counts.sum()
    tail = 1 - PERCENT / 100
    below, above = (tail / 2, tail / 2) if not observed.one_sided else (0.0, tail)
    if observed.one_sided and observed.max <= 0:
        below, above = above, below
    low, high = np.interp([below, 1 - above], share, observed.edges)
    return _inside(observed, float(low), float(high))


def aciq_laplace(observed: Observed, bits: int) -> ClipRange:
    """Clip where Laplace distributed values have least expected error (Banner et al. 2019, eq. 7).

    Clipping at a distance a from the mean costs 2 b^2 e^(-a/b), and rounding at M bits costs
    a^2 / (3 4^M).  The derivative of the sum vanishes at a = b W(3 4^M), with Lambert's W.

    One-sided data is taken as exponential; its grid is as fine as that of two-sided data with one
    bit more.  The zeros that a rectifier leaves have no error, so b = E[x^2] / (2 E[|x|]), which
    does not depend on how many there are.
    """
    if observed.one_sided:
        square = observed.mean**2 + observed.std**2
        b = square / (2 * abs(observed.mean)) if observed.mean else 0.0
        return _reach(observed, b * float(lambertw(3 * 4.0 ** (bits + 1)).real))
    return _reach(observed, observed.b * float(lambertw(3 * 4.0**bits).real))


def aciq_gauss(observed: Observed, bits: int) -> ClipRange:
    """Clip where normally distributed values have least expected error (Banner et al. 2019, eq. 9).

    At M bits and a distance of a standard deviations from the mean, the derivative of the expected
    error is 2 a / (3 4^M) - 4 (phi(a) - a Q(a)), with phi the density and Q the upper tail.

    One-sided data is taken as half-normal, its grid as fine as that of two-sided data with one bit
    more.  Its deviation sqrt(2/pi) E[x^2] / E[|x|] does not depend on how many zeros there are.
    """
    if not observed.one_sided:
        return _reach(observed, observed.std * _normal_reach(bits))
    square = observed.mean**2 + observed.std**2
    std = math.sqrt(2 / math.pi) * square / abs(observed.mean) if observed.mean else 0.0
    return _reach(observed, std * _normal_reach(bits + 1))


def _normal_reach(bits: int) -> float:
    """Distance from the mean at which a standard normal variable is best clipped."""

    def slope(a: float) -> float:
        return 2 * a / (3 * 4.0**bits) - 4 * float(norm.pdf(a) - a * norm.sf(a))

    return float(brentq(slope, 1e-3, 12.0))


def keep_least_error(observed: Observed, bits: int) -> ClipRange:
    """Keep the range of least mean squared error (``histogram.Histogram.best_range``)."""
    kept, _ = Histogram.of(observed.counts, observed.edges).best_range(steps_of(bits))
    return kept


def keep_least_norm(observed: Observed, bits: int) -> ClipRange:
    """Keep the range of least mean |error|^p, p = ``NORM`` (LAPQ: Nahshan et al. 2019, 4.1).

    The range is that of all values, scaled about zero by one factor, which a bounded search finds.
    """
    low, high = min(observed.min, 0.0), max(observed.max, 0.0)
    middles = (observed.edges[:-1] + observed.edges[1:]) / 2
    share = observed.counts / observed.counts.sum()
    if low == high:
        return low, high

    def cost(factor: float) -> float:
        grid = Grid.from_range(factor * low, factor * high, bits)
        scale, zero = grid.per_tensor
        levels = np.clip(np.round(middles / scale), -zero, grid.steps - zero)
        return float(share @ (np.abs(levels * scale - middles) / (high - low)) ** NORM)

    factors = np.linspace(0.02, 1, 50)
    best = factors[int(np.argmin([cost(factor) for factor in factors]))]
    bounds = max(best - 0.02, 1e-3), min(best + 0.02, 1.0)
    factor = float(minimize_scalar(cost, bounds=bounds, method="bounded").x)
    return factor * low, factor * high


def _reach(observed: Observed, reach: float) -> ClipRange:
    """A range of some reach about the mean, or from zero on if the data is one-sided."""
    if observed.min >= 0:
        return _inside(observed, 0.0, reach)
    if observed.max <= 0:
        return _inside(observed, -reach, 0.0)
    return _inside(observed, observed.mean - reach, observed.mean + reach)


def _inside(observed: Observed, low: float, high: float) -> ClipRange:
    """A range without the parts that hold no values; if nothing is left, that of all values."""
    low, high = max(low, min(observed.min, 0.0)), min(high, max(observed.max, 0.0))
    return (low, high) if low < high else (observed.min, observed.max)


CLIPPING: dict[str, Rule] = {
    "minmax": keep_all,
    "average": keep_average,
    "percentile": keep_percentile,
    "laplace": aciq_laplace,
    "gauss": aciq_gauss,
    "mse": keep_least_error,
    "norm": keep_least_norm,
    "lapq": keep_least_norm,
}
"""Rule -> the range that it keeps of a tensor at a width.

``lapq`` begins as ``norm`` does.  When a plan is finished, ``finish/lapq.py`` moves all of
its ranges together, which takes the network and the plan's widths.
"""

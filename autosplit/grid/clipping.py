"""Where to clip an activation: one function per rule, all of one signature, in ``CLIPPING``.

A rule sees what was measured of a tensor, moments and histogram, and gives the range to keep at a
width.  ``clip`` turns that into a grid that holds zero and says how much the grid errs.  A range is
one-sided where the data is: zero is then one of its ends.
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
from autosplit.grid.grid import WIDTHS, Grid, Range
from autosplit.grid.histogram import Clip, Histogram, activation_clips

Array = npt.NDArray[np.float64]
PERCENT = 99.99
"""Share of the values that the percentile rule keeps, percent."""
NORM = 2.4
"""Exponent of the p-norm rule; with more than 2, clipping costs more than rounding does."""


@dataclass(frozen=True)
class Observed:
    """What was measured of one tensor.

    Attributes:
        min, max: Least and greatest value.
        avg_min, avg_max: Mean over samples of each sample's least and greatest value.
        mean, std: Mean and standard deviation of all values.
        b: Mean absolute deviation from the mean.
        counts: Values per bin, shape (n,).
        edges: Edges of the bins, ascending, shape (n + 1,).
    """

    min: float
    max: float
    avg_min: float
    avg_max: float
    mean: float
    std: float
    b: float
    counts: Array
    edges: Array

    @property
    def one_sided(self) -> bool:
        """Whether no two values have different signs."""
        return self.min >= 0 or self.max <= 0


Rule = Callable[[Observed, int], Range]


def clip_ranges(observed: Observed, rule: str, widths: Sequence[int] = WIDTHS) -> dict[int, Clip]:
    """Range that a rule keeps at each width, as the ends of its grid, and the error it leaves.

    Args:
        observed: What was measured of the tensor.
        rule: A name in ``CLIPPING``.
        widths: Widths wanted, 1..16.

    Raises:
        PlanError: The rule is unknown.
    """
    check_rule(rule)
    if rule == "mse":
        return activation_clips(observed.counts, observed.edges, widths)
    histogram = Histogram.of(observed.counts, observed.edges)
    return {bits: _on_grid(histogram, CLIPPING[rule](observed, bits), bits) for bits in widths}


def check_rule(rule: str) -> None:
    """Make sure that a rule is known.

    Raises:
        PlanError: It is not.
    """
    if rule not in CLIPPING:
        raise PlanError(f"clipping: unknown rule {rule!r}{did_you_mean(rule, CLIPPING)}")


def _on_grid(histogram: Histogram, kept: Range, bits: int) -> Clip:
    """The clip whose ends are levels of the grid over a range."""
    grid = Grid.from_range(*kept, bits)
    return Clip(float(grid.low[0]), float(grid.high[0]), histogram.error(grid))


def keep_all(observed: Observed, _bits: int) -> Range:
    """Least and greatest value: nothing is clipped."""
    return observed.min, observed.max


def keep_average(observed: Observed, _bits: int) -> Range:
    """Mean of the samples' extremes, so that one odd sample weighs little."""
    return observed.avg_min, observed.avg_max


def keep_percentile(observed: Observed, _bits: int) -> Range:
    """All but the outermost ``100 - PERCENT`` percent of the values, half of them on each side.

    Of one-sided data the tail is all on one side.
    """
    share = np.concatenate([[0.0], np.cumsum(observed.counts)]) / observed.counts.sum()
    tail = 1 - PERCENT / 100
    below, above = (tail / 2, tail / 2) if not observed.one_sided else (0.0, tail)
    if observed.one_sided and observed.max <= 0:
        below, above = above, below
    low, high = np.interp([below, 1 - above], share, observed.edges)
    return _inside(observed, float(low), float(high))


def aciq_laplace(observed: Observed, bits: int) -> Range:
    """Least expected error if the values were Laplace distributed (Banner et al. 2019, eq. 7).

    With clipping at a from the mean, 2 b^2 e^(-a/b) is lost by clipping and a^2 / (3 4^M) by
    rounding; the derivative vanishes at a = b W(3 4^M), with Lambert's W.  Data on one side of
    zero is taken as exponential, for which the grid is as fine as with one more bit; zeros in it
    (what a rectifier leaves) cost nothing, so b is E[x^2] / (2 E[|x|]), which they do not change.
    """
    if observed.one_sided:
        square = observed.mean**2 + observed.std**2
        b = square / (2 * abs(observed.mean)) if observed.mean else 0.0
        return _reach(observed, b * float(lambertw(3 * 4.0 ** (bits + 1)).real))
    return _reach(observed, observed.b * float(lambertw(3 * 4.0**bits).real))


def aciq_gauss(observed: Observed, bits: int) -> Range:
    """Least expected error if the values were normally distributed (Banner et al. 2019, eq. 9).

    With a in units of the deviation, the derivative is a / (6 4^(M-1)) - 4 (phi(a) - a Q(a)).
    One-sided data is taken as half-normal, as fine as with one more bit; its deviation
    sqrt(2/pi) E[x^2] / E[|x|] does not depend on the zeros in it.
    """
    if not observed.one_sided:
        return _reach(observed, observed.std * _normal_reach(bits))
    square = observed.mean**2 + observed.std**2
    std = math.sqrt(2 / math.pi) * square / abs(observed.mean) if observed.mean else 0.0
    return _reach(observed, std * _normal_reach(bits + 1))


def _normal_reach(bits: int) -> float:
    """Where to clip a standard normal variable at a width."""

    def slope(a: float) -> float:
        return 2 * a / (3 * 4.0**bits) - 4 * float(norm.pdf(a) - a * norm.sf(a))

    return float(brentq(slope, 1e-3, 12.0))


def keep_least_error(observed: Observed, bits: int) -> Range:
    """Least mean squared error on the histogram; see ``histogram.activation_clips``."""
    found = activation_clips(observed.counts, observed.edges, (bits,))[bits]
    return found.low, found.high


def keep_least_norm(observed: Observed, bits: int) -> Range:
    """Least mean of |error|^p with p = ``NORM``: where LAPQ starts (Nahshan et al. 2019, 4.1).

    The range is the whole one scaled about zero by one factor, found by bounded search.
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


def _reach(observed: Observed, reach: float) -> Range:
    """So far from the mean on both sides, or from zero where the data is."""
    if observed.min >= 0:
        return _inside(observed, 0.0, reach)
    if observed.max <= 0:
        return _inside(observed, -reach, 0.0)
    return _inside(observed, observed.mean - reach, observed.mean + reach)


def _inside(observed: Observed, low: float, high: float) -> Range:
    """A range, cut to where there are values; with none left, the values' own."""
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

``lapq`` begins as ``norm`` does.  When a plan is finished, ``finish/joint_clips.py`` moves all of
its ranges together, which takes the network and the plan's widths.
"""

"""The affine quantizer, and the search for the grid that errs least.

A tensor at ``bits`` is unsigned integers 0..2^bits - 1 on a uniform grid: value = (integer -
zero_point) * scale, with an integer zero point inside the range, so zero is represented exactly
(Jacob et al. 2018, eq. 1).  Rounding is half to even.  Weights have a grid per output channel,
activations one per tensor.

Where to clip is found by least mean squared error (MSE).  Both searches use that, for a fixed
step, the error depends on the values only through how many lie where, so a histogram will do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autosplit.errors import DataError, PlanError
from autosplit.graph.layer import MAX_BITS
from autosplit.stats import LEAST_STEP, WIDTHS

BLOCK = 1 << 17
"""Elements worked on at a time, so that a chain of operators stays in the processor's cache."""
_TILE = 1 << 17  # elements of a weight worked on at a time
_CHANNEL_BINS = 255  # odd, so that zero is in the middle of a bin
_SUBPOINTS = 8
_REACHES = 14
_LEAST_REACH = (0.06, 0.08, 0.12, 0.16, 0.16, 0.16, 0.16, 0.16)  # per width, of the greatest 1
_FEW = 32  # a channel of at most so many elements is searched element by element
_SMALL = 1 << 14  # so is a weight of at most so many elements, from several starts

Array = npt.NDArray[np.float64]
Found = tuple[Tensor, Tensor, Tensor]
"""Scale, zero point and MSE per channel, each of shape (C,)."""


@dataclass(frozen=True)
class ChannelGrids:
    """Grid of a weight at one width, per output channel, and how much it errs.

    Attributes:
        scale: Step, shape (C,), positive.
        zero_point: Integer that stands for zero, shape (C,), 0..2^bits - 1.
        mse: Mean squared error over all elements of the channel, shape (C,).
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int32]
    mse: Array


@dataclass(frozen=True, slots=True)
class Clip:
    """Range that a tensor is clipped to at one width, and the mean squared error it leaves."""

    low: float
    high: float
    mse: float


def quantize(
    x: Tensor,
    scale: float | Tensor,
    zero_point: int | Tensor,
    bits: int,
    axis: int | None = None,
) -> Tensor:
    """Integers that stand for values: round(x / scale) + zero_point, clamped to the width.

    Args:
        x: Values, any shape, floating, not NaN.
        scale: Step; one number, or shape (C,) along ``axis``.
        zero_point: Integer that stands for zero; one number, or shape (C,) along ``axis``.
        bits: Width, 1..16.
        axis: Axis of the output channels if there is a grid per channel.

    Returns:
        Integers 0..2^bits - 1 of the shape of ``x``; uint8 up to 8 bits, int32 above.

    Raises:
        PlanError: The width, the scale or the zero point is out of range.
    """
    levels = quantize_to_levels(x, scale, zero_point, bits, axis)
    _, zero_point = _grid(scale, zero_point, bits, axis, x.dim())
    return levels.add_(zero_point).to(torch.uint8 if bits <= 8 else torch.int32)


def quantize_to_levels(
    x: Tensor,
    scale: float | Tensor,
    zero_point: int | Tensor,
    bits: int,
    axis: int | None = None,
) -> Tensor:
    """The integers of ``quantize`` less their zero point, in the floating type of ``x``.

    Takes what ``quantize`` takes, and raises what it raises.
    """
    scale, zero_point = _grid(scale, zero_point, bits, axis, x.dim())
    return _clamp_(torch.div(x, scale).round_(), zero_point, _steps(bits))


def dequantize(
    integers: Tensor,
    scale: float | Tensor,
    zero_point: int | Tensor,
    axis: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Values that integers stand for: (integer - zero_point) * scale.

    Args:
        integers: What ``quantize`` gave, any shape.
        scale: As for ``quantize``.
        zero_point: As for ``quantize``.
        axis: As for ``quantize``.
        dtype: Type of the values.
    """
    scale, zero_point = _grid(scale, zero_point, MAX_BITS, axis, integers.dim())
    return integers.to(dtype).sub_(zero_point).mul_(scale)


def fake_quantize(
    x: Tensor,
    scale: float | Tensor,
    zero_point: int | Tensor,
    bits: int,
    axis: int | None = None,
) -> Tensor:
    """Values after ``quantize`` and ``dequantize``, the same numbers, without the integers.

    Takes what ``quantize`` takes, and raises what it raises.
    """
    if axis is None and isinstance(scale, float | int):
        return fake_quantize_(x.clone(memory_format=torch.preserve_format), scale, zero_point, bits)
    levels = quantize_to_levels(x, scale, zero_point, bits, axis)
    scale, _ = _grid(scale, zero_point, bits, axis, x.dim())
    return levels.mul_(scale)


def fake_quantize_(x: Tensor, scale: float, zero_point: int | Tensor, bits: int) -> Tensor:
    """Quantize and dequantize one tensor in place, with one grid for all of it.

    Goes through the tensor in blocks that stay in cache: four vector operators, several times
    faster on a CPU than ``torch.fake_quantize_per_tensor_affine``, whose kernel also makes a mask
    (and which multiplies by 1 / scale, so it does not always round as ``quantize`` does).

    Args:
        x: Values, any shape, floating; overwritten.
        scale: Step, positive.
        zero_point: Integer that stands for zero, 0..2^bits - 1.
        bits: Width, 1..16.

    Returns:
        ``x`` itself.

    Raises:
        PlanError: The width, the scale or the zero point is out of range.
    """
    _, zero = _grid(scale, zero_point, bits, None, x.dim())
    steps = _steps(bits)
    for block in torch.split(flat_view(x), BLOCK):
        _clamp_(block.div_(scale).round_(), zero, steps).mul_(scale)
    return x


def flat_view(x: Tensor) -> Tensor:
    """A tensor's elements in the order of memory, shape (n,), without a copy if it is dense."""
    if x.is_contiguous():
        return x.view(-1)
    order = sorted(range(x.dim()), key=x.stride, reverse=True)
    dense = x.permute(order)
    if dense.is_contiguous():
        return dense.view(-1)
    return x if x.dim() == 1 else x.unsqueeze(0)  # strided: one block, still in place


def activation_clips(
    counts: npt.ArrayLike, edges: npt.ArrayLike, widths: Sequence[int] = WIDTHS
) -> dict[int, Clip]:
    """Range of least MSE at each width, for one tensor known by its histogram.

    Values are taken as spread evenly over their bin, and those in the bin that holds zero as
    zero.  For step s and zero point z of n = 2^bits - 1 steps, with F the distribution, the levels
    are q_j = j s, and summing the squared error by parts over the boundaries t_j between levels,

        MSE = E[x^2] - 2 q E[x] + q^2 - 2 s sum_j H(t_j),   H(t) = integral of F up to t,

    with q the top level and j from -z to n - z - 1.  The boundaries are the same for every z, so
    one running sum over them gives the error of all zero points at once; the search is over s
    alone: a geometric scan, then two finer ones around the best.

    Args:
        counts: Values per bin, shape (n,).
        edges: Edges of the bins, ascending, shape (n + 1,); the bins may differ in width.
        widths: Widths wanted, 1..16.

    Returns:
        Width -> the range, whose ends are the lowest and the highest level of the grid (so that
        ``grid_from_range`` gives that grid back), and the error.  One end is 0 for data that is
        all on one side of 0.

    Raises:
        DataError: The histogram is empty or its edges do not fit.
    """
    histogram = Histogram.of(np.asarray(counts, float), np.asarray(edges, float))
    return {bits: histogram.best_clip(_steps(bits)) for bits in widths}


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

    edges: Array
    below: Array
    integral: Array
    density: Array
    low: float
    high: float
    mean: float
    square: float
    unit: float

    @classmethod
    def of(cls, counts: Array, edges: Array) -> Histogram:
        """From values per bin, shape (n,), and the bins' edges, ascending, shape (n + 1,).

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

    def best_clip(self, steps: int) -> Clip:
        """Range of least error on a grid of ``steps`` steps."""
        if self.low == self.high == 0:
            return Clip(0.0, 0.0, 0.0)
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
        return Clip(low * self.unit + 0.0, high * self.unit, max(least, 0.0) * self.unit**2)

    def error(self, scale: float, zero: int, steps: int) -> float:
        """Mean squared error on one grid, in the units of the data squared."""
        if self.low == self.high == 0:
            return 0.0
        scale = scale / self.unit
        top = (steps - zero) * scale
        boundaries: Array = np.arange(-zero, steps - zero, dtype=np.float64) + 0.5
        window = self._integrate(boundaries * scale).sum()
        mse = self.square + top * (top - 2 * self.mean) - 2 * scale * float(window)
        return max(mse, 0.0) * self.unit**2

    def _errors(self, scales: Array, steps: int) -> tuple[Array, npt.NDArray[np.intp]]:
        """Error at each scale with its best zero point, and that zero point, shapes (S,)."""
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

    def _integrate(self, t: Array) -> Array:
        """H at any points: piecewise quadratic, 0 before the first bin, slope 1 after the last."""
        j = np.searchsorted(self.edges, t, side="right") - 1
        inside = np.maximum(j, 0)
        along = np.maximum(t - self.edges[inside], 0.0)
        slope = self.below[inside] + self.density[inside] / 2 * along
        result: Array = self.integral[inside] + slope * along
        return result


def weight_grids(
    weight: Tensor, axis: int, widths: Sequence[int] = WIDTHS
) -> dict[int, ChannelGrids]:
    """Grid of least MSE per output channel at each width, and its exact error.

    Every channel, scaled to a greatest magnitude of 1, is tried on the same candidates: one- and
    two-sided windows, each at several scales.  The expected error is linear in the channel's
    histogram, so all channels and candidates are one matrix product.  The winner's scale is moved
    to the vertex of the parabola through its neighbours, at low widths also to the least-squares
    fit of the integers found, and kept if the exact error is less.  Not proven optimal: above 4
    bits the zero point is one of 17.

    Args:
        weight: Any shape, finite.
        axis: Axis of the output channels, C of them.
        widths: Widths wanted, 1..16.

    Returns:
        Width -> grids and the error over all elements.  A channel of zeros has error 0.

    Raises:
        DataError: A value is NaN or infinite, or there are none.
    """
    rows = weight.detach().movedim(axis, 0).reshape(weight.shape[axis], -1).float().contiguous()
    if rows.numel() == 0 or not (rows - rows).sum() == 0:  # NaN also for infinity
        raise DataError("weight: must be finite and have elements, got NaN, infinity or nothing")
    peak = torch.maximum(-rows.amin(1), rows.amax(1)).clamp_min_(LEAST_STEP)
    costs = _channel_costs(rows, peak, tuple(widths))
    return {bits: _best_grids(rows, peak, costs[bits], bits) for bits in widths}


@dataclass(frozen=True)
class _Candidates:
    """Grids tried on every channel of greatest magnitude 1: Z zero points by R reaches.

    Attributes:
        steps: Steps of the grid.
        zero_point: Shape (Z,).
        reach: Logarithm of how far from zero the farthest level is, ascending to 0, denser
            towards it, shape (R,).
        scale: Shape (Z, R).
    """

    steps: int
    zero_point: Tensor
    reach: Tensor
    scale: Tensor


@lru_cache(maxsize=MAX_BITS)
def _candidates(bits: int) -> _Candidates:
    steps = _steps(bits)
    zero_point = torch.linspace(0, steps, min(steps + 1, 17)).round()
    # Low widths clip long tails hard: at 1 bit the level is near the mean magnitude.
    least = _LEAST_REACH[min(bits, 8) - 1]
    reach = math.log(least) * torch.linspace(1, 0, _REACHES) ** 1.5
    farthest = torch.maximum(zero_point, steps - zero_point)
    return _Candidates(steps, zero_point, reach, reach.exp() / farthest[:, None])


def _point_costs(points: Tensor, bits: int) -> Tensor:
    """Squared error of values (P,) of magnitude up to 1 on every candidate, shape (P, Z R)."""
    grids = _candidates(bits)
    y = points[:, None, None] / grids.scale
    error = _clamp_(y.round(), grids.zero_point[:, None], grids.steps).sub_(y)
    return error.square_().mul_(grids.scale**2).flatten(1)


@lru_cache(maxsize=4)
def _bin_costs(widths: tuple[int, ...]) -> Tensor:
    """Mean squared error of a value spread over a bin, on every candidate, shape (bins, N)."""
    points = (torch.arange(_CHANNEL_BINS * _SUBPOINTS) + 0.5) / (_CHANNEL_BINS * _SUBPOINTS) * 2 - 1
    points.view(_CHANNEL_BINS, _SUBPOINTS)[_CHANNEL_BINS // 2] = 0  # exact zeros, if any, are here
    shape = (_CHANNEL_BINS, _SUBPOINTS, -1)
    return torch.cat([_point_costs(points, bits).view(shape).mean(1) for bits in widths], dim=1)


def _channel_costs(rows: Tensor, peak: Tensor, widths: tuple[int, ...]) -> Mapping[int, Tensor]:
    """Expected MSE of rows (C, K), relative to their peak, on every candidate: (C, Z R)."""
    channels, elements = rows.shape
    if elements <= _FEW:
        points = (rows / peak[:, None]).view(-1)
        tiles = torch.split(points, max(_FEW * BLOCK // 8192 // elements, 1) * elements)
        return {
            bits: torch.cat(
                [_point_costs(tile, bits).view(-1, elements, _size(bits)).mean(1) for tile in tiles]
            )
            for bits in widths
        }
    counts = torch.empty(channels, _CHANNEL_BINS)
    for first, tile in _tiles(rows):
        some = len(tile)
        # A hair inside the range, so that rounding never moves the peak to the next channel.
        bins = (tile / peak[first : first + some, None]).mul_(0.4995 * _CHANNEL_BINS)
        bins += _CHANNEL_BINS * (torch.arange(some)[:, None] + 0.5)
        index = bins.to(torch.int32).view(-1)
        found = torch.bincount(index, minlength=some * _CHANNEL_BINS)
        counts[first : first + some] = found[: some * _CHANNEL_BINS].view(some, -1)
    costs = counts.div_(elements) @ _bin_costs(widths)
    split = torch.split(costs, [_size(bits) for bits in widths], dim=1)
    return dict(zip(widths, split, strict=True))


def _best_grids(rows: Tensor, peak: Tensor, costs: Tensor, bits: int) -> ChannelGrids:
    """Best grids of rows (C, K), from the candidates' costs (C, Z R)."""
    grids = _candidates(bits)
    small = rows.numel() <= _SMALL or rows.shape[1] <= _FEW
    chosen = costs.topk(min(6 if small else 1, costs.shape[1]), dim=1, largest=False).indices
    rounds = 2 if small else int(bits <= 4)
    best: Found | None = None
    for index in chosen.unbind(1):
        zero = grids.zero_point[index // _REACHES]
        scale = grids.scale.view(-1)[index] * _vertex(costs, index, grids.reach).exp_()
        scale = (scale * peak).clamp_min_(LEAST_STEP)
        for left in range(rounds, -1, -1):
            mse, fitted = _exact(rows, scale, zero, grids.steps, fit=left > 0)
            best, scale = _better(best, (scale, zero, mse)), fitted
    assert best is not None
    if small:
        centre, zero, _ = best
        for factor in torch.linspace(0.9, 1.1, 21).tolist():
            scale = (centre * factor).clamp_min_(LEAST_STEP)
            best = _better(best, (scale, zero, _exact(rows, scale, zero, grids.steps)[0]))
    scale, zero, mse = best
    return ChannelGrids(scale.numpy(), zero.numpy().astype(np.int32), mse.numpy())


def _better(best: Found | None, found: Found) -> Found:
    """Per channel, whichever grid errs less."""
    if best is None:
        return found
    less = found[2] < best[2]
    scale, zero, mse = (torch.where(less, a, b) for a, b in zip(found, best, strict=True))
    return scale, zero, mse


def _vertex(costs: Tensor, index: Tensor, reach: Tensor) -> Tensor:
    """From the best candidate to the least point of the parabola around it, in log scale."""
    place = index % _REACHES
    inner = (place > 0) & (place < _REACHES - 1)
    place = place.clamp(1, _REACHES - 2)
    left, right = reach[place - 1] - reach[place], reach[place + 1] - reach[place]
    around = torch.stack([index - 1, index, index + 1], dim=1).clamp_(0, costs.shape[1] - 1)
    low, middle, high = costs.gather(1, around).unbind(1)
    rise_left, rise_right = low - middle, high - middle  # neither is negative
    curve = right * rise_left - left * rise_right
    shift = 0.5 * (right.square() * rise_left - left.square() * rise_right) / curve
    # Exactly it lies between the neighbours; where costs are flat, rounding puts it anywhere.
    shift = torch.minimum(torch.maximum(shift, left), right)
    return torch.where(inner & (curve > 0), shift, 0.0).nan_to_num(0.0)


def _exact(
    rows: Tensor, scale: Tensor, zero: Tensor, steps: int, *, fit: bool = False
) -> tuple[Tensor, Tensor]:
    """Exact MSE per channel (float64), and the scale that fits the integers by least squares."""
    error = torch.empty(len(rows))
    fitted = scale.clone()
    for first, tile in _tiles(rows):
        part = slice(first, first + len(tile))
        y = tile / scale[part, None]
        levels = _clamp_(y.round(), zero[part, None], steps)
        if fit:
            square = levels.square().sum(1)
            ratio = (levels * y).sum(1) / square.clamp_min(1)
            fitted[part] *= torch.where((square > 0) & (ratio > 0), ratio, 1.0)
        error[part] = levels.sub_(y).square_().mean(1)
    return error.double() * scale.double() ** 2, fitted.clamp_min_(LEAST_STEP)


def _tiles(rows: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Blocks of whole rows of about the size of the cache, each with the place of its first."""
    size = max(_TILE // rows.shape[1], 1)
    for first in range(0, len(rows), size):
        yield first, rows[first : first + size]


def _size(bits: int) -> int:
    """Number of candidates at a width."""
    return _candidates(bits).scale.numel()


def _clamp_(levels: Tensor, zero: float | Tensor, steps: int) -> Tensor:
    """Keep levels counted from zero inside the window that the zero point opens, in place."""
    if not isinstance(zero, Tensor):
        return torch.clamp_(levels, -zero, steps - zero)
    # Three times faster than clamp_ with tensors as bounds.
    zero = zero.to(levels.dtype)
    torch.maximum(levels, -zero, out=levels)
    return torch.minimum(levels, steps - zero, out=levels)


def _steps(bits: int) -> int:
    """Steps of a grid of this width, 2^bits - 1."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= MAX_BITS:
        raise PlanError(f"width: must be 1..{MAX_BITS} bits, got {bits!r}")
    return (1 << bits) - 1


def _grid(
    scale: float | Tensor, zero_point: int | Tensor, bits: int, axis: int | None, dims: int
) -> tuple[float | Tensor, int | Tensor]:
    """Scale and zero point, checked, shaped to broadcast along the axis."""
    steps = _steps(bits)
    if isinstance(scale, Tensor):
        least, most = scale.min().item(), scale.max().item()
    else:
        least = most = scale
    if not 0 < least <= most < math.inf:
        raise PlanError(f"scale: must be positive and finite, got {least!r}..{most!r}")
    if isinstance(zero_point, Tensor):
        first, last = int(zero_point.min()), int(zero_point.max())
    else:
        first = last = zero_point
    if not 0 <= first <= last <= steps:
        raise PlanError(f"zero point: must be 0..{steps} at {bits} bits, got {first}..{last}")
    if axis is None:
        return scale, zero_point
    shape = [1] * dims
    shape[axis] = -1
    if isinstance(scale, Tensor):
        scale = scale.view(shape)
    if isinstance(zero_point, Tensor):
        zero_point = zero_point.view(shape)
    return scale, zero_point

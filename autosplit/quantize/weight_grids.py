"""The grid of least mean squared error of every output channel of a weight, at every width."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from autosplit.errors import DataError
from autosplit.graph.layer import MAX_BITS
from autosplit.grid.grid import LEAST_STEP, WIDTHS, Grid, MeasuredGrid, steps_of
from autosplit.quantize.affine import BLOCK, clamp_

_CHANNEL_BINS = 255  # odd, so that zero is in the middle of a bin
_SUBPOINTS = 8
_REACHES = 14
_LEAST_REACH = (0.06, 0.08, 0.12, 0.16, 0.16, 0.16, 0.16, 0.16)  # per width, of the greatest 1
_FEW = 32  # a channel of at most so many elements is searched element by element
_SMALL = 1 << 14  # so is a weight of at most so many elements, from several starts
_POINTS = 512  # elements whose errors on every candidate stay in the processor's cache
Found = tuple[Tensor, Tensor, Tensor]
"""Scale, zero point and MSE per channel, each of shape (C,)."""


def weight_grids(
    weight: Tensor, axis: int, widths: Sequence[int] = WIDTHS
) -> dict[int, MeasuredGrid]:
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
    steps = steps_of(bits)
    zero_point = torch.linspace(0, steps, min(steps + 1, 17)).round()
    # Low widths clip long tails hard: at 1 bit the level is near the mean magnitude.
    least = _LEAST_REACH[min(bits, 8) - 1]
    reach = math.log(least) * torch.linspace(1, 0, _REACHES) ** 1.5
    farthest = torch.maximum(zero_point, steps - zero_point)
    return _Candidates(steps, zero_point, reach, reach.exp() / farthest[:, None])


def _point_costs(points: Tensor, bits: int) -> Tensor:
    """Mean squared error of values (C, K) of magnitude up to 1 on every candidate: (C, Z R)."""
    grids = _candidates(bits)
    scale, lowest = grids.scale.flatten(), -grids.zero_point.repeat_interleave(_REACHES)
    inverse, highest = 1 / scale, lowest + grids.steps
    means = []
    for tile in torch.split(points, max(_POINTS // points.shape[1], 1)):
        y = tile[..., None] * inverse
        error = y.round().clamp_(lowest, highest).sub_(y)
        means.append(error.square_().mean(1))
    return torch.cat(means).mul_(scale**2)


@lru_cache(maxsize=4)
def _bin_costs(widths: tuple[int, ...]) -> Tensor:
    """Mean squared error of a value spread over a bin, on every candidate, shape (bins, N)."""
    points = (torch.arange(_CHANNEL_BINS * _SUBPOINTS) + 0.5) / (_CHANNEL_BINS * _SUBPOINTS) * 2 - 1
    points = points.view(_CHANNEL_BINS, _SUBPOINTS)
    points[_CHANNEL_BINS // 2] = 0  # exact zeros, if any, are here
    return torch.cat([_point_costs(points, bits) for bits in widths], dim=1)


def _channel_costs(rows: Tensor, peak: Tensor, widths: tuple[int, ...]) -> Mapping[int, Tensor]:
    """Expected MSE of rows (C, K), relative to their peak, on every candidate: (C, Z R)."""
    channels, elements = rows.shape
    if elements <= _FEW:
        return {bits: _point_costs(rows / peak[:, None], bits) for bits in widths}
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


def _best_grids(rows: Tensor, peak: Tensor, costs: Tensor, bits: int) -> MeasuredGrid:
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
    return MeasuredGrid(Grid(bits, scale.numpy(), zero.numpy().astype(np.int32)), mse.numpy())


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
        levels = clamp_(y.round(), zero[part, None], steps)
        if fit:
            square = levels.square().sum(1)
            ratio = (levels * y).sum(1) / square.clamp_min(1)
            fitted[part] *= torch.where((square > 0) & (ratio > 0), ratio, 1.0)
        error[part] = levels.sub_(y).square_().mean(1)
    return error.double() * scale.double() ** 2, fitted.clamp_min_(LEAST_STEP)


def _tiles(rows: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Blocks of whole rows of about the size of the cache, each with the place of its first."""
    size = max(BLOCK // rows.shape[1], 1)
    for first in range(0, len(rows), size):
        yield first, rows[first : first + size]


def _size(bits: int) -> int:
    """Number of candidates at a width."""
    return _candidates(bits).scale.numel()

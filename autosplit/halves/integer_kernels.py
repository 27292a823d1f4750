"""Arithmetic of an integer half: exact convolutions, and moves from one integer grid to another.

The integers are held in float32 tensors, whose sums are exact up to 2^24.  Where a sum could pass
that, the input channels are summed in parts, and the parts in float64.  NNPACK, which torch takes
for convolutions where oneDNN does not do them, multiplies transformed values, which are no
integers: it is off.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.backends import nnpack

from autosplit.grid.grid import Grid
from autosplit.quantize.affine import BLOCK, flat_view, numbers_along

EXACT = 2**24
"""Integers up to this magnitude are exact in float32, and so are sums that stay below."""
_INT32 = 2**31 - 1


@dataclass
class NnpackOff:
    """Keeps NNPACK off as long as any thread is inside: torch has one flag for all of them."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: int = 0
    flag: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.flag.enter_context(nnpack.flags(enabled=False))
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.flag.close()


_NNPACK_OFF = NnpackOff()


@dataclass(frozen=True)
class IntegerWeight:
    """A weight as integers, and the bias that goes with it.

    Attributes:
        levels: Integer minus zero point, held in float32, in the shape of the weight.
        grid: Grids of the C output channels.
        axis: Axis of the output channels.
        bias: In real units, shape (C,); None for the network's own.
    """

    levels: Tensor
    grid: Grid
    axis: int
    bias: Tensor | None = None

    @property
    def real(self) -> Tensor:
        """The weight in float32."""
        scale, _ = numbers_along(self.grid, self.axis, self.levels.dim())
        return self.levels * scale


@dataclass(frozen=True)
class BiasSteps:
    """A bias in steps of the accumulator.

    Attributes:
        steps: Whole numbers inside 32 bits, shape (C,), float64.
        scale: Real value of one step of each channel, shape (C,), float64.
    """

    steps: Tensor
    scale: Tensor


def integer_bias(bias: Tensor, scale: Tensor) -> Tensor:
    """Bias in steps of the accumulator, rounded half to even, kept inside 32 bits.

    Args:
        bias: Real units, shape (C,).
        scale: Step of the accumulator per channel, shape (C,), float64.
    """
    return torch.round(bias.double() / scale).clamp_(-_INT32, _INT32)


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A convolution or linear layer on integers; the result is exact, rounded once to float32.

    Attributes:
        target: The operator.
        options: Arguments of the call beside input, weight and bias.
        parts: Pieces of the input's channels with their weights, each exact in the weights' type.
        inner: Bias that the operator adds to the first piece, shape (C,), 0 where it does not fit.
        outer: Output channels where it does not fit, and their bias in float64, in the shape of
            the result; None if there are none.
        axis: Axis of the input's channels, and of the result's.
    """

    target: Any
    options: Mapping[str, Any]
    parts: tuple[tuple[slice, Tensor], ...]
    inner: Tensor | None
    outer: tuple[Tensor, Tensor] | None
    axis: int
    __name__: str = "integer_layer"

    @classmethod
    def of(
        cls,
        target: Any,
        call: Mapping[str, Any],
        levels: Tensor,
        bias: Tensor | None,
        kept: tuple[int, int],
        name: str,
    ) -> IntegerLayer:
        """Split a layer so far that every piece's sums stay exact.

        Args:
            target: The operator.
            call: Arguments of the call by name.
            levels: Weight levels, shape (C, channels, ...).
            bias: Steps, shape (C,), or None.
            kept: Least and greatest input level.
            name: Name of the operator.
        """
        options = {k: v for k, v in call.items() if k not in ("input", "weight", "bias")}
        axis = -1 if name == "linear" else 1
        parts = _exact_parts(levels, kept, options.get("groups", 1))
        if not parts:
            every = ((slice(None), levels.double()),)
            return cls(target, options, every, bias, None, axis)
        first, pieces = 0, []
        for part, _ in parts:
            pieces.append((slice(first, first + part.shape[1]), part.contiguous()))
            first += part.shape[1]
        if bias is None:
            return cls(target, options, tuple(pieces), None, None, axis)
        fits = parts[0][1] + bias.abs() < EXACT
        inner, outer = torch.where(fits, bias, 0).float(), None
        if not bool(fits.all()):
            (places,) = torch.where(~fits)
            shape = [-1] if axis == -1 else [-1, *[1] * (levels.dim() - 2)]
            outer = places, bias[places].view(shape)
        return cls(target, options, tuple(pieces), inner, outer, axis)

    def __call__(self, x: Tensor) -> Tensor:
        """Accumulators of levels (batch, ...), in float32."""
        with _NNPACK_OFF:  # its transformed convolutions are not exact
            return self._sum(x)

    def _sum(self, x: Tensor) -> Tensor:
        (whole, levels), *others = self.parts
        first = self._channels(x, whole) if others else x.to(levels.dtype)
        total: Tensor = self.target(first, levels, self.inner, **self.options)
        if len(others) > 1 or (others and self.outer):  # a sum of two rounds only once
            total = total.double()
        for place, levels in others:
            total += self.target(self._channels(x, place), levels, None, **self.options)
        result = total.float()
        if self.outer is not None:
            places, bias = self.outer
            late = total.index_select(self.axis, places).double() + bias
            result.index_copy_(self.axis, places, late.float())
        return result

    def _channels(self, x: Tensor, place: slice) -> Tensor:
        return x.narrow(self.axis, place.start, place.stop - place.start)


def _exact_parts(levels: Tensor, kept: tuple[int, int], groups: int) -> list[tuple[Tensor, Tensor]]:
    """Slices of a weight's input channels with exact sums, and their bounds; empty if none do."""
    count = 1
    while True:
        parts = [(part, bounds(part, kept)) for part in levels.chunk(count, dim=1)]
        if all(bool((bound < EXACT).all()) for _, bound in parts):
            return parts
        if groups > 1 or count >= levels.shape[1]:
            return []
        count *= 2


def bounds(levels: Tensor, kept: tuple[int, int]) -> Tensor:
    """What no partial sum of an output channel, in any order, can pass.

    Args:
        levels: Weight levels, shape (C, channels, ...), float32.
        kept: Least and greatest input level.

    Returns:
        Magnitudes, shape (C,), float64; exact below ``EXACT``, else at least that.
    """
    low, high = -min(kept[0], 0), max(kept[1], 0)
    rows = levels.flatten(1)
    found = []
    for some in torch.split(rows, max(BLOCK // rows.shape[1], 1)):
        positive = some.clamp_min(0)
        up = positive.sum(1).double()
        down = positive.sub_(some).sum(1).double()
        found.append(torch.maximum(up * high + down * low, up * low + down * high))
    return torch.cat(found)


def to_levels_(x: Tensor, step: float, low: int, high: int) -> Tensor:
    """Levels of real values: round(x / step), clamped; overwrites ``x``."""
    for block in torch.split(flat_view(x), BLOCK):
        block.div_(step).round_().clamp_(low, high)
    return x


def requantize(x: Tensor, factor: float, low: int, high: int) -> Tensor:
    """Levels on another grid: round(x * factor), clamped."""
    return torch.mul(x, factor).round_().clamp_(low, high)


def requantize_(x: Tensor, factor: Tensor, low: int, high: int, axis: int) -> Tensor:
    """Levels of accumulators: round(x * factor of the channel), clamped; overwrites ``x``."""
    for block, factors in _by_channel(x, factor, axis):
        block.mul_(factors).round_().clamp_(low, high)
    return x


def requantize_sum(
    x: Tensor, y: Tensor, x_factor: float, y_factor: float, low: int, high: int
) -> Tensor:
    """Levels of a sum: round(x * x_factor + y * y_factor), clamped."""
    if not (x.is_contiguous() and y.is_contiguous() and x.shape == y.shape):
        return (x * x_factor).add_(y * y_factor).round_().clamp_(low, high)
    result = torch.empty_like(x)
    pieces = [torch.split(value.view(-1), BLOCK) for value in (x, y, result)]
    for a, b, out in zip(*pieces, strict=True):
        torch.mul(a, x_factor, out=out).add_(b * y_factor).round_().clamp_(low, high)
    return result


@dataclass(frozen=True, eq=False)
class AccumulatedSum:
    """``requantize_`` of accumulators, then ``requantize_sum``, in one pass over memory.

    Attributes:
        factor, low, high, axis: Step, bounds and channel axis of the accumulators.
        factors: Factors of their levels, and of the levels that are added.
        kept: Least and greatest level of the sum.
    """

    factor: Tensor
    low: int
    high: int
    axis: int
    factors: tuple[float, float]
    kept: tuple[int, int]
    __name__: str = "accumulated_sum"

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Levels of the sum of accumulators and levels; overwrites ``x``."""
        if not (x.is_contiguous() and y.is_contiguous() and x.shape == y.shape):
            x = requantize_(x, self.factor, self.low, self.high, self.axis)
            return requantize_sum(x, y, *self.factors, *self.kept)
        pieces = _by_channel(x, self.factor, self.axis), _by_channel(y, self.factor, self.axis)
        for (block, factors), (other, _) in zip(*pieces, strict=True):
            block.mul_(factors).round_().clamp_(self.low, self.high)
            block.mul_(self.factors[0]).add_(other * self.factors[1]).round_().clamp_(*self.kept)
        return x


def _by_channel(x: Tensor, factor: Tensor, axis: int) -> list[tuple[Tensor, Tensor]]:
    """Views of a tensor that stay in cache, each with the factors (C,) of its channels."""
    inner = math.prod(x.shape[axis + 1 :])
    if not x.is_contiguous():
        return [(x, factor.view(-1, *[1] * (x.dim() - axis - 1)))]
    block = BLOCK * torch.get_num_threads()  # each thread's share stays in its core's cache
    if inner == 1:
        count = max(block // len(factor), 1)
        return [(block, factor) for block in torch.split(x.view(-1, len(factor)), count)]
    rows, count = x.view(-1, inner), max(block // inner, 1)
    factors = factor.repeat(len(rows) // len(factor)).unsqueeze(1)
    return list(zip(torch.split(rows, count), torch.split(factors, count), strict=True))


def times_channels(x: Tensor, factor: Tensor, axis: int) -> Tensor:
    """Every channel times its factor; ``factor`` has the shape (C,) of the channels on ``axis``."""
    shape = [1] * x.dim()
    shape[axis] = -1
    return x * factor.view(shape)

"""The affine quantizer: values to integers on a uniform grid, and back (Jacob et al. 2018)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from autosplit.grid.grid import Grid

BLOCK = 1 << 17
"""Elements worked on at a time, so that a chain of operators stays in the processor's cache."""


def quantize(x: Tensor, grid: Grid, axis: int | None = None) -> Tensor:
    """Integers that stand for values: round(x / scale) + zero_point, clamped to the width.

    Args:
        x: Values, any shape, floating, not NaN.
        grid: One grid for the tensor, or one for each of the C channels along ``axis``.
        axis: Axis of the channels; None for one grid.

    Returns:
        Integers 0..2^bits - 1 of the shape of ``x``; uint8 up to 8 bits, int32 above.

    Raises:
        PlanError: There is a grid for each channel and no axis.
    """
    levels = quantize_to_levels(x, grid, axis)
    _, zero_point = numbers_along(grid, axis, x.dim())
    return levels.add_(zero_point).to(torch.uint8 if grid.bits <= 8 else torch.int32)


def quantize_to_levels(x: Tensor, grid: Grid, axis: int | None = None) -> Tensor:
    """The integers of ``quantize`` less their zero point, in the floating type of ``x``.

    Takes what ``quantize`` takes, and raises what it raises.
    """
    scale, zero_point = numbers_along(grid, axis, x.dim())
    return clamp_(torch.div(x, scale).round_(), zero_point, grid.steps)


def dequantize(
    integers: Tensor, grid: Grid, axis: int | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Values that integers stand for: (integer - zero_point) * scale.

    Args:
        integers: What ``quantize`` gave, any shape.
        grid: The grid, as ``quantize`` takes it.
        axis: Axis of the channels, as ``quantize`` takes it.
        dtype: Type of the values.
    """
    scale, zero_point = numbers_along(grid, axis, integers.dim())
    return integers.to(dtype).sub_(zero_point).mul_(scale)


def fake_quantize(x: Tensor, grid: Grid, axis: int | None = None) -> Tensor:
    """Values after ``quantize`` and ``dequantize``, the same numbers, without the integers.

    Takes what ``quantize`` takes, and raises what it raises.
    """
    if axis is None:
        copy = x.clone(memory_format=torch.preserve_format)
        return fake_quantize_(copy, *grid.per_tensor, grid.bits)
    scale, _ = numbers_along(grid, axis, x.dim())
    return quantize_to_levels(x, grid, axis).mul_(scale)


def fake_quantize_(x: Tensor, scale: float, zero_point: int, bits: int) -> Tensor:
    """Quantize and dequantize one tensor in place, with one grid for all of it.

    Goes through the tensor in blocks that stay in cache: four vector operators, several times
    faster on a CPU than ``torch.fake_quantize_per_tensor_affine``, whose kernel also makes a mask
    (and which multiplies by 1 / scale, so it does not always round as ``quantize`` does).  The grid
    is given as numbers, because that is what a graph of operators can hold.

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
    steps = _checked_steps(bits, scale, zero_point)
    for block in torch.split(flat_view(x), BLOCK):
        clamp_(block.div_(scale).round_(), zero_point, steps).mul_(scale)
    return x


def numbers_along(
    grid: Grid, axis: int | None, dims: int
) -> tuple[float, int] | tuple[Tensor, Tensor]:
    """Scale and zero point to compute with: numbers, or tensors that broadcast along an axis.

    Args:
        grid: One grid, or one for each of the C channels along ``axis``.
        axis: Axis of the channels; None for one grid.
        dims: Dimensions of the tensor.

    Raises:
        PlanError: There is a grid for each channel and no axis.
    """
    if axis is None:
        return grid.per_tensor
    shape = [1] * dims
    shape[axis] = -1
    return torch.tensor(grid.scale).view(shape), torch.tensor(grid.zero_point).view(shape)


@lru_cache(maxsize=4096)
def _checked_steps(bits: int, scale: float, zero_point: int) -> int:
    """Steps of the grid that these numbers make; a half checks the same numbers at every run.

    Raises:
        PlanError: They make none.
    """
    return Grid.of(bits, scale, zero_point).steps


def flat_view(x: Tensor) -> Tensor:
    """A tensor's elements in the order of memory, shape (n,), without a copy if it is dense."""
    if x.is_contiguous():
        return x.view(-1)
    order = sorted(range(x.dim()), key=x.stride, reverse=True)
    dense = x.permute(order)
    if dense.is_contiguous():
        return dense.view(-1)
    return x if x.dim() == 1 else x.unsqueeze(0)  # strided: one block, still in place


def clamp_(levels: Tensor, zero: float | Tensor, steps: int) -> Tensor:
    """Keep levels counted from zero inside the window that the zero point opens, in place."""
    if not isinstance(zero, Tensor):
        return torch.clamp_(levels, -zero, steps - zero)
    # Three times faster than clamp_ with tensors as bounds.
    zero = zero.to(levels.dtype)
    torch.maximum(levels, -zero, out=levels)
    return torch.minimum(levels, steps - zero, out=levels)

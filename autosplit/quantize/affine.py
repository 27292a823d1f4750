"""The affine quantizer: values to integers on a uniform grid, and back (Jacob et al. 2018)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from autosplit.errors import PlanError
from autosplit.graph.layer import MAX_BITS
from autosplit.grid.grid import steps_of

BLOCK = 1 << 17
"""Elements worked on at a time, so that a chain of operators stays in the processor's cache."""


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
    return clamp_(torch.div(x, scale).round_(), zero_point, steps_of(bits))


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
    steps = steps_of(bits)
    for block in torch.split(flat_view(x), BLOCK):
        clamp_(block.div_(scale).round_(), zero, steps).mul_(scale)
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


def clamp_(levels: Tensor, zero: float | Tensor, steps: int) -> Tensor:
    """Keep levels counted from zero inside the window that the zero point opens, in place."""
    if not isinstance(zero, Tensor):
        return torch.clamp_(levels, -zero, steps - zero)
    # Three times faster than clamp_ with tensors as bounds.
    zero = zero.to(levels.dtype)
    torch.maximum(levels, -zero, out=levels)
    return torch.minimum(levels, steps - zero, out=levels)


def _grid(
    scale: float | Tensor, zero_point: int | Tensor, bits: int, axis: int | None, dims: int
) -> tuple[float | Tensor, int | Tensor]:
    """Scale and zero point, checked, shaped to broadcast along the axis."""
    steps = steps_of(bits)
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

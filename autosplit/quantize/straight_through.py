"""A fake quantizer that gradients go through, for training on a grid.

Rounding has no useful derivative.  The straight-through estimator (Bengio et al. 2013, section 4)
lets the gradient of round be that of the identity; clamping keeps its own derivative.  With
r = x / s, q = clamp(round(r), -z, 2^b - 1 - z) and y = q s this gives

    dy/dx = 1 where round(r) is not clamped, else 0
    dy/ds = round(r) - r where round(r) is not clamped, else q

the second being the gradient of a learned step (LSQ, Esser et al. 2020, eq. 3).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from autosplit.grid.grid import steps_of

_PART = 2**16
"""Elements that a tensor with one step is quantized by at a time."""


def straight_through(
    x: Tensor, scale: float | Tensor, zero_point: int | Tensor, bits: int
) -> Tensor:
    """Values after quantizing and dequantizing, with straight-through gradients.

    The numbers are those of ``affine.fake_quantize``, to the bit.

    Args:
        x: Values, any shape, floating.
        scale: Step, positive: a number, or a tensor that broadcasts over ``x`` (as
            ``affine.numbers_along`` gives), which gets a gradient if it asks for one.
        zero_point: Integer that stands for zero: a number or a tensor, without a gradient.
        bits: Width, 1..16.
    """
    steps = steps_of(bits)
    step = scale if isinstance(scale, Tensor) else x.new_tensor(scale)
    zero = zero_point if isinstance(zero_point, Tensor) else x.new_tensor(zero_point)
    result: Tensor = _StraightThrough.apply(x, step, zero.to(x.dtype), steps)
    return result


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, zero: Tensor, steps: int) -> Tensor:
        ctx.save_for_backward(x, scale, zero)
        ctx.steps = steps
        if zero.numel() > 1:
            levels = torch.div(x, scale).round_()
            return torch.clamp(levels, -zero, steps - zero).mul_(scale)
        # a clamp by numbers is six times as fast as one by tensors
        low = -float(zero)
        if scale.numel() > 1:
            return torch.div(x, scale).round_().clamp_(low, low + steps).mul_(scale)
        x = _dense(x)
        found = torch.empty_like(x)
        for part, own in zip(_parts(x), _parts(found), strict=True):
            torch.div(part, scale.flatten(), out=own).round_()
            own.clamp_(low, low + steps).mul_(scale.flatten())
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        (gradient,) = gradients
        x, scale, zero = ctx.saved_tensors
        if scale.numel() == zero.numel() == 1:
            return *_one_step(gradient, x, scale, -float(zero), ctx.steps), None, None
        ratio = x / scale
        levels = ratio.round()
        kept = levels.clamp(-zero, ctx.steps - zero)
        inside = kept == levels
        of_scale = None
        if ctx.needs_input_grad[1]:
            of_scale = (gradient * torch.where(inside, levels - ratio, kept)).sum_to_size(
                scale.shape
            )
        return gradient * inside, of_scale, None, None


def _parts(x: Tensor) -> tuple[Tensor, ...]:
    """A dense tensor in parts that stay in the processor's cache between two operators."""
    found: tuple[Tensor, ...] = x.as_strided((x.numel(),), (1,)).split(_PART)
    return found


def _dense(x: Tensor) -> Tensor:
    """A tensor without gaps between its elements, in the order that it has in memory."""
    packed = torch.empty_like(x)
    return x if packed.stride() == x.stride() else packed.copy_(x)


def _one_step(
    gradient: Tensor, x: Tensor, scale: Tensor, low: float, steps: int
) -> tuple[Tensor, Tensor]:
    """Gradients by values and by their one step, whose least level is ``low``.

    The second is the sum of level x gradient, clamped, less that of r x gradient where nothing is
    clamped: the same as the formulas above.
    """
    x = _dense(x)
    of_x = torch.empty_like(x)
    if gradient.stride() != x.stride():
        gradient = torch.empty_like(x).copy_(gradient)
    of_scale = x.new_zeros(())
    for part, given, own in zip(_parts(x), _parts(gradient), _parts(of_x), strict=True):
        ratio = part / scale.flatten()
        levels = ratio.round()
        # passes a gradient on between its ends, which levels never are
        torch.ops.aten.hardtanh_backward.grad_input(
            given, levels, low - 0.5, low + steps + 0.5, grad_input=own
        )
        kept = levels.clamp_(low, low + steps)
        of_scale = of_scale + torch.dot(kept, given) - torch.dot(ratio, own)
    return of_x, of_scale.reshape(scale.shape)

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
        levels = torch.div(x, scale).round_()
        return torch.clamp(levels, -zero, steps - zero).mul_(scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        (gradient,) = gradients
        x, scale, zero = ctx.saved_tensors
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

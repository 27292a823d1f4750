"""Learned steps: the gradient of LSQ (Esser et al. 2020, eq. 3) with its factor (section 2.2)."""

from __future__ import annotations

from torch import Tensor

from autosplit.grid.grid import steps_of
from autosplit.quantize.straight_through import straight_through


def lsq(value: Tensor, log_step: Tensor, zero: Tensor, bits: int, elements: float) -> Tensor:
    """Values on a grid whose step is learned."""
    step = scaled_gradient(log_step.exp(), bits, elements)
    return straight_through(value, step, zero, bits)


def scaled_gradient(step: Tensor, bits: int, elements: float) -> Tensor:
    """A step whose gradient is divided by sqrt(elements x levels)."""
    factor: float = (elements * max(steps_of(bits), 1)) ** -0.5
    scaled: Tensor = step.detach() + factor * (step - step.detach())
    return scaled

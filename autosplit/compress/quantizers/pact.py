"""Learned clipping: a step moves for the values that are clipped alone (PACT, Choi et al. 2018).

With the ends of the grid at a, values beyond them become a and have the derivative 1 by a (eq. 3);
values within have none.  The paper clips activations and leaves weights to DoReFa; here both are
clipped.
"""

from __future__ import annotations

from torch import Tensor

from autosplit.compress.quantizers.lsq import scaled_gradient
from autosplit.grid.grid import steps_of
from autosplit.quantize.straight_through import straight_through


def pact(value: Tensor, log_step: Tensor, zero: Tensor, bits: int, elements: float) -> Tensor:
    """Values on a grid whose ends are learned."""
    step = log_step.exp()
    fixed = step.detach()
    levels = (value.detach() / fixed).round()
    kept = levels.minimum(steps_of(bits) - zero).maximum(-zero)
    ends = kept * (levels != kept)
    moved: Tensor = ends * (scaled_gradient(step, bits, elements) - fixed)
    return straight_through(value, fixed, zero, bits) + moved

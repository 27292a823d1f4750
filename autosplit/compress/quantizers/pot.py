"""Steps that are powers of two: a shift in place of a multiplication.

The step is learned as in ``lsq``; its exponent is rounded wherever it is used, with the
straight-through gradient (Jain et al. 2020, TQT, eq. 6, round in place of ceil).
"""

from __future__ import annotations

import math

from torch import Tensor

from autosplit.compress.quantizers.lsq import scaled_gradient
from autosplit.quantize.straight_through import straight_through


def pot(value: Tensor, log_step: Tensor, zero: Tensor, bits: int, elements: float) -> Tensor:
    """Values on a grid whose step is a power of two."""
    exponent = log_step / math.log(2)
    whole = exponent + (exponent.round() - exponent).detach()
    step = scaled_gradient((whole * math.log(2)).exp(), bits, elements)
    exact = nearest_power(log_step)
    return straight_through(value, exact + (step - step.detach()), zero, bits)


def nearest_power(log_step: Tensor) -> Tensor:
    """The power of two nearest to a step, on a logarithmic scale, exactly."""
    exponent = (log_step.detach() / math.log(2)).round()
    found: Tensor = exponent.exp2()
    return found

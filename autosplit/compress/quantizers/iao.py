"""Moving ranges: the step follows the range of the values (Jacob et al. 2018, section 3).

The range is smoothed by an exponential moving average; the zero point stays that of the plan, so
the step is the least with which both ends of the range fit the grid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autosplit.grid.grid import steps_of
from autosplit.quantize.straight_through import straight_through

MOMENTUM = 0.01
"""Weight of the newest range in the average."""


def iao(value: Tensor, log_step: Tensor, zero: Tensor, bits: int, elements: float) -> Tensor:
    """Values on a grid whose step follows their range, while gradients are on."""
    del elements  # its step has no gradient
    if torch.is_grad_enabled():
        with torch.no_grad():
            now = _needed(value, log_step, zero, bits).clamp_min(1e-12)
            log_step.copy_(log_step.exp().lerp(now, MOMENTUM).log())
    step: Tensor = log_step.detach().exp()
    return straight_through(value, step, zero, bits)


def _needed(value: Tensor, log_step: Tensor, zero: Tensor, bits: int) -> Tensor:
    """Least step with which all values fit the grid, of the shape of the step."""
    one = log_step.numel() == 1
    shared = [axis for axis in range(value.dim()) if one or log_step.shape[axis] == 1]
    low, high = value.amin(shared, keepdim=True), value.amax(shared, keepdim=True)
    above, below = (steps_of(bits) - zero).clamp_min(0), zero.clamp_min(0)
    up = torch.where(above > 0, high / above.clamp_min(1), 0)
    down = torch.where(below > 0, -low / below.clamp_min(1), 0)
    return up.maximum(down).reshape(log_step.shape)

"""Fixed steps, and weights that are bent by tanh within the range of their channel (DoReFa).

Zhou et al. 2016, eq. 9: a weight v is put on the grid as tanh(v) / max abs(tanh(v)), times a range
of its channel, so that the largest weight stays as large as it was.  The paper's levels lie half a
step beside zero; here they are those of the plan, whose zero is a level, and the range is that of
the plan's weights.  Activations are clipped to the plan's fixed range, as in eq. 11 to 0..1.
"""

from __future__ import annotations

from torch import Tensor

from autosplit.quantize.straight_through import straight_through

_START = 0.75
"""tanh of the largest weight of a channel at the start."""


def dorefa(value: Tensor, log_step: Tensor, zero: Tensor, bits: int, elements: float) -> Tensor:
    """Values on a grid whose step stays as it is."""
    del elements  # its step has no gradient
    step: Tensor = log_step.detach().exp()
    return straight_through(value, step, zero, bits)


def bent(latent: Tensor, reach: Tensor) -> Tensor:
    """Weights of what is trained: tanh of it, the largest of each channel at its reach."""
    curved = latent.tanh()
    found: Tensor = reach * curved / largest(curved).clamp_min(1e-12)
    return found


def unbent(weight: Tensor, reach: Tensor) -> Tensor:
    """What ``bent`` makes these weights of."""
    found: Tensor = (_START * weight / reach.where(reach > 0, reach.new_ones(()))).atanh()
    return found


def largest(weight: Tensor) -> Tensor:
    """Largest absolute value of each channel, the first axis."""
    others = tuple(range(1, weight.dim()))
    found: Tensor = weight.abs().amax(others, keepdim=True) if others else weight.abs()
    return found

"""The integer grid of a tensor at a width: step, zero point, and where they come from."""

from __future__ import annotations

import math

import numpy as np

from autosplit.errors import PlanError
from autosplit.graph.layer import MAX_BITS

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8)
"""Every width that is measured, bits."""
DEFAULT_WIDTHS = (2, 3, 4, 5, 6, 8)
"""Widths that the search may use unless told otherwise, bits."""
LEAST_STEP = float(np.finfo(np.float32).tiny)
_MOST = float(np.finfo(np.float32).max) * (1 - 1e-6)  # a hair less, for rounding


def grid_from_range(low: float, high: float, bits: int) -> tuple[float, int]:
    """Scale and zero point of the integers over a range, which is widened to hold zero.

    Args:
        low: Least value to represent.
        high: Greatest value to represent, at least ``low``.
        bits: Width, 1..16.

    Returns:
        Scale (positive, exact in float32) and zero point (0..2^bits - 1).

    Raises:
        PlanError: The width is out of range, or the range is not finite or upside down.

    >>> grid_from_range(-1.0, 3.0, 2)
    (1.3333333730697632, 1)
    """
    if not 1 <= bits <= MAX_BITS:
        raise PlanError(f"width: must be 1..{MAX_BITS} bits, got {bits!r}")
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise PlanError(f"range: must be finite with low <= high, got {low!r}..{high!r}")
    steps = 2**bits - 1
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return 1.0, 0
    step = min(high / steps - low / steps, _MOST / steps)  # no level may overflow float32
    scale = max(float(np.float32(step)), LEAST_STEP)
    return scale, min(max(round(-low / scale), 0), steps)


def steps_of(bits: int) -> int:
    """Steps of a grid of this width, 2^bits - 1."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= MAX_BITS:
        raise PlanError(f"width: must be 1..{MAX_BITS} bits, got {bits!r}")
    return (1 << bits) - 1

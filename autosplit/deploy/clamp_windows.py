"""Clamps before a tensor's grid as the least and the most of its codes."""

from __future__ import annotations

from autosplit.grid.grid import steps_of

Window = tuple[float, float]
"""Least and most value that clamps let through."""


def narrowed(window: Window, earlier: Window) -> Window:
    """The window of two clamps, one after the other.

    Args:
        window: Least and most of the later clamp, which decides where they have nothing in common.
        earlier: Those of the clamp before it.
    """
    least, most = earlier
    return min(max(window[0], least), window[1]), max(min(window[1], most), window[0])


def window_codes(window: Window, step: float, zero: int, bits: int) -> tuple[int, int]:
    """Least and most code that a clamped tensor has on its grid.

    Args:
        window: Least and most value of the clamps.
        step: Scale of the grid.
        zero: Its zero point.
        bits: Its width.
    """
    ends = (min(max(end / step, -zero), steps_of(bits) - zero) for end in window)
    low, high = (round(end) + zero for end in ends)
    return low, high

"""How far sums of float64 are trusted, and when a value keeps a limit: one rule for every limit.

The same sum in another order differs in its last digits, so a limit that was taken from a plan must
be kept by that plan in whichever order its costs are added up.  Every comparison of seconds,
distortion, mean widths or bit operations with a limit goes through ``keeps``, of an accuracy drop
with a limit through ``keeps_drop``, and of a lower bound with its value through ``proves``; bytes
are whole and compared as such.
"""

from __future__ import annotations

import math
from typing import overload

from autosplit.search.arrays import Booleans, Floats

ROUNDING = 1e-12
"""Sums are trusted up to this part of the numbers they add up."""
LIMIT_ROUNDING = 1e-9
"""A limit is kept by what passes it by at most this part.  Programs are solved as closely, and no
search goes on for a gain of a smaller part."""
BOUND_ROUNDING = 2 * LIMIT_ROUNDING
"""A lower bound nearer to its value than this part is the value itself: the value may be off by
``LIMIT_ROUNDING``, and the program that gave the bound by as much."""


def loosened(limit: float) -> float:
    """Largest value that keeps a limit: the limit and ``LIMIT_ROUNDING`` of it.

    >>> loosened(2.0) > 2.0 and loosened(0.0) == 0.0
    True
    """
    return limit + LIMIT_ROUNDING * abs(limit) if math.isfinite(limit) else limit


@overload
def keeps(values: float, limit: float) -> bool: ...
@overload
def keeps(values: Floats, limit: float) -> Booleans: ...
def keeps(values: float | Floats, limit: float) -> bool | Booleans:
    """Whether a value, or each of many, keeps a limit up to rounding.

    >>> keeps(0.1 + 0.2, 0.3), keeps(0.3001, 0.3)
    (True, False)
    """
    return values <= loosened(limit)


def proves(lower: float | Floats, value: float | Floats) -> bool | Booleans:
    """Whether a lower bound, or each of many, is so near to its value that it proves it least.

    >>> proves(0.3, 0.1 + 0.2), proves(0.2999, 0.3)
    (True, False)
    """
    return lower >= value * (1 - BOUND_ROUNDING)


def keeps_drop(drop: float, max_drop: float) -> bool:
    """Whether an accuracy drop keeps a limit, both in points; points are counted from 0 to 100.

    >>> keeps_drop(100 * (0.95 - 0.94), 1.0), keeps_drop(1.001, 1.0), keeps_drop(0.0, -1.0)
    (True, False, False)
    """
    return drop <= max_drop + LIMIT_ROUNDING


def told_apart(first: float, second: float) -> tuple[str, str]:
    """Two different numbers with as many digits as it takes to tell them apart, at least 6.

    >>> told_apart(0.12345678, 0.1234567)
    ('0.12345678', '0.1234567')
    """
    for digits in range(6, 18):
        texts = f"{first:.{digits}g}", f"{second:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts

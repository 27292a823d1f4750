"""Tensors that are no numbers to quantize: masks, indices and counts, which keep their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autosplit.errors import GraphError

MAX_INTEGER_BITS = 32
"""Widest element of a tensor of integers, in memory and on the wire."""


@dataclass(frozen=True, slots=True)
class Integers:
    """Integers that are kept as they are: from ``low`` on, as many values as fit the bits.

    A tensor of booleans has ``low`` 0 and 1 bit.  The value x is stored as x - low.

    Attributes:
        bits: Bits of an element, 1..32.
        low: Least value.

    Raises:
        GraphError: The bits or the least value are out of range.
    """

    bits: int
    low: int = 0

    def __post_init__(self) -> None:
        if type(self.bits) is not int or not 1 <= self.bits <= MAX_INTEGER_BITS:
            raise GraphError(f"integers: bits must be 1..{MAX_INTEGER_BITS}, got {self.bits!r}")
        if type(self.low) is not int or abs(self.low) > 1 << MAX_INTEGER_BITS:
            raise GraphError(f"integers: low must be a whole number of 33 bits, got {self.low!r}")

    @property
    def high(self) -> int:
        """Greatest value."""
        return self.low + (1 << self.bits) - 1

    @classmethod
    def between(cls, low: int, high: int) -> Integers:
        """The integers of the fewest bits that hold all values from ``low`` to ``high``.

        >>> Integers.between(0, 999), Integers.between(3, 3)
        (Integers(bits=10, low=0), Integers(bits=1, low=3))
        """
        return cls(max((high - low).bit_length(), 1), low)


@dataclass(frozen=True, slots=True)
class AllowedIndices:
    """Integers that may be used to look something up.

    Attributes:
        low: Least place.
        high: Greatest place.
        what: What is looked up, in words.
    """

    low: int
    high: int
    what: str

    def wrong_value(self, values: Any) -> int | None:
        """Return a value of a tensor that is no place, the farthest off; None where all are.

        Args:
            values: Tensor of integers.
        """
        if not values.numel():
            return None
        low, high = int(values.min()), int(values.max())
        beyond = max((self.low - low, low), (high - self.high, high))
        return beyond[1] if beyond[0] > 0 else None


NO_INTEGERS: Mapping[str, Integers] = {}
"""For a network all of whose tensors are numbers to quantize."""

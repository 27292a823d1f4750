"""The integer grid of a tensor at a width: one record for weights and activations alike.

An integer q stands for the value (q - zero_point) * scale, and a value x takes the integer

    q = clamp(round(x / scale) + zero_point, 0, 2^bits - 1)

with round half to even (affine quantization: Jacob et al. 2018, eq. 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autosplit.errors import PlanError
from autosplit.graph.integers import Integers
from autosplit.graph.layer import MAX_BITS

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8)
"""Every width that is measured, bits."""
DEFAULT_WIDTHS = (2, 3, 4, 5, 6, 8)
"""Widths that the search may use unless told otherwise, bits."""
FLOAT_BITS = (16, 32)
"""Widths of a tensor that is not quantized: IEEE half and single precision."""
LEAST_STEP = float(np.finfo(np.float32).tiny)
"""Smallest scale of a grid that autosplit makes: the smallest normal number of float32."""
_MOST = float(np.finfo(np.float32).max) * (1 - 1e-6)  # a hair less, for rounding

ClipRange = tuple[float, float]
"""Least and greatest value that clipping keeps of a tensor, in the tensor's own unit."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Integers 0..2^bits - 1 of a tensor: one grid for all of it, or one for each channel.

    A symmetric grid is one whose zero point is the middle, 2^(bits - 1); a power-of-two grid is one
    whose scales are powers of two.  Neither needs more than what is here.

    Attributes:
        bits: Width of an integer, 1..16.
        scale: Step between neighbouring integers, shape (C,), float32, positive and finite.  C is
            1 for one grid per tensor, else the number of channels.
        zero_point: Integer that stands for zero, shape (C,), int32, 0..2^bits - 1.

    Raises:
        PlanError: The width, a scale or a zero point is out of range.
    """

    bits: int
    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        steps = steps_of(self.bits)
        scale, zero = np.array(self.scale, np.float32), np.array(self.zero_point, np.int32)
        if scale.ndim != 1 or scale.shape != zero.shape or not scale.size:
            raise PlanError(
                "grid: must have as many scales as zero points, at least one, "
                f"got the shapes {scale.shape} and {zero.shape}"
            )
        least, most = scale.min(), scale.max()
        if not 0 < least <= most < math.inf:
            raise PlanError(f"scale: must be positive and finite, got {least!s}..{most!s}")
        first, last = zero.min(), zero.max()
        if not 0 <= first <= last <= steps:
            raise PlanError(
                f"zero point: must be 0..{steps} at {self.bits} bits, got {first}..{last}"
            )
        scale.flags.writeable = zero.flags.writeable = False
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "zero_point", zero)

    @classmethod
    def from_range(cls, low: float, high: float, bits: int) -> Grid:
        """One grid for a tensor, over a range that is widened to hold zero.

        Args:
            low: Least value to represent.
            high: Greatest value to represent, at least ``low``.
            bits: Width, 1..16.

        Raises:
            PlanError: The width is out of range, or the range is not finite or upside down.

        >>> Grid.from_range(-1.0, 3.0, 2)
        Grid(bits=2, scale=array([1.3333334], dtype=float32), zero_point=array([1], dtype=int32))
        """
        steps = steps_of(bits)
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise PlanError(f"range: must be finite with low <= high, got {low!r}..{high!r}")
        low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            return cls.of(bits, 1.0, 0)
        step = min(high / steps - low / steps, _MOST / steps)  # no level may overflow float32
        scale = max(float(np.float32(step)), LEAST_STEP)
        return cls.of(bits, scale, min(max(round(-low / scale), 0), steps))

    @classmethod
    def of(cls, bits: int, scale: float | Sequence[float], zero_point: int | Sequence[int]) -> Grid:
        """A grid from plain numbers, one of each for a tensor or a sequence for its channels.

        >>> Grid.of(4, 0.5, 8).per_tensor
        (0.5, 8)
        """
        return cls(
            bits,
            np.atleast_1d(np.asarray(scale, np.float32)),
            np.atleast_1d(np.asarray(zero_point, np.int32)),
        )

    @property
    def steps(self) -> int:
        """Steps from the lowest integer to the highest, 2^bits - 1, which is the highest."""
        return steps_of(self.bits)

    @property
    def low(self) -> npt.NDArray[np.float64]:
        """Value of the lowest integer, at most 0, shape (C,)."""
        return np.multiply(-self.zero_point, self.scale, dtype=np.float64)

    @property
    def high(self) -> npt.NDArray[np.float64]:
        """Value of the highest integer, at least 0, shape (C,)."""
        return np.multiply(self.steps - self.zero_point, self.scale, dtype=np.float64)

    @property
    def per_channel(self) -> bool:
        """Whether there is more than one grid."""
        return self.scale.size > 1

    @property
    def per_tensor(self) -> tuple[float, int]:
        """Scale and zero point of a tensor that has one grid, as numbers of Python.

        Raises:
            PlanError: There is a grid for each channel.
        """
        if self.per_channel:
            raise PlanError(f"grid: must be one for the whole tensor, got {self.scale.size}")
        return float(self.scale[0]), int(self.zero_point[0])

    def take(self, channels: npt.NDArray[np.intp]) -> Grid:
        """The grids of some channels, in the order of these indices, shape (K,)."""
        return Grid(self.bits, self.scale[channels], self.zero_point[channels])

    def __eq__(self, other: object) -> bool:
        """Whether another grid has the same width, scales and zero points."""
        return isinstance(other, Grid) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[int, bytes, bytes]:
        return self.bits, self.scale.tobytes(), self.zero_point.tobytes()


@dataclass(frozen=True, slots=True)
class MeasuredGrid:
    """The grid of a tensor at one width, and the error that it leaves.

    Attributes:
        grid: One grid for all of the tensor, or one for each of C channels.
        mse: Mean squared error of clipping and rounding, shape (C,): over all elements of each
            channel; C is 1 for one grid per tensor.
    """

    grid: Grid
    mse: npt.NDArray[np.float64]

    @property
    def mean_mse(self) -> float:
        """Mean squared error over all elements; every channel has as many."""
        return float(self.mse.mean())


@dataclass(frozen=True, slots=True)
class Unquantized:
    """A tensor that stays floating-point numbers: it has a width, and no grid.

    Attributes:
        bits: 16 or 32.

    Raises:
        PlanError: The width is another.
    """

    bits: int

    def __post_init__(self) -> None:
        if self.bits not in FLOAT_BITS:
            raise PlanError(f"width: a float must have 16 or 32 bits, got {self.bits!r}")


ElementFormat = Grid | Unquantized | Integers
"""How the elements of a tensor are stored and sent: as integers of a grid, as floats, or, where
they are integers that mean what they are, unchanged."""


def steps_of(bits: int) -> int:
    """Steps of a grid of a width, 2^bits - 1.

    Raises:
        PlanError: The width is not a whole number of 1..16 bits.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= MAX_BITS:
        raise PlanError(f"width: must be 1..{MAX_BITS} bits, got {bits!r}")
    return (1 << bits) - 1

"""Bring numbers near one before they are multiplied, so that float32 can hold their products.

float32 has normal numbers from 1.2e-38 to 3.4e38.  The square of 1e-22 lies below them, among the
denormal numbers, and whether these are kept or set to zero depends on the processor and on the
library that multiplies.  A result must not depend on either.  So values are multiplied by a power
of two before moments, products or squares of them are taken, which rounds nothing: where nothing
would have been lost, no bit of a result changes.  Where one number lies far above all others, the
products are taken in float64 instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

APART = 30
"""Two numbers that are multiplied may be as far apart as 2^APART."""
_LARGEST = 126
"""Powers of two from 2^-126 to 2^126 are normal numbers of float32."""
_ROOM = 50
"""Of the exponent of a product, either way: its square, summed, then lies far inside float32."""


def exponent_of(*values: Tensor) -> int:
    """Exponent e for which the largest magnitude of all values is in 2^(e-1)..2^e.

    It is 0 for zeros, and where a value is NaN or infinite.
    """
    ends = [abs(float(end)) for value in values if value.numel() for end in value.aminmax()]
    return math.frexp(max(ends, default=0.0))[1] if all(map(math.isfinite, ends)) else 0


def power_of_two(exponent: int) -> float:
    """2^exponent, or the nearest power of two that is a normal number of float32."""
    return 2.0 ** min(max(exponent, -_LARGEST), _LARGEST)


def unit_factors(peak: Tensor) -> Tensor:
    """Powers of two that bring magnitudes to 1/2..1, in their shape; 1 for zeros.

    >>> unit_factors(torch.tensor([6.0, 0.0, 0.25]))
    tensor([0.1250, 1.0000, 2.0000])
    """
    exponent = torch.frexp(peak).exponent.clamp_(-_LARGEST, _LARGEST)
    return torch.ldexp(torch.ones_like(peak), -exponent)


def group_factors(inputs: Tensor, *others: Tensor) -> Tensor:
    """Power of two for each group of a layer: its inputs are then large enough to be squared.

    All groups get the factor that brings the largest magnitude of all values to 1/2..1.  Only a
    group whose inputs would then lie below 2^-APART gets a larger one, which brings them there.

    Args:
        inputs: What is squared, shape (G, n, K).
        others: What is multiplied by the same factors, of any shape.

    Returns:
        Shape (G,).
    """
    largest = exponent_of(inputs, *others)
    peak = inputs.abs().amax((1, 2)) if inputs.numel() else inputs.new_zeros(len(inputs))
    own = torch.where(peak > 0, torch.frexp(peak).exponent + APART, largest)
    power = own.clamp_max(largest).clamp_(-_LARGEST, _LARGEST)
    return torch.ldexp(torch.ones_like(peak), -power)


def squares_fit(first: Iterable[int], others: Iterable[int]) -> bool:
    """Whether float32 can hold the squares of products, summed.

    Args:
        first: Exponents of one factor: the largest, and any below it that counts too.
        others: Exponents of what it is multiplied by, each for itself.
    """
    alone, with_it = list(first), list(others)
    products = [a + b for a in alone for b in with_it]
    return all(abs(exponent) <= _ROOM for exponent in (*alone, *with_it, *products))


def wide_enough(first: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Values in float64 if float32 cannot hold the squares of their products, else as they are.

    Args:
        first: Will be squared, or multiplied by each other value and then squared, and summed.
        others: The other values.
    """
    if squares_fit([exponent_of(first)], map(exponent_of, others)):
        return first, *others
    return tuple(value.double() for value in (first, *others))

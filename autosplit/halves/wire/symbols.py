"""Which elements of a tensor make which symbols of its entropy coding.

The channels of a tensor are put into classes of like distribution, at most ``CLASSES``.  The
channels follow each other class by class, and as many neighbours as fit ``SYMBOL_BITS`` make one
symbol: two at 4 bits, so a code knows how neighbours depend on each other, and runs are short.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.errors import DataError
from autosplit.graph.layer import Shape

CLASSES = 4
"""Most classes of channels: each has a code of its own in every sample."""
SYMBOL_BITS = 8
"""Widest symbol, bits; also the widest element that is coded."""

Counts = npt.NDArray[np.float64]
Symbols = npt.NDArray[np.uint8]
Classes = tuple[int, ...]
"""Class of each channel, from 0."""


def group_of(bits: int) -> int:
    """Elements of a symbol.

    >>> [group_of(bits) for bits in (1, 2, 3, 4, 5, 8)]
    [8, 4, 2, 2, 1, 1]
    """
    return SYMBOL_BITS // bits


def channel_axis(shape: Shape) -> int:
    """Axis of a sample that has its channels: the first, or the last of (tokens, features)."""
    return 1 if len(shape) == 2 else 0


def channel_count(shape: Shape) -> int:
    """Channels of a sample."""
    return shape[channel_axis(shape)] if shape else 1


def classes_to_text(classes: Classes) -> str:
    """Classes as a file holds them: a digit for each channel.

    >>> classes_to_text((0, 2, 1))
    '021'
    """
    return "".join(map(str, classes))


def classes_from_text(text: str) -> Classes:
    """Read what ``classes_to_text`` gave.

    Raises:
        DataError: It is something else.
    """
    known = {str(one): one for one in range(CLASSES)}
    if not text or set(text) - known.keys():
        raise DataError(f"classes: must be digits from 0 to {CLASSES - 1}, got {text!r:.40}")
    return tuple(known[digit] for digit in text)


@dataclass(frozen=True)
class SymbolOrder:
    """Which elements make which symbols of a sample.

    Attributes:
        shape: Of a sample, with C channels.
        classes: Class of each channel, of length C.
        bits: Width of an element, 1..8.
    """

    shape: Shape
    classes: Classes
    bits: int

    @cached_property
    def channels(self) -> npt.NDArray[np.intp]:
        """Channels in the order in which they are sent, shape (C,)."""
        return np.argsort(self.classes, kind="stable")

    @property
    def count(self) -> int:
        """Symbols S of a sample; the last repeats the last element where that does not fill it."""
        return -(-math.prod(self.shape) // group_of(self.bits))

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """End of the symbols of each class; a symbol of two classes is of the former."""
        elements = math.prod(self.shape) // len(self.classes) * np.bincount(self.classes).cumsum()
        return tuple((-(-elements // group_of(self.bits))).tolist())

    def symbols(self, samples: npt.NDArray[Any]) -> Symbols:
        """Symbols of some samples.

        Args:
            samples: Integers of N samples, in 0..2^bits - 1, shape (N, elements).

        Returns:
            Shape (N, S).
        """
        group, size = group_of(self.bits), len(samples)
        rows = by_channel(samples.astype(np.uint8, copy=False), self.shape)
        flat = rows[:, self.channels].reshape(size, math.prod(self.shape))
        short = -flat.shape[1] % group
        if short:
            flat = np.concatenate([flat, np.repeat(flat[:, -1:], short, axis=1)], axis=1)
        groups = flat.reshape(size, self.count, group)
        total = groups[..., 0].copy()
        for place in range(1, group):
            total |= groups[..., place] << np.uint8(place * self.bits)
        return total

    def integers(self, symbols: Symbols) -> Symbols:
        """One sample of its symbols, shape ``self.shape``.

        Args:
            symbols: Shape (S,), each below 2^(bits * group).
        """
        group = group_of(self.bits)
        groups = np.empty((len(symbols), group), np.uint8)
        for place in range(group):
            shifted = symbols >> np.uint8(place * self.bits)
            np.bitwise_and(shifted, (1 << self.bits) - 1, out=groups[:, place])
        rows = groups.ravel()[: math.prod(self.shape)].reshape(len(self.classes), -1)
        whole = np.empty((1, *(self.shape or (1,))), np.uint8)
        by_channel(whole, self.shape)[0, self.channels] = rows
        return whole.reshape(self.shape)


def by_channel(samples: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    """Elements of N samples by channel, shape (N, C, rest); a view of contiguous samples."""
    whole = samples.reshape(len(samples), *(shape or (1,)))
    if channel_axis(shape) == 1:
        return whole.transpose(0, 2, 1)
    channels = channel_count(shape)
    return whole.reshape(len(whole), channels, math.prod(shape) // channels)


def group_channels(histogram: Counts, count: int = CLASSES) -> Classes:
    """Put channels into classes so that few bits are spent: Lloyd's method with code lengths.

    Args:
        histogram: Values of each channel, counted, shape (C, values).
        count: Most classes.

    Returns:
        Class of each channel, of length C; no class is empty.
    """
    count = min(count, len(histogram))
    values = np.arange(histogram.shape[1])
    centre = (histogram * values).sum(axis=1) / np.maximum(histogram.sum(axis=1), 1)
    classes = np.empty(len(histogram), np.intp)
    classes[np.argsort(centre, kind="stable")] = np.arange(len(histogram)) * count // len(histogram)
    for _ in range(8):
        sums = np.zeros((count, histogram.shape[1]))
        np.add.at(sums, classes, histogram)
        cost = -np.log2((sums + 0.1) / (sums + 0.1).sum(axis=1, keepdims=True))
        classes = (histogram @ cost.T).argmin(axis=1)
    return tuple(np.unique(classes, return_inverse=True)[1].tolist())


def check_classes(classes: Sequence[int], shape: Shape) -> None:
    """Make sure that there is a class for each channel of a sample.

    Raises:
        DataError: There is not.
    """
    channels = channel_count(shape)
    if len(classes) != channels or not set(classes) <= set(range(CLASSES)):
        raise DataError(
            f"classes must be one from 0 to {CLASSES - 1} for each of {channels} channels, got "
            f"{len(classes)}"
        )

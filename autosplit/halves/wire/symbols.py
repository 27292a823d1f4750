"""Which elements of a tensor make which symbols of its entropy coding.

The channels of a tensor are put into at most ``CLASSES`` classes of like distribution.  The
elements of a class follow each other channel by channel, and as many neighbours as fit
``SYMBOL_BITS`` make one symbol: two at 4 bits, so a table knows how neighbours depend on each
other, and runs of zeros are short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.graph.layer import Shape

CLASSES = 16
"""Most classes of channels."""
SYMBOL_BITS = 8
"""Widest symbol, bits; also the widest element that is coded."""

Counts = npt.NDArray[np.float64]


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


@dataclass(frozen=True)
class SymbolOrder:
    """Which elements make which symbols of a sample; made by ``symbol_order``.

    Attributes:
        bits: Width of an element.
        elements: Flat places of the elements of each symbol, shape (S, group).  The last symbol of
            a class repeats its last element where the class does not fill it.
        ends: End of the symbols of each class, shape (K,).
    """

    bits: int
    elements: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]

    def symbols(self, flat: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
        """Symbols of some samples.

        Args:
            flat: Integers of N samples, shape (N, elements).

        Returns:
            Shape (N, S).
        """
        total = flat[:, self.elements[:, 0]].astype(np.int32)
        for place in range(1, self.elements.shape[1]):
            total |= flat[:, self.elements[:, place]].astype(np.int32) << place * self.bits
        return total

    def integers(self, symbols: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.uint8]:
        """Elements of one sample of its symbols, shape (count,)."""
        flat = np.empty(count, np.uint8)
        for place in range(self.elements.shape[1] - 1, -1, -1):
            part = symbols >> place * self.bits & (1 << self.bits) - 1
            flat[self.elements[:, place]] = part
        return flat

    def counts(self, flat: npt.NDArray[Any]) -> Counts:
        """How often each symbol of each class is in some samples.

        Args:
            flat: Integers of N samples, shape (N, elements).

        Returns:
            Shape (N, K, symbols).
        """
        size, count = 1 << self.bits * self.elements.shape[1], len(self.ends)
        of = np.searchsorted(self.ends, np.arange(len(self.elements)), side="right")
        place = self.symbols(flat) + (of * size).astype(np.int32)
        place = place + (np.arange(len(flat)) * count * size)[:, None]
        found = np.bincount(place.ravel(), minlength=len(flat) * count * size)
        return found.reshape(len(flat), count, size).astype(np.float64)


def symbol_order(shape: Shape, classes: npt.NDArray[np.uint8], bits: int) -> SymbolOrder:
    """Order the elements of a sample by class, channel and place.

    Args:
        shape: Of a sample.
        classes: Class of each channel, shape (C,).
        bits: Width of an element.
    """
    group = group_of(bits)
    places = np.arange(math.prod(shape)).reshape(shape or (1,))
    places = np.moveaxis(places, channel_axis(shape), 0).reshape(len(classes), -1)
    parts = []
    for one in range(int(classes.max(initial=0)) + 1):
        mine = places[classes == one].ravel()
        short = -len(mine) % group
        parts.append(np.concatenate([mine, np.repeat(mine[-1:], short)]).reshape(-1, group))
    ends = np.cumsum([len(part) for part in parts])
    return SymbolOrder(bits, np.concatenate(parts), ends)


def group_channels(histogram: Counts) -> npt.NDArray[np.uint8]:
    """Put channels into classes so that few bits are spent: Lloyd's method with code lengths.

    Args:
        histogram: Of each channel, shape (C, values).

    Returns:
        Class of each channel, shape (C,); no class is empty.
    """
    count = min(CLASSES, len(histogram))
    values = np.arange(histogram.shape[1])
    centre = (histogram * values).sum(axis=1) / np.maximum(histogram.sum(axis=1), 1)
    classes = np.empty(len(histogram), np.intp)
    classes[np.argsort(centre, kind="stable")] = np.arange(len(histogram)) * count // len(histogram)
    for _ in range(8):
        sums = np.zeros((count, histogram.shape[1]))
        np.add.at(sums, classes, histogram)
        cost = -np.log2((sums + 0.1) / (sums + 0.1).sum(axis=1, keepdims=True))
        classes = (histogram @ cost.T).argmin(axis=1)
    return np.unique(classes, return_inverse=True)[1].astype(np.uint8)

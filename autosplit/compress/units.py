"""Channels that must be pruned together, as units: numbers of channels, tied to each other.

A tensor is labelled by an array of numbers, of as many axes as the tensor: it has the tensor's
length along the axes of channels, and length 1 along all others.  Two channels with tied numbers
belong to one unit; a unit is pruned whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ChannelLabel = npt.NDArray[np.int64]
"""Numbers of the channels of a tensor; see above."""


@dataclass
class Ties:
    """Numbers of channels, which of them are tied, and which must stay.

    Attributes:
        count: How many numbers there are.
        frozen: Number of a channel that must stay -> why.
    """

    count: int = 0
    frozen: dict[int, str] = field(default_factory=dict)
    _left: list[ChannelLabel] = field(default_factory=list)
    _right: list[ChannelLabel] = field(default_factory=list)

    def fresh(self, shape: tuple[int, ...]) -> ChannelLabel:
        """New numbers, all different."""
        size = int(np.prod(shape))
        found = np.arange(self.count, self.count + size, dtype=np.int64).reshape(shape)
        self.count += size
        return found

    def tie(self, first: ChannelLabel, second: ChannelLabel) -> None:
        """Tie channels to each other, after broadcasting."""
        a, b = np.broadcast_arrays(first, second)
        pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
        self._left.append(pairs[0])
        self._right.append(pairs[1])

    def tie_along(self, label: ChannelLabel, axis: int) -> ChannelLabel:
        """Tie all channels along an axis, which then has length 1."""
        first = label.take([0], axis)
        if label.shape[axis] > 1:
            self.tie(label, first)
        return first

    def freeze(self, label: ChannelLabel | None, why: str) -> None:
        """Keep channels; the first reason counts."""
        for number in () if label is None else np.unique(label):
            self.frozen.setdefault(int(number), why)

    def units(self) -> ChannelLabel:
        """Unit of each number: numbers 0.., tied ones alike, shape (count,)."""
        left = np.concatenate([*self._left, np.zeros(0, np.int64)])
        right = np.concatenate([*self._right, np.zeros(0, np.int64)])
        edges = coo_array((np.ones(len(left)), (left, right)), shape=(self.count, self.count))
        return connected_components(edges, directed=False)[1].astype(np.int64)


def reshaped(label: ChannelLabel, before: tuple[int, ...], after: tuple[int, ...]) -> ChannelLabel:
    """A label after a reshape of its tensor.

    Axes are matched in runs of equal products, so that lengths of 1 stay 1 where a run has no
    channels.

    Args:
        label: Label of the tensor.
        before: Shape of the tensor.
        after: Its shape afterwards.

    >>> reshaped(np.arange(2).reshape(1, 2, 1), (5, 2, 3), (5, 6)).tolist()
    [[0, 0, 0, 1, 1, 1]]
    """
    pieces, shape = [], []
    for old, new in runs(before, after):
        own = [label.shape[axis] for axis in old]
        lengths = [before[axis] for axis in old]
        labelled = any(size > 1 for size in own)
        pieces.append((own, lengths if labelled else own))
        shape += [after[axis] if labelled else 1 for axis in new]
    whole = [size for _, lengths in pieces for size in lengths]
    return np.broadcast_to(label, whole).reshape(shape) if shape else label.reshape(())


def runs(before: tuple[int, ...], after: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Axes before and after a reshape in runs of equal products, in order.

    >>> runs((2, 6, 4, 4), (2, 3, 2, 16))
    [([0], [0]), ([1], [1, 2]), ([2, 3], [3])]
    """
    found: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        old, new = [], []
        a = b = 1
        if i < len(before):
            a, old, i = before[i], [i], i + 1
        if j < len(after):
            b, new, j = after[j], [j], j + 1
        while a != b:
            if (a < b or j >= len(after)) and i < len(before):
                a, i = a * before[i], i + 1
                old.append(i - 1)
            else:
                b, j = b * after[j], j + 1
                new.append(j - 1)
        found.append((old, new))
    return found

"""Every edge half worth having of short prefixes, by enumeration: exact, while it lasts.

The layers run in topological order.  A label is a choice of widths so far; of labels with the same
widths of all that later layers still need, one that another one beats in distortion, seconds and
memory is dropped, as nothing that follows can tell them apart (dynamic programming with dominance,
as in ``knapsack.dynamic_programming``, with more than one cost).  The labels after n layers hold
the best edge halves of that prefix at every number of bytes sent.  Where there are too many labels
the pass ends: prefixes up to there are solved, later ones are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autosplit.search.arrays import Booleans, Floats, Indices, Ints
from autosplit.search.widths.pool import Picked, PoolCosts

MOST_LABELS = 4096
"""Labels kept after a layer; more end the pass."""
_MOST_PAIRS = 6000
"""Labels compared two by two; more end the pass."""


@dataclass(frozen=True)
class _Labels:
    """Choices so far, N of them.

    Attributes:
        choice: Index of the width of each weight, then of each output, shape (2, N, L).
        distortion: Distortion, shape (N,).
        seconds: On the edge, shape (N,).
        stored: Bytes of parameters, shape (N,).
        peak: Largest live set, bytes, shape (N,).
    """

    choice: npt.NDArray[np.uint8]
    distortion: Floats
    seconds: Floats
    stored: Ints
    peak: Ints

    def take(self, index: Indices) -> _Labels:
        """Some of the labels."""
        return _Labels(
            self.choice[:, index],
            self.distortion[index],
            self.seconds[index],
            self.stored[index],
            self.peak[index],
        )


def enumerate_prefixes(costs: PoolCosts, most: int | None = None) -> tuple[Picked, int]:
    """List the edge halves that none of their length beats in bytes sent, seconds and distortion.

    Args:
        costs: Tables of the problem.
        most: Labels that may be kept after a layer; ``MOST_LABELS`` if None.

    Returns:
        Those edge halves, by rising length, and the length up to which they are all there are.
    """
    most = MOST_LABELS if most is None else most
    free = _unlimited(costs)
    solved = list(_solved(costs, most, free, limited=False))
    if len(solved) == free < len(costs.problem.graph.layers):
        longer = list(_solved(costs, most, len(costs.problem.graph.layers), limited=True))
        solved = max(solved, longer, key=len)
    count = len(costs.problem.graph.layers)
    lengths = [
        np.full(len(one.distortion), n, dtype=np.intp) for n, one in enumerate(solved, start=1)
    ]
    empty, nowhere = np.zeros((2, 0, count), dtype=np.uint8), np.zeros(0, dtype=np.intp)
    choice = np.concatenate([empty, *(one.choice for one in solved)], axis=1)
    picked = Picked(np.concatenate([nowhere, *lengths]), choice[0], choice[1])
    return picked, len(solved)


def _unlimited(costs: PoolCosts) -> int:
    """Length of the longest prefix that fits the memory whatever its widths."""
    count = len(costs.problem.graph.layers)
    limit = costs.problem.limit_bytes
    if limit is None:
        return count
    sizes = costs.parameters.size.max(axis=1, initial=0)
    held = np.concatenate([[0], np.cumsum(sizes)])[costs.parameters.rows]
    need = held[1:] + costs.memory.peaks(-1)
    return int(np.searchsorted(need, limit, side="right"))


def _solved(costs: PoolCosts, most: int, until: int, *, limited: bool) -> Iterator[_Labels]:
    """Best edge halves of the prefixes from 1 layer on, as far as the labels allow."""
    count, size = len(costs.problem.graph.layers), len(costs.problem.usable)
    memory = costs.memory
    nothing = np.zeros(1, dtype=np.int64)
    labels = _Labels(
        np.zeros((2, 1, count), dtype=np.uint8), np.zeros(1), np.zeros(1), nothing, nothing
    )
    needed = _needed_until(costs, limited=limited)
    for step in range(until):
        labels = _extended(costs, labels, step)
        if limited and costs.problem.limit_bytes is not None:
            held = labels.stored + labels.peak
            labels = labels.take(np.flatnonzero(held <= costs.problem.limit_bytes))
        made = np.tile(np.arange(count) <= step, 2)
        key = _key(labels, made & (needed > step), size)
        if key is None:
            return
        columns: list[Floats | Ints] = [labels.seconds, labels.distortion]
        columns += [labels.stored, labels.peak] if limited else []
        kept = undominated(key, columns)
        if kept is None or len(kept) > most:
            return
        labels = labels.take(kept)
        crossing = np.flatnonzero(memory.read > step)
        crossing = crossing[crossing <= step]
        chosen = crossing, labels.choice[1][:, crossing]
        sent = memory.sent[chosen].sum(axis=1)
        seconds = labels.seconds + memory.coding_s[chosen].sum(axis=1)
        same = np.zeros(len(sent), dtype=np.int64)
        best = undominated(same, [seconds, labels.distortion, sent])
        if best is None:
            return
        yield labels.take(best)


def _needed_until(costs: PoolCosts, *, limited: bool) -> Ints:
    """Last step at which the width of each weight, then of each output, matters, shape (2 L,)."""
    weights = np.full(len(costs.seconds.layers), -1)
    for rank, layer in enumerate(costs.seconds.layers):
        if layer.weight is not None:
            weights[layer.weight[0]] = rank
    outputs = np.maximum(costs.memory.read, costs.memory.last if limited else -1)
    return np.concatenate([weights, outputs])


def _extended(costs: PoolCosts, labels: _Labels, step: int) -> _Labels:
    """Run one more layer at every width of its weight and output."""
    size = len(costs.problem.usable)
    row = np.flatnonzero(costs.parameters.rank == step)
    weight = costs.seconds.layers[step].weight
    owns = len(row) > 0 and weight is not None and weight[0] == step
    own, out = np.divmod(np.arange(size * (size if owns else 1)), size)
    count = len(labels.distortion)
    index = np.repeat(np.arange(count), len(own))
    choice = labels.choice[:, index]
    choice[0, :, step], choice[1, :, step] = np.tile(own, count), np.tile(out, count)
    distortion = labels.distortion[index] + costs.memory.distortion[step, choice[1, :, step]]
    stored = labels.stored[index]
    if len(row):
        stored = stored + costs.parameters.size[row[0], choice[0, :, step]]
        distortion = distortion + costs.parameters.distortion[row[0], choice[0, :, step]]
    live = np.flatnonzero((costs.memory.last >= step) & (np.arange(len(costs.memory.last)) <= step))
    total = costs.memory.size[live, choice[1][:, live]].sum(axis=1) + costs.memory.input_bytes[step]
    seconds = costs.seconds.of_layer(step, choice[0], choice[1], np.arange(choice.shape[1]))
    peak = np.maximum(labels.peak[index], total)
    return _Labels(choice, distortion, labels.seconds[index] + seconds, stored, peak)


def _key(labels: _Labels, needed: Booleans, size: int) -> Ints | None:
    """One number for the widths that later layers need; None where it would be too large.

    Args:
        labels: Choices so far.
        needed: Whether the width of each weight, then of each output, matters, shape (2 L,).
        size: Number of widths.
    """
    role, rank = np.divmod(np.flatnonzero(needed), len(needed) // 2)
    if size ** len(rank) >= 2**62:
        return None
    digits = size ** np.arange(len(rank), dtype=np.int64)
    key: Ints = (digits[:, None] * labels.choice[role, :, rank]).sum(axis=0)
    return key


def undominated(key: Ints, columns: Sequence[Floats | Ints]) -> Indices | None:
    """Find what nothing of its key is at least as good as in all columns; of equals the first.

    Args:
        key: Shape (N,).
        columns: What should be small, each of shape (N,); at least two.

    Returns:
        Indices, ascending; None where too much would have to be compared.
    """
    order = np.lexsort((*reversed(columns), key))
    ranks = [
        np.unique(column, return_inverse=True)[1][order].astype(np.int64) for column in columns
    ]
    group = np.unique(key, return_inverse=True)[1][order].astype(np.int64)
    if len(columns) == 2:
        falling = ranks[1] - group * (len(key) + 1)  # every group begins anew
        kept = np.ones(len(key), dtype=np.bool_)
        kept[1:] = falling[1:] < np.minimum.accumulate(falling)[:-1]
        return np.sort(order[kept])
    if len(key) > _MOST_PAIRS:
        return None
    kept = np.ones(len(key), dtype=np.bool_)
    for first in range(0, len(key), 512):
        block = slice(first, first + 512)
        beaten = group[block, None] == group[None, :]
        for rank in ranks:
            beaten &= rank[None, :] <= rank[block, None]
        # Sorted, so only what comes before can beat; of equals the first stays.
        beaten &= np.arange(len(key))[None, :] < np.arange(first, first + beaten.shape[0])[:, None]
        kept[block] = ~beaten.any(axis=1)
    return np.sort(order[kept])

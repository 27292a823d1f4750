"""Memory shared between weights and activations: the best division, for every prefix cut.

For each of many shares of the memory, the weights of every prefix are solved by one pass of
``allocate_all`` and the activations by one pass of ``bucket_elimination``.  Their sum
gives, for every cut and every combination of widths of its crossing tensors, the best of these
divisions.
Between two neighbouring shares, the activations do no better than at the larger one and the
weights no better than beside the smaller one.  Where that bound leaves hope for a better division,
shares are added: at the peaks that the hopeful activations really have, and one byte below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autosplit.search.arrays import Floats, Indices, Ints, WidthIndices
from autosplit.search.pareto import pareto
from autosplit.search.problem import Problem
from autosplit.search.tolerance import LIMIT_ROUNDING
from autosplit.search.widths.bucket_elimination import (
    ActivationTable,
    BucketElimination,
    LiveOutputs,
    live_outputs,
)
from autosplit.search.widths.weights import BestWeights, best_weights, parameters_of

FIRST_SHARES = 64
"""Shares tried at first, besides those where a cut's own limits lie."""
MORE_SHARES = 64
"""Shares added in a round, at most."""
MOST_ROUNDS = 8
"""Rounds at most; most networks are proven after two to four."""


@dataclass(frozen=True)
class EdgeHalves:
    """The best edge halves found, M of them, by rising length; every one fits the memory.

    Of those of one length none is beaten by another in both bytes sent and distortion.

    Attributes:
        lengths: Layers on the edge, shape (M,).
        weights: Index of the width of the weight that layer l stores, 0 where none is, (M, L).
        outputs: Index of the width of the output of layer l, 0 in the cloud, (M, L).
        distortion: Distortion, that of the network's inputs in it, shape (M,).
        lower: Proven: nothing of that length that fits the memory and sends no more bytes has
            less distortion, shape (M,).
    """

    lengths: Indices
    weights: WidthIndices
    outputs: WidthIndices
    distortion: Floats
    lower: Floats

    @property
    def proof(self) -> EdgeHalves:
        """What is proven, without the widths."""
        return replace(self, weights=self.weights[:0], outputs=self.outputs[:0])


@dataclass(frozen=True)
class _Best:
    """The best of one cut: for M numbers of bytes sent, the least distortion found.

    Attributes:
        share: Index of the share of memory, shape (M,).
        combination: Index of the combination of crossing widths, shape (M,).
        sent: Bytes of the outputs that cross, shape (M,).
        distortion: Distortion without that of the network's inputs, shape (M,).
        lower: Proven bound of ``distortion``, shape (M,).
    """

    share: Indices
    combination: Indices
    sent: Ints
    distortion: Floats
    lower: Floats


class _Hopes:
    """Peaks near which a division might save most; the tables that they come from are not kept.

    Args:
        shares: Shares tried, ascending, shape (K,).
    """

    def __init__(self, shares: Ints) -> None:
        self._shares = shares
        self._peaks = np.zeros(0, dtype=np.int64)
        self._parts = np.zeros(0)

    def add(self, part: Floats, peak: Ints) -> None:
        """Note what part of the distortion divisions near some peaks might save, of one shape."""
        worth = part > LIMIT_ROUNDING  # the gap says what is left out
        peaks, parts = peak[worth], part[worth]
        near = peaks[:, None] - np.arange(2)
        new = ((near >= self._shares[0]) & ~np.isin(near, self._shares)).any(axis=1)
        peaks = np.concatenate([self._peaks, peaks[new]])
        parts = np.concatenate([self._parts, parts[new]])
        order = np.lexsort((peaks, -parts))
        first = np.sort(np.unique(peaks[order], return_index=True)[1])[:MORE_SHARES]
        self._peaks, self._parts = peaks[order][first], parts[order][first]

    def nearest(self) -> Ints:
        """The peaks of most hope, and one byte below each; none that is a share."""
        near = (self._peaks[:, None] - np.arange(2)).ravel()
        near = near[(near >= self._shares[0]) & ~np.isin(near, self._shares)]
        first = np.sort(np.unique(near, return_index=True)[1])
        chosen: Ints = near[first[:MORE_SHARES]]
        return chosen


def divide(problem: Problem) -> EdgeHalves:
    """Find the best edge halves of every length.

    Where many tensors are live together (``activations``) they are not proven optimal, and
    ``lower`` says how far from it they may be.
    """
    memory, parameters = live_outputs(problem), parameters_of(problem)
    everything = parameters.most_bytes + int(memory.peaks(-1)[-1])
    limit = everything if problem.limit_bytes is None else min(problem.limit_bytes, everything)
    shares = _first_shares(memory, limit)
    for final in (*[False] * (MOST_ROUNDS - 1), True):
        weights = best_weights(parameters, limit - shares)
        elimination = BucketElimination(memory, shares, "tie")
        hopes = _Hopes(shares)
        found = _best(elimination, weights, hopes)
        peaks = hopes.nearest()
        if final or not len(peaks):
            break
        shares = np.union1d(shares, peaks)
    return _assembled(problem, elimination, weights, found)


def _first_shares(memory: LiveOutputs, limit: int) -> Ints:
    """Shares from the least that any cut needs to the most that one can use, ascending."""
    narrow, wide = memory.peaks(0), memory.peaks(-1)
    between = np.geomspace(max(1, narrow[0]), max(1, wide[-1]), FIRST_SHARES).astype(np.int64)
    shares = np.concatenate([narrow, wide, between])
    return np.unique(np.minimum(shares[shares >= narrow[0]], max(limit, int(narrow[0]))))


def _best(elimination: BucketElimination, weights: BestWeights, hopes: _Hopes) -> list[_Best]:
    """Combine activations and weights of every cut with an edge half.

    Args:
        elimination: Activations by share.
        weights: Weights beside each share.
        hopes: Where what a division near some peaks might save is noted.

    Returns:
        The best of each cut, by its length from 1.
    """
    found, crowded = [], False
    for length, one in enumerate(elimination.tables(), start=1):
        total = weights.distortion[length][:, None] + one.least
        share = total.argmin(axis=0)
        distortion = total[share, np.arange(total.shape[1])]
        best = pareto(np.stack([one.sent, distortion], axis=1))
        below = bounds_below(one, weights.lower[length], elimination.shares)
        bound = least_within(one.sent, below.min(axis=0), one.sent[best])
        found.append(_Best(share[best], best, one.sent[best], distortion[best], bound))
        rival = least_within(one.sent, distortion, one.sent)
        known = np.isfinite(rival) & (rival > 0) & one.exact
        hope = np.where(known, 1 - below / np.where(known, rival, 1.0), 0.0)
        hopes.add(hope, one.peak)
        crowded = not one.exact  # and stays so
    if crowded:
        relaxed = BucketElimination(elimination.live, elimination.shares, "relax").tables()
        for length, one in enumerate(relaxed, start=1):
            below = bounds_below(one, weights.lower[length], elimination.shares)
            tied = found[length - 1]
            bound = least_within(one.sent, below.min(axis=0), tied.sent)
            found[length - 1] = replace(tied, lower=bound)
    return found


def bounds_below(one: ActivationTable, weights: Floats, shares: Ints) -> Floats:
    """Bound the distortion of every combination with peaks from the share before up to each share.

    Args:
        one: Activations of one cut by share.
        weights: Bounds of its weights' distortion beside each share, shape (K,).
        shares: Ascending, shape (K,).

    Returns:
        Shape (K, X).
    """
    beside = weights.copy()
    # Up to the first share that any activations fit, their peak is that share.
    fits = np.isfinite(one.least.min(axis=1))
    gap = fits[:-1] & (np.diff(shares) > 1)
    beside[1:] = np.where(gap, weights[:-1], weights[1:])
    return beside[:, None] + one.least


def least_within(sent: Ints, values: Floats, most: Ints) -> Floats:
    """Least of the values of all that sends at most so many bytes, for each such number."""
    order = np.argsort(sent, kind="stable")
    falling = np.minimum.accumulate(values[order])
    least: Floats = falling[np.searchsorted(sent[order], most, side="right") - 1]
    return least


def _assembled(
    problem: Problem, elimination: BucketElimination, weights: BestWeights, found: list[_Best]
) -> EdgeHalves:
    """Go back from the best of every cut to the widths; all-cloud comes first."""
    count = len(problem.graph.layers)
    input_distortion = problem.distortion_of(
        {}, dict.fromkeys(problem.graph.inputs, problem.input_bits)
    )
    nothing = np.zeros((1, count), dtype=np.uint8)
    lengths, stored_at, outputs = [0], [nothing], [nothing]
    for length, best in enumerate(found, start=1):
        lengths += [length] * len(best.distortion)
        widths = elimination.widths(length, best.share, best.combination)
        outputs.append(np.pad(widths, ((0, 0), (0, count - length))))
        stored_at.append(weights.widths(length, best.share))
    return EdgeHalves(
        np.array(lengths),
        np.concatenate(stored_at),
        np.concatenate(outputs),
        np.concatenate([[0.0], *(best.distortion for best in found)]) + input_distortion,
        np.concatenate([[0.0], *(best.lower for best in found)]) + input_distortion,
    )

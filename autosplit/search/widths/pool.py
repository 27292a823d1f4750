"""Many edge halves at once: what they cost, those of one width, and those between two good ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Protocol

import numpy as np

from autosplit.graph.graph import Cut
from autosplit.graph.memory import sent_bytes
from autosplit.hardware.link import Link
from autosplit.hardware.prediction import give_s, take_s, transfer_j, transfer_s
from autosplit.hardware.seconds import layers_s
from autosplit.search.arrays import Floats, Indices, Ints, WidthIndices
from autosplit.search.pareto import pareto
from autosplit.search.problem import Problem
from autosplit.search.widths.bucket_elimination import LiveOutputs, live_outputs
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.weights import Parameters, parameters_of


class Choices(Protocol):
    """Cuts and widths of M edge halves that are prefixes.

    Attributes:
        lengths: Layers on the edge, shape (M,).
        weights: Index of the width of the weight that layer l stores, 0 where none is, (M, L).
        outputs: Index of the width of the output of layer l, 0 in the cloud, (M, L).
    """

    @property
    def lengths(self) -> Indices:
        """Shape (M,)."""

    @property
    def weights(self) -> WidthIndices:
        """Shape (M, L)."""

    @property
    def outputs(self) -> WidthIndices:
        """Shape (M, L)."""


@dataclass(frozen=True)
class Picked:
    """Choices whose costs are not added up yet."""

    lengths: Indices
    weights: WidthIndices
    outputs: WidthIndices


@dataclass(frozen=True)
class Pool:
    """Choices and what they cost.

    Attributes:
        lengths, weights, outputs: Edge layers and indices of widths, as in ``Choices``.
        distortion: Distortion, that of the network's inputs in it, shape (M,).
        edge_s: Seconds on the edge, and of both ends to code the outputs that cross, shape (M,).
        sent: Bytes of outputs that cross, shape (M,).
    """

    lengths: Indices
    weights: WidthIndices
    outputs: WidthIndices
    distortion: Floats
    edge_s: Floats
    sent: Ints

    def take(self, index: Indices) -> Pool:
        """Some of the choices."""
        return Pool(
            self.lengths[index],
            self.weights[index],
            self.outputs[index],
            self.distortion[index],
            self.edge_s[index],
            self.sent[index],
        )


def joined_pools(pools: Sequence[Pool]) -> Pool:
    """Choices of several pools as one, in their order."""
    names = [field.name for field in fields(Pool)]
    return Pool(*(np.concatenate([getattr(one, name) for one in pools]) for name in names))


@dataclass(frozen=True)
class PoolCosts:
    """Tables of one problem."""

    problem: Problem
    seconds: EdgeSeconds

    @cached_property
    def memory(self) -> LiveOutputs:
        """What the outputs of the layers weigh, and when they are live."""
        return live_outputs(self.problem)

    @cached_property
    def parameters(self) -> Parameters:
        """What the layers store."""
        return parameters_of(self.problem)

    def pool(self, parts: Sequence[Choices]) -> Pool:
        """Put choices together and add up what they cost."""
        lengths = np.concatenate([part.lengths for part in parts])
        weights = np.concatenate([part.weights for part in parts])
        outputs = np.concatenate([part.outputs for part in parts])
        problem, rows = self.problem, np.arange(weights.shape[1])
        here = rows < lengths[:, None]
        weight_distortion = np.zeros((len(rows), len(problem.usable)))
        weight_distortion[self.parameters.rank] = self.parameters.distortion
        each = weight_distortion[rows, weights] + self.memory.distortion[rows, outputs]
        crosses = here & (self.memory.read >= lengths[:, None])
        return Pool(
            lengths,
            weights,
            outputs,
            np.where(here, each, 0.0).sum(axis=1) + self.input_distortion,
            self.seconds.of(weights, outputs, lengths)
            + np.where(crosses, self.memory.coding_s[rows, outputs], 0.0).sum(axis=1),
            np.where(crosses, self.memory.sent[rows, outputs], 0).sum(axis=1),
        )

    @cached_property
    def away_s(self) -> dict[str, Floats]:
        """Link -> seconds of each prefix off the edge, but for the outputs that cross."""
        problem, cuts = self.problem, self.problem.graph.prefixes()
        each_s = layers_s(problem.graph, problem.priced_devices[1], problem.cloud.float_bits)
        there_s = np.append(np.cumsum(each_s[::-1])[::-1], 0.0)  # as cloud_s, for every prefix
        here, there = problem.priced_devices
        widths = dict.fromkeys(problem.graph.inputs, problem.input_bits)
        coding_s = {t: problem.coding_s(t, bits) for t, bits in widths.items()}
        crossing_s = [
            give_s(cut, here) + take_s(cut, there) + sum(coding_s.get(t, 0.0) for t in cut.crossing)
            for cut in cuts
        ]
        return {
            name: there_s
            + crossing_s
            + [transfer_s(cut, link, widths, sent) for cut, widths, sent in self._inputs_sent]
            for name, link in sorted(problem.links.items())
        }

    def away_j(self, link: Link) -> Floats:
        """Joules of each prefix beside its layers' and those of the bytes of outputs that cross."""
        edge = self.problem.edge
        return np.array(
            [
                edge.active_w * give_s(cut, edge) + transfer_j(cut, link, widths, sent)
                for cut, widths, sent in self._inputs_sent
            ]
        )

    @cached_property
    def _inputs_sent(self) -> list[tuple[Cut, dict[str, int], int]]:
        """Every prefix, widths at which outputs take no bytes, and bytes of inputs that cross."""
        problem = self.problem
        inputs = dict.fromkeys(problem.graph.inputs, problem.input_bits)
        sizes = {t: sent_bytes(problem.graph, t, inputs[t], problem.coded) for t in inputs}
        return [
            (
                cut,
                {**inputs, **dict.fromkeys(cut.edge, 0)},
                sum(sizes.get(tensor, 0) for tensor in cut.crossing),
            )
            for cut in problem.graph.prefixes()
        ]

    @cached_property
    def input_distortion(self) -> float:
        """Distortion of the network's inputs."""
        inputs = dict.fromkeys(self.problem.graph.inputs, self.problem.input_bits)
        return self.problem.distortion_of({}, inputs)

    def nothing(self) -> Picked:
        """The choice of all-cloud."""
        none = np.zeros((1, len(self.problem.graph.layers)), dtype=np.uint8)
        return Picked(np.zeros(1, dtype=np.intp), none, none)

    def uniform(self) -> Picked:
        """Every prefix at every single width that fits."""
        count, size = len(self.problem.graph.layers), len(self.problem.usable)
        lengths = np.repeat(np.arange(1, count + 1), size)
        width = np.tile(np.arange(size, dtype=np.uint8), count)
        same = np.repeat(width[:, None], count, axis=1)
        return self.fitting(Picked(lengths, same, same))

    def fitting(self, choices: Picked) -> Picked:
        """The choices that keep the memory limit; each has an edge half."""
        limit = self.problem.limit_bytes
        if limit is None:
            return choices
        lengths, weights, outputs = choices.lengths, choices.weights, choices.outputs
        memory, parameters = self.memory, self.parameters
        here = parameters.rank < lengths[:, None]
        rows = np.arange(len(parameters.rank))
        size = parameters.size[rows, weights[:, parameters.rank]]
        held = np.where(here, size, 0).sum(axis=1)
        now, peak = np.zeros_like(held), np.zeros_like(held)
        ends: dict[int, list[int]] = {}
        for step, last in enumerate(memory.last.tolist()):
            now = now + memory.size[step, outputs[:, step]]
            total = now + memory.input_bytes[step]
            peak = np.where(lengths > step, np.maximum(peak, total), peak)
            ends.setdefault(last, []).append(step)
            for gone in ends.get(step, []):
                now = now - memory.size[gone, outputs[:, gone]]
        fits = held + peak <= limit
        return Picked(lengths[fits], weights[fits], outputs[fits])

    def between(self, pool: Pool, kept: Indices, byte_s: float) -> Picked:
        """Choices on the way from each good candidate of a cut to the next slower one.

        The tensors in which two candidates differ change one after the other, those first that win
        most distortion per second; whatever fits on the way is a candidate.

        Args:
            pool: All candidates.
            kept: The choices that no other one beats over a link.
            byte_s: Seconds that a byte sent takes.
        """
        latency_s = pool.edge_s + byte_s * pool.sent
        pairs: list[tuple[int, int]] = []
        for length in np.unique(pool.lengths[kept]).tolist():
            mine = np.flatnonzero(pool.lengths == length)
            front = mine[pareto(np.stack([latency_s[mine], pool.distortion[mine]], axis=1))]
            if length:
                pairs += itertools.pairwise(front.tolist())
        exchanges = [self._exchanges(pool, *pair) for pair in pairs]
        count = len(self.problem.graph.layers)
        none, nowhere = np.zeros((0, count), dtype=np.uint8), np.zeros(0, dtype=np.intp)
        priced = self.pool([Picked(nowhere, none, none), *(one for one, _ in exchanges)])
        parts, first = [], 0
        for (fast, slow), (_, differ) in zip(pairs, exchanges, strict=True):
            mine = np.arange(first, first + len(differ))
            first += len(differ)
            gain = pool.distortion[fast] - priced.distortion[mine]
            cost_s = priced.edge_s[mine] - pool.edge_s[fast]
            cost_s = cost_s + byte_s * (priced.sent[mine] - pool.sent[fast])
            parts.append(_path(pool, fast, slow, differ[_best_first(gain, cost_s)]))
        return self.fitting(
            Picked(
                np.concatenate([nowhere, *(part.lengths for part in parts)]),
                np.concatenate([none, *(part.weights for part in parts)]),
                np.concatenate([none, *(part.outputs for part in parts)]),
            )
        )

    def _exchanges(self, pool: Pool, fast: int, slow: int) -> tuple[Picked, Indices]:
        """One candidate with each one width of another of its cut, and which, shape (M, 2)."""
        start = np.stack([pool.weights[fast], pool.outputs[fast]])
        goal = np.stack([pool.weights[slow], pool.outputs[slow]])
        differ = np.argwhere(start != goal)
        differ = differ[differ[:, 1] < pool.lengths[fast]]
        steps = np.repeat(start[None], len(differ), axis=0)
        steps[np.arange(len(differ)), differ[:, 0], differ[:, 1]] = goal[tuple(differ.T)]
        lengths = np.full(len(differ), pool.lengths[fast], dtype=np.intp)
        return Picked(lengths, steps[:, 0], steps[:, 1]), differ


def _best_first(gain: Floats, cost_s: Floats) -> Indices:
    """Order of exchanges: what wins distortion without seconds first, what loses both last."""
    gain = gain / max(gain.max(initial=0), 1e-300)
    cost_s = cost_s / max(cost_s.max(initial=0), 1e-300)
    return np.argsort(-np.arctan2(gain, cost_s), kind="stable")


def _path(pool: Pool, fast: int, slow: int, differ: Indices) -> Picked:
    """Choices on the way from one candidate to another of the same cut, the ends not among them.

    Args:
        pool: All candidates.
        fast: Candidate at which the way begins.
        slow: Candidate at which it ends.
        differ: Role and rank of the tensors in which they differ, in the order of their exchange,
            shape (M, 2).
    """
    goal = np.stack([pool.weights[slow], pool.outputs[slow]])
    start = np.stack([pool.weights[fast], pool.outputs[fast]])
    chosen = np.repeat(start[None], max(0, len(differ) - 1), axis=0)
    for place, (role, rank) in enumerate(differ[: len(chosen)].tolist()):
        chosen[place:, role, rank] = goal[role, rank]
    lengths = np.full(len(chosen), pool.lengths[fast], dtype=np.intp)
    return Picked(lengths, chosen[:, 0], chosen[:, 1])

"""Widths of the activations: least distortion while no live set passes its share of the memory.

The layers run in topological order, and each step has a set of live tensors whose packed bytes
must stay within the share.  A table holds, for every combination of widths of the tensors that are
live after a step, the least distortion of everything written so far: dynamic programming over the
steps (bucket elimination along the topological order; Dechter 1999).  The table after n steps is
also the solution for the cut whose edge side is the first n layers, at every combination of widths
of its crossing tensors, because what crosses is what is still live.

A table has one axis per live tensor, which is exact while few are live together.  Where too many
are, two things can be done, and doing both gives a solution and a proof of how good it is:

- ``tie``: a new tensor takes the width of a live one, so every solution is a possible one;
- ``relax``: the smallest live tensor is forgotten, as if it were stored and sent at its
  narrowest width from then on, so no possible solution has less distortion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from autosplit.graph.graph import Cut
from autosplit.graph.memory import tensor_bytes
from autosplit.search.arrays import Floats, Indices, Ints, WidthIndices
from autosplit.search.problem import (
    Problem,
    bytes_on_wire,
    coding_seconds,
    distortion_and_bytes,
)

Crowded = Literal["tie", "relax"]
_Number = TypeVar("_Number", np.int64, np.float64)
_MOST_CELLS = 2**20
"""Cells of a table; where more are needed tensors are tied or forgotten."""


@dataclass(frozen=True)
class LiveOutputs:
    """When the outputs of N edge layers are live, and what they weigh; made by ``live_outputs``.

    Attributes:
        distortion: Distortion of each output at each width, shape (N, B).
        size: Bytes of each output at each width, shape (N, B).
        last: Last step at which an output is live; N if it is kept to the end, shape (N,).
        read: Last step that reads it, -1 if none does, shape (N,).
        input_bytes: Bytes of the network's inputs that are live at each step, shape (N,).
        sent: Bytes of each output on the wire at each width, shape (N, B).
        coding_s: Seconds of both ends to code each output at each width, shape (N, B).
    """

    distortion: Floats
    size: Ints
    last: Indices
    read: Indices
    input_bytes: Ints
    sent: Ints
    coding_s: Floats

    def peaks(self, width: int) -> Ints:
        """Peak bytes of every prefix with all outputs at one width (its index), shape (N,)."""
        total = self.input_bytes.copy()
        for step, last in enumerate(self.last):
            total[step : last + 1] += self.size[step, width]
        return np.maximum.accumulate(total)


def live_outputs(problem: Problem) -> LiveOutputs:
    """Read the live sets off the cut that has everything on the edge.

    Up to step n they are also those of the cut with the first n layers on the edge: what crosses
    there is what a later layer still reads here.
    """
    graph = problem.graph
    cut: Cut = graph.prefix(len(graph.layers))
    distortion, size = distortion_and_bytes(problem, cut.edge, "activation")
    last = {tensor: step for step, tensors in enumerate(cut.live) for tensor in tensors}
    inputs = {name: tensor_bytes(graph, name, problem.input_bits) for name in graph.inputs}
    input_bytes = [sum(inputs.get(name, 0) for name in tensors) for tensors in cut.live[:-1]]
    read = [max((graph.rank[r] for r in graph.readers[name]), default=-1) for name in cut.edge]
    return LiveOutputs(
        distortion,
        size,
        np.array([last[n] for n in cut.edge]),
        np.array(read),
        np.array(input_bytes),
        bytes_on_wire(problem, cut.edge),
        coding_seconds(problem, cut.edge),
    )


@dataclass(frozen=True)
class ActivationTable:
    """Least distortion of the first n outputs, by the widths of those that are still live.

    Attributes:
        least: Shape (K, X): K shares of memory, X combinations of widths; infinite: do not fit.
        peak: Largest live set on the way to each of those least distortions, shape (K, X).
        sent: Bytes of the outputs that cross at each combination, shape (X,).
        coding_s: Seconds of both ends to code them, shape (X,).
        exact: Whether nothing had to be tied or forgotten so far.
    """

    least: Floats
    peak: Ints
    sent: Ints
    coding_s: Floats
    exact: bool


class BucketElimination:
    """One pass over the steps, and the way back from a table to the widths.

    Args:
        live: Sizes and distortions.
        shares: Memory that live tensors may take, bytes, shape (K,).
        crowded: What to do where too many tensors are live.
        most_cells: Cells of a table at most; ``_MOST_CELLS`` if that is fewer.
    """

    def __init__(
        self, live: LiveOutputs, shares: Ints, crowded: Crowded, most_cells: int | None = None
    ) -> None:
        self.live, self.shares, self.crowded = live, shares, crowded
        self._most_cells = min(_MOST_CELLS, most_cells or _MOST_CELLS)
        self._least = np.zeros(len(shares))
        self._peak = np.zeros(len(shares), dtype=np.int64)
        self._axes: list[list[int]] = []  # the tensors that share each axis, and so one width
        self._forgotten: list[int] = []
        self._exact = True
        # What each step did to the axes, for the way back.
        self._opened: list[tuple[int, bool]] = []
        self._closed: list[list[tuple[int, npt.NDArray[np.uint8]]]] = []
        self._ranks: list[int] = []

    def tables(self) -> Iterator[ActivationTable]:
        """Yield the table after each step, N of them."""
        for step in range(len(self.live.last)):
            self._closed.append([])
            self._open(step)
            self._limit(step)
            self._close(step)
            self._ranks.append(len(self._axes))
            sent = self._sum(self.live.sent, self.live.read, step + 1)
            coding_s = self._sum(self.live.coding_s, self.live.read, step + 1).ravel()
            shape = len(self.shares), sent.size
            least, peak = self._least.reshape(shape), self._peak.reshape(shape)
            yield ActivationTable(least, peak, sent.ravel(), coding_s, self._exact)

    def _open(self, step: int) -> None:
        """Give the step's output an axis of its own, or the one of a live tensor."""
        width = self.live.distortion.shape[1]
        if (
            self._least.size * width > max(self._most_cells, len(self.shares) * width)
            and self._axes
        ):
            self._exact = False
            if self.crowded == "tie":
                alike = [self._ends(axis) == self.live.last[step] for axis in self._axes]
                place = alike.index(True) if any(alike) else len(self._axes) - 1
                self._axes[place].append(step)
                self._opened.append((place, False))
                shape = [1] * self._least.ndim
                shape[place + 1] = width
                self._least = self._least + self.live.distortion[step].reshape(shape)
                return
            lightest = min(
                range(len(self._axes)),
                key=lambda place: self.live.size[self._axes[place][0], -1],
            )
            self._forgotten += self._axes[lightest]
            self._drop(lightest)
        self._opened.append((len(self._axes), True))
        self._axes.append([step])
        self._least = self._least[..., None] + self.live.distortion[step]
        self._peak = np.repeat(self._peak[..., None], width, axis=-1)

    def _ends(self, axis: list[int]) -> int:
        return int(max(self.live.last[member] for member in axis))

    def _sum(self, size: npt.NDArray[_Number], until: Indices, step: int) -> npt.NDArray[_Number]:
        """Sum over the outputs needed until this step or longer, by the widths of the axes.

        Args:
            size: Bytes, or seconds, of each output at each width, shape (N, B).
            until: Last step that needs each output, shape (N,).
            step: The step.
        """
        total = np.zeros([self.live.distortion.shape[1]] * len(self._axes), dtype=size.dtype)
        for place, axis in enumerate(self._axes):
            shape = [1] * len(self._axes)
            shape[place] = -1
            for member in axis:
                if until[member] >= step:
                    total += size[member].reshape(shape)
        for tensor in self._forgotten:
            if until[tensor] >= step:
                total += size[tensor].min()
        return total

    def _limit(self, step: int) -> None:
        """Rule out the combinations that do not fit while this step runs."""
        total = self._sum(self.live.size, self.live.last, step) + self.live.input_bytes[step]
        self._peak = np.maximum(self._peak, total)
        if total.max(initial=0) > self.shares.min():
            shares = self.shares.reshape(-1, *[1] * len(self._axes))
            self._least = np.where(total > shares, np.inf, self._least)

    def _close(self, step: int) -> None:
        """Settle the widths of what is not live any more."""
        for place in range(len(self._axes) - 1, -1, -1):
            if self._ends(self._axes[place]) <= step:
                self._drop(place)

    def _drop(self, place: int) -> None:
        best = self._least.argmin(axis=place + 1)
        index = np.expand_dims(best, place + 1)
        self._least = np.take_along_axis(self._least, index, place + 1).squeeze(place + 1)
        self._peak = np.take_along_axis(self._peak, index, place + 1).squeeze(place + 1)
        self._closed[-1].append((place, best.astype(np.uint8)))
        del self._axes[place]

    def widths(
        self,
        steps: int,
        share: Indices,
        combination: Indices,
    ) -> WidthIndices:
        """Go back from cells of the table after some steps to the widths that made them.

        Only after a ``tie`` pass: what a ``relax`` pass forgets need not fit.

        Args:
            steps: Which table, 1 to N.
            share: First index of each cell, shape (M,).
            combination: Second index of each cell, shape (M,).

        Returns:
            Index of the width of each output, shape (M, steps).
        """
        shape = (self.live.distortion.shape[1],) * self._ranks[steps - 1]
        places = list(np.unravel_index(combination, shape)) if shape else []
        chosen = np.zeros((len(share), steps), dtype=np.uint8)
        for step in range(steps - 1, -1, -1):
            for place, best in reversed(self._closed[step]):
                places.insert(place, best[share, *places].astype(np.intp))
            place, own = self._opened[step]
            chosen[:, step] = places.pop() if own else places[place]
        return chosen

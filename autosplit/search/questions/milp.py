"""One prefix cut as a mixed-integer program, for what is too large to enumerate.

Widths are one choice of several per tensor; a layer's seconds are no less than its traffic takes
and no less than it computes at the width of each operand; the peak is no less than any live set.
scipy's HiGHS solves it to a relative gap of 0 within its tolerances, 1e-6 on rows that are scaled
so that their limits are near 1000, or stops after ``NODES`` with a bound.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array, csr_array

from autosplit.search.arrays import Floats, Ints
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.pool import Picked, PoolCosts

NODES = 500
"""Nodes that HiGHS may branch on for one cut; more rarely close what is left."""
_SCALE = 1e3


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep what HiGHS writes to the process's stdout, whatever it is asked, away from results."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 1)
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@dataclass
class MilpRows:
    """Linear constraints as they are written: sums of coefficients of at most some number."""

    places: list[tuple[int, int, float]] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    def add(self, terms: Mapping[int, float], most: float) -> int:
        """Write ``sum(terms) <= most``, scaled; returns its place."""
        scale = _SCALE / max(abs(most), max(map(abs, terms.values()), default=0.0), 1e-300)
        row = len(self.most)
        self.places += [(row, place, value * scale) for place, value in terms.items() if value]
        self.most.append(most * scale)
        return row


@dataclass(frozen=True)
class MilpModel:
    """The program of one cut.

    Attributes:
        costs: Tables of the problem.
        length: Layers on the edge.
        rows: What holds for every choice.
        seconds: Coefficients of the seconds on the edge and of those that bytes sent take.
        distortion: Coefficients of the distortion.
        memory: Coefficients of the bytes of memory.
        count: Number of variables; the choices come first.
        choices: How many of them are choices.
        extra: First of as many spare variables as there are layers on the edge.
    """

    costs: PoolCosts
    length: int
    rows: MilpRows
    seconds: dict[int, float]
    distortion: dict[int, float]
    memory: dict[int, float]
    count: int
    choices: int
    extra: int


@dataclass(frozen=True)
class MilpSolution:
    """What the program found; ``picked`` is empty if it has no solution below the cutoff."""

    picked: Picked
    lower: float


def place_of(costs: PoolCosts, length: int) -> tuple[dict[int, int], dict[int, int], int]:
    """First variable of each weight and of each output on the edge, by rank, and their number."""
    size = len(costs.problem.usable)
    own = [int(rank) for rank in costs.parameters.rank if rank < length]
    weights = {rank: place * size for place, rank in enumerate(own)}
    outputs = {rank: (len(own) + rank) * size for rank in range(length)}
    return weights, outputs, (len(own) + length) * size


def build_milp(costs: PoolCosts, length: int, byte_s: float) -> MilpModel:
    """Write the program of the cut with the first layers on the edge; bytes sent take seconds."""
    size = len(costs.problem.usable)
    weights, outputs, choices = place_of(costs, length)
    rows, each = MilpRows(), np.arange(size)
    distortion: dict[int, float] = {}
    held: dict[int, float] = {}
    for row, rank in enumerate(costs.parameters.rank.tolist()):
        if rank < length:
            distortion |= _terms(weights[rank] + each, costs.parameters.distortion[row])
            held |= _terms(weights[rank] + each, costs.parameters.size[row])
    seconds = {choices + rank: 1.0 for rank in range(length)}
    for rank in range(length):
        distortion |= _terms(outputs[rank] + each, costs.memory.distortion[rank])
        if costs.memory.read[rank] >= length:
            seconds |= _terms(outputs[rank] + each, byte_s * costs.memory.size[rank])
    peak = choices + length
    for step in range(length):
        live = [r for r in range(step + 1) if costs.memory.last[r] >= step]
        terms = {peak: -1.0}
        for rank in live:
            terms |= _terms(outputs[rank] + each, costs.memory.size[rank])
        rows.add(terms, -float(costs.memory.input_bytes[step]))
        _layer(rows, costs, step, choices + step, (weights, outputs))
    limit = costs.problem.limit_bytes
    if limit is not None:
        rows.add({**held, peak: 1.0}, limit)
    memory, extra = {**held, peak: 1.0}, peak + 1
    return MilpModel(
        costs, length, rows, seconds, distortion, memory, extra + length, choices, extra
    )


def _layer(
    rows: MilpRows,
    costs: PoolCosts,
    rank: int,
    time: int,
    places: tuple[Mapping[int, int], Mapping[int, int]],
) -> None:
    """Write that a layer's seconds, without dispatch, are no less than traffic and computing."""
    seconds, problem = costs.seconds, costs.problem
    layer, each = seconds.layers[rank], np.arange(len(problem.usable))
    rate = 8 * problem.edge.bandwidth_bytes_per_s
    operand = np.array([seconds.operands.index(bits) for bits in problem.usable])
    terms, operands = {time: -1.0}, []
    if layer.weight is not None:
        first = places[0][layer.weight[0]]
        terms |= _terms(first + each, layer.weight[1] / rate)
        operands.append(first)
    for tensor, bits in layer.tensors:
        first = places[1][tensor]
        terms |= _terms(first + each, bits / rate)
        if tensor != rank:
            operands.append(first)
    rows.add(terms, -layer.fixed_bits / rate)
    compute_s = layer.compute_s
    # At operand o the layer takes compute_s[o], unless another operand is wider.
    for o, takes in enumerate(compute_s.tolist()):
        wider = {f + int(b): takes for f in operands for b in each if operand[b] > o}
        if (compute_s[o:] >= takes).all():
            wider = {}
        if o == layer.least_operand:
            rows.add({time: -1.0} | {place: -value for place, value in wider.items()}, -takes)
        for first in operands if o >= layer.least_operand else ():
            for b in each[operand == o].tolist():
                mine = {time: -1.0, first + b: takes}
                rows.add(mine | {place: -value for place, value in wider.items()}, 0.0)
    if layer.weight is not None and layer.pair_s is not None:
        _pairs(rows, seconds, rank, time, places)


def _pairs(
    rows: MilpRows,
    seconds: EdgeSeconds,
    rank: int,
    time: int,
    places: tuple[Mapping[int, int], Mapping[int, int]],
) -> None:
    """Write that a layer takes ``pair_s[w, o]`` at weight ``w`` and widest input ``o``.

    The row of a pair binds where both are chosen and no other input is wider; anywhere else it asks
    for nothing.
    """
    layer, problem = seconds.layers[rank], seconds.problem
    assert layer.weight is not None
    assert layer.pair_s is not None
    operand = [seconds.operands.index(bits) for bits in problem.usable]
    weight = places[0][layer.weight[0]]
    read = [places[1][tensor] for tensor, _ in layer.tensors if tensor != rank]
    for w, at in enumerate(operand):
        for o in range(layer.least_operand, len(seconds.operands)):
            takes = float(layer.pair_s[at, o])
            wider = {f + b: -takes for f in read for b, one in enumerate(operand) if one > o}
            mine = {time: -1.0, weight + w: takes}
            if o == layer.least_operand:
                rows.add(mine | wider, 0.0)
            for first in read:
                for b in (b for b, one in enumerate(operand) if one == o):
                    rows.add(mine | {first + b: takes} | wider, takes)


def solve_milp(
    model: MilpModel,
    objective: dict[int, float],
    rows: list[tuple[dict[int, float], float]],
    known: float,
    banned: Ints,
) -> MilpSolution:
    """Minimise an objective under the model's constraints and more.

    Args:
        model: Of one cut.
        objective: Coefficients.
        rows: Further constraints: sums of at most some number.
        known: Nothing of at least this value is wanted.
        banned: Choices (their variables) that must not be taken.

    Returns:
        What was found, unchecked against rounding, and a bound of everything.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - slow to import

    every = MilpRows(list(model.rows.places), list(model.rows.most))
    for terms, most in rows:
        every.add(terms, most)
    scale = _SCALE
    if np.isfinite(known) and known > 0:
        every.add(objective, known)
        scale = _SCALE / known
    matrix = _matrix(every, model.count)
    size = len(model.costs.problem.usable)
    places = np.arange(model.choices)
    one = coo_array(
        (np.ones(model.choices), (places // size, places)),
        shape=(model.choices // size, model.count),
    ).tocsr()
    value = np.zeros(model.count)
    value[list(objective)] = [scale * coefficient for coefficient in objective.values()]
    whole = np.zeros(model.count, dtype=np.int64)
    whole[: model.choices] = 1
    top = np.full(model.count, np.inf)
    top[: model.choices] = 1
    top[banned] = 0
    with _silenced():
        result = milp(
            value,
            integrality=whole,
            bounds=Bounds(np.zeros(model.count), top),
            constraints=[
                LinearConstraint(one, 1, 1),
                LinearConstraint(matrix, -np.inf, np.array(every.most)),
            ],
            options={"mip_rel_gap": 0, "node_limit": NODES},
        )
    count = len(model.costs.problem.graph.layers)
    empty = Picked(*(np.zeros(shape, dtype=np.intp) for shape in (0, (0, count), (0, count))))
    if result.status == 2:
        return MilpSolution(empty, known)
    bound = result.mip_dual_bound
    lower = known if bound is None else min(known, float(bound) / scale)
    if result.x is None:
        return MilpSolution(empty, lower if bound is not None else 0.0)
    return MilpSolution(_picked(model, result.x), lower)


def _picked(model: MilpModel, values: Floats) -> Picked:
    weights, outputs, choices = place_of(model.costs, model.length)
    size = len(model.costs.problem.usable)
    best = values[:choices].reshape(-1, size).argmax(axis=1)
    chosen = np.zeros((2, 1, len(model.costs.problem.graph.layers)), dtype=np.intp)
    for role, places in enumerate((weights, outputs)):
        for rank, place in places.items():
            chosen[role, 0, rank] = best[place // size]
    return Picked(np.array([model.length], dtype=np.intp), chosen[0], chosen[1])


def _matrix(rows: MilpRows, count: int) -> csr_array[np.float64, tuple[int, int]]:
    row, place, value = zip(*rows.places, strict=True)
    return coo_array((value, (row, place)), shape=(len(rows.most), count)).tocsr()


def _terms(places: Ints, values: Floats | Ints) -> dict[int, float]:
    return dict(zip(places.tolist(), values.tolist(), strict=True))


def too_much(model: MilpModel, most: float) -> Ints:
    """Choices that alone bring more distortion than allowed, everything else at its best."""
    size = len(model.costs.problem.usable)
    distortion = np.array([model.distortion[place] for place in range(model.choices)]).reshape(
        -1, size
    )
    extra = distortion - distortion.min(axis=1, keepdims=True)
    room = most - distortion.min(axis=1).sum()
    banned: Ints = np.flatnonzero(extra.ravel() > max(room, 0.0) * (1 + 1e-9))
    return banned


def cover(model: MilpModel, picked: Picked, most: float) -> tuple[dict[int, float], float]:
    """An inequality that a choice breaks, and nothing that keeps the limits does.

    If it has too much distortion, some of its choices cannot all be that bad; if it passes another
    limit, it cannot be taken as a whole.
    """
    size = len(model.costs.problem.usable)
    weights, outputs, _ = place_of(model.costs, model.length)
    distortion = np.array([model.distortion[place] for place in range(model.choices)]).reshape(
        -1, size
    )
    chosen = np.zeros(len(distortion), dtype=np.intp)
    for places, values in ((weights, picked.weights[0]), (outputs, picked.outputs[0])):
        for rank, place in places.items():
            chosen[place // size] = values[rank]
    rows = np.arange(len(distortion))
    least = distortion.min(axis=1)
    extra = distortion[rows, chosen] - least
    order = np.argsort(-extra, kind="stable")
    over = np.flatnonzero(least.sum() + np.cumsum(extra[order]) > most * (1 + 1e-12))
    if len(over):
        guilty = order[: over[0] + 1]
        worse = distortion[guilty] >= distortion[guilty, chosen[guilty]][:, None]
        row, b = np.nonzero(worse)
        terms = dict.fromkeys((guilty[row] * size + b).tolist(), 1.0)
        return terms, len(guilty) - 1.0
    return dict.fromkeys((rows * size + chosen).tolist(), 1.0), len(rows) - 1.0

"""Kept channels and widths in one mixed-integer program: a pruned network, all on the edge.

Every group of channels keeps one of a few numbers of them, each with the distortion that was
measured for it; every weight and every tensor has one of the widths.  Memory is the edge half's:
packed weights, fixed parameters and the largest sum of live tensors, all at the channels that are
left.  A size is a product of two kept numbers and a width, so a layer has a column for each triple,
tied to the columns of its groups; HiGHS solves the program and proves a bound (Huangfu and Hall
2018).  Distortions are summed, as everywhere in the search; that of a weight or a tensor counts for
the share of its elements that is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from scipy.sparse import coo_array

from autosplit.errors import InfeasibleError, UnsolvedError
from autosplit.graph.layer import FIXED_BITS
from autosplit.graph.memory import packed_bytes
from autosplit.search.questions.highs import INFEASIBLE


@dataclass(frozen=True, slots=True)
class KeptChannels:
    """A choice of a group: how many channels stay, and what that costs in distortion."""

    kept: int
    distortion: float


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """Number of channels: ``always`` and ``each`` for every channel that a group keeps.

    Attributes:
        group: Name of the group; empty without one.
        each: Channels for one of the group's.
        always: Channels that stay.
    """

    group: str = ""
    each: int = 0
    always: int = 0

    def of(self, kept: int) -> int:
        """Channels where the group keeps so many."""
        return self.always + self.each * kept


@dataclass(frozen=True, slots=True)
class JointLayer:
    """A layer with a weight: ``taps`` x channels read x channels written elements.

    Attributes:
        name: Its name.
        taps: Elements for one channel read and one written.
        read, written: Numbers of channels.
        fixed: Parameters at 32 bits for one channel written.
        distortion: Width -> distortion of the whole weight.
    """

    name: str
    taps: int
    read: ChannelCount
    written: ChannelCount
    fixed: int
    distortion: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class JointTensor:
    """An activation: ``places`` x channels elements.

    Attributes:
        name: Its name.
        places: Elements of one channel.
        channels: Number of channels.
        distortion: Width -> distortion of the whole tensor; one width alone is not chosen.
    """

    name: str
    places: int
    channels: ChannelCount
    distortion: Mapping[int, float]


@dataclass(frozen=True)
class JointProblem:
    """What is decided together.

    Attributes:
        groups: Name of a group -> its choices; the first keeps all channels.
        layers: Layers with weights.
        tensors: Activations.
        live: Names of the tensors that are live at the same time, for each moment.
        limit_bytes: Memory of the edge half.
    """

    groups: Mapping[str, Sequence[KeptChannels]]
    layers: Sequence[JointLayer]
    tensors: Sequence[JointTensor]
    live: Sequence[Sequence[str]]
    limit_bytes: int


@dataclass(frozen=True)
class JointChoice:
    """What was decided.

    Attributes:
        kept: Group -> channels that stay.
        weight_bits, activation_bits: Widths.
        memory_bytes: Memory of the edge half.
        distortion: Sum of distortions.
        lower_bound: No choice within the limit has less.
    """

    kept: Mapping[str, int]
    weight_bits: Mapping[str, int]
    activation_bits: Mapping[str, int]
    memory_bytes: int
    distortion: float
    lower_bound: float


@dataclass
class _Program:
    """Columns, and equalities between sums of columns."""

    cost: list[float] = field(default_factory=list)
    entries: list[tuple[int, int, float]] = field(default_factory=list)
    right: list[float] = field(default_factory=list)

    def column(self, cost: float) -> int:
        self.cost.append(cost)
        return len(self.cost) - 1

    def equal(self, left: Sequence[int], right: Sequence[int], number: float = 0.0) -> None:
        """sum(left) - sum(right) = number."""
        row = len(self.right)
        self.entries += [(row, one, 1.0) for one in left] + [(row, one, -1.0) for one in right]
        self.right.append(number)


_Columns = dict[tuple[int, ...], int]
"""Kept numbers, and a width -> column."""


def solve_joint(problem: JointProblem, gap: float = 1e-6, seconds: float = 600.0) -> JointChoice:
    """Find the kept channels and the widths of least distortion within the limit.

    Args:
        problem: What is decided.
        gap: Relative gap to the bound at which the solver stops.
        seconds: When it stops in any case; the bound says what it has proven until then.

    Raises:
        InfeasibleError: Nothing fits.
        UnsolvedError: Nothing was found in time.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - slow to import

    program = _Program()
    groups: dict[str, _Columns] = {
        name: {(one.kept,): program.column(one.distortion) for one in choices}
        for name, choices in problem.groups.items()
    }
    for columns in groups.values():
        program.equal(list(columns.values()), [], 1.0)
    layers = [_layer_columns(program, groups, one) for one in problem.layers]
    tensors = {one.name: _tensor_columns(program, groups, one) for one in problem.tensors}
    memory = [*_memory_rows(problem, layers, tensors)]
    count = len(program.cost)
    equal = _matrix(program.entries, len(program.right), count)
    above = _matrix([(r, c, v) for r, row in enumerate(memory) for c, v in row], len(memory), count)
    scale = max(*program.cost, 1e-30)
    found = milp(
        np.array(program.cost) / scale,
        integrality=np.ones(count, np.int64),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(equal, program.right, program.right),
            LinearConstraint(above, -np.inf, problem.limit_bytes),
        ],
        options={"mip_rel_gap": gap, "time_limit": seconds},
    )
    if found.x is None and found.status != INFEASIBLE:
        raise UnsolvedError(
            f"memory: found no choice within {problem.limit_bytes:,} bytes in {seconds:g} s, none "
            "is ruled out; allow more seconds"
        )
    if found.x is None:
        raise InfeasibleError(
            f"memory: must hold the whole network with its fewest channels and bits, "
            f"{problem.limit_bytes:,} bytes do not; raise the limit"
        )
    picked = found.x > 0.5
    chosen = [next(key for key, place in one.items() if picked[place]) for one in layers]
    widths = {n: next(k for k, p in one.items() if picked[p])[-1] for n, one in tensors.items()}
    kept = {n: next(k for k, p in one.items() if picked[p])[0] for n, one in groups.items()}
    return JointChoice(
        kept,
        {layer.name: key[-1] for layer, key in zip(problem.layers, chosen, strict=True)},
        widths,
        round(max(sum(v for c, v in row if picked[c]) for row in memory)),
        float(np.array(program.cost) @ picked),
        float(found.mip_dual_bound) * scale,
    )


def _kept_of(count: ChannelCount, groups: Mapping[str, _Columns]) -> list[int]:
    return [key[0] for key in groups[count.group]] if count.group else [0]


def _layer_columns(
    program: _Program, groups: Mapping[str, _Columns], layer: JointLayer
) -> _Columns:
    """A column for each number read, number written and width."""
    reads, writes = _kept_of(layer.read, groups), _kept_of(layer.written, groups)
    whole = layer.read.of(max(reads)) * layer.written.of(max(writes))
    columns: _Columns = {}
    for read, written, bits in product(reads, writes, layer.distortion):
        share = layer.read.of(read) * layer.written.of(written) / whole
        columns[read, written, bits] = program.column(share * layer.distortion[bits])
    _tie(program, groups, layer.read.group, columns, 0)
    _tie(program, groups, layer.written.group, columns, 1)
    if not layer.read.group and not layer.written.group:
        program.equal(list(columns.values()), [], 1.0)
    return columns


def _tensor_columns(
    program: _Program, groups: Mapping[str, _Columns], tensor: JointTensor
) -> _Columns:
    """A column for each number of channels and width."""
    counts = _kept_of(tensor.channels, groups)
    whole = tensor.channels.of(max(counts))
    columns: _Columns = {}
    for kept, bits in product(counts, tensor.distortion):
        share = tensor.channels.of(kept) / whole
        columns[kept, bits] = program.column(share * tensor.distortion[bits])
    _tie(program, groups, tensor.channels.group, columns, 0)
    if not tensor.channels.group:
        program.equal(list(columns.values()), [], 1.0)
    return columns


def _tie(
    program: _Program, groups: Mapping[str, _Columns], group: str, columns: _Columns, place: int
) -> None:
    """Columns with a kept number are chosen where the group keeps that number."""
    for kept, column in groups.get(group, {}).items():
        program.equal([one for key, one in columns.items() if key[place] == kept[0]], [column])


def _memory_rows(
    problem: JointProblem, layers: Sequence[_Columns], tensors: Mapping[str, _Columns]
) -> Iterator[list[tuple[int, float]]]:
    """Bytes at each moment: column -> bytes."""
    weights: list[tuple[int, float]] = []
    for layer, columns in zip(problem.layers, layers, strict=True):
        for (read, written, bits), column in columns.items():
            writes = layer.written.of(written)
            elements = layer.taps * layer.read.of(read) * writes
            size = packed_bytes(elements, bits) + packed_bytes(layer.fixed * writes, FIXED_BITS)
            weights.append((column, float(size)))
    each = {
        tensor.name: [
            (column, float(packed_bytes(tensor.places * tensor.channels.of(kept), bits)))
            for (kept, bits), column in tensors[tensor.name].items()
        ]
        for tensor in problem.tensors
    }
    for moment in problem.live:
        yield weights + [entry for name in moment for entry in each[name]]


def _matrix(entries: Sequence[tuple[int, int, float]], rows: int, columns: int) -> coo_array:
    places = [(row, column) for row, column, _ in entries]
    values = [value for _, _, value in entries]
    return coo_array((values, tuple(zip(*places, strict=True))), shape=(rows, columns))

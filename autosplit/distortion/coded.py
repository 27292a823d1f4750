"""Coded bytes: what every tensor takes on the wire at every width, entropy-coded.

One more pass over the calibration samples counts the symbols of each class of channels
(``halves/wire/symbols.py``).  The tables follow from the counts, and the bytes from both: a sample
takes the bits that its symbols cost, and what the coder needs to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autosplit.capture.program import Batches, Program
from autosplit.distortion.tiles import workers
from autosplit.errors import DataError
from autosplit.grid.grid import Grid
from autosplit.halves.wire.entropy import (
    CodeTable,
    code_table,
    coded_bytes,
)
from autosplit.halves.wire.symbols import (
    Counts,
    SymbolOrder,
    channel_axis,
    group_channels,
    symbol_order,
)
from autosplit.progress import Advance
from autosplit.quantize.affine import quantize
from autosplit.stats.stats import CodedBytes, Stats

_CLASS_BITS = 4
"""Width at which channels are put into classes, or the nearest that was measured."""


@dataclass
class _Width:
    """Symbols of one tensor at one width.

    Attributes:
        grid: Its grid.
        order: Which elements make which symbols.
        total: Counts over all samples, shape (K, symbols).
        first: Table of the first batch, by which samples are compared.
        each: Bytes of each sample by that table.
    """

    grid: Grid
    order: SymbolOrder
    total: Counts | None = None
    first: CodeTable | None = None
    each: list[float] = field(default_factory=list)

    def add(self, rows: Tensor, classes: npt.NDArray[np.uint8]) -> None:
        """Count a batch of samples, shape (n, elements)."""
        counts = self.order.counts(quantize(rows, self.grid).numpy())
        self.total = counts.sum(axis=0) + (0 if self.total is None else self.total)
        if self.first is None:
            self.first = code_table(classes, self.total, self.grid.bits)
        self.each += coded_bytes(self.first, counts).tolist()

    def result(self, classes: npt.NDArray[np.uint8]) -> CodedBytes:
        """The table of all samples, with the mean and the 95th percentile of their bytes."""
        assert self.total is not None
        table = code_table(classes, self.total, self.grid.bits)
        count = len(self.each)
        mean = float(coded_bytes(table, self.total[None] / count)[0])
        spread = float(np.percentile(self.each, 95)) / float(np.mean(self.each))
        return CodedBytes(table, mean, max(mean, mean * spread))


@dataclass
class _Tensor:
    """Classes of the channels of one tensor, and its symbols at each width."""

    shape: tuple[int, ...]
    classes: npt.NDArray[np.uint8]
    widths: dict[int, _Width]

    def add(self, rows: Tensor, pool: ThreadPoolExecutor) -> None:
        """Count a batch of samples, shape (n, elements)."""
        for _ in pool.map(lambda one: one.add(rows, self.classes), self.widths.values()):
            pass


def code_tensors(
    program: Program, batches: Batches, stats: Stats, advance: Advance | None = None
) -> Stats:
    """Measure the coded bytes of the network's inputs and of every layer's output.

    Args:
        program: The captured network.
        batches: Those that the statistics were measured on.
        stats: From ``measure``.
        advance: Told of samples done.

    Raises:
        DataError: There is no sample.
    """
    found: dict[str, _Tensor] = {}
    samples = 0
    with workers() as pool, torch.no_grad():

        def watch(name: str, value: Tensor) -> None:
            if name not in program.graph.integers:
                rows = program.samples(name, value).flatten(1)
                if name not in found:
                    found[name] = _begin(program, stats, name, rows)
                found[name].add(rows, pool)

        for batch in batches():
            inputs = program.flatten(batch)
            program.run(inputs, watch)
            samples += program.count(inputs)
            if advance is not None:
                advance(program.count(inputs))
    if not samples:
        raise DataError("calibration data: must have at least one sample, got none")
    coded = {
        (name, bits): one.result(tensor.classes)
        for name, tensor in found.items()
        for bits, one in tensor.widths.items()
    }
    return replace(stats, coded=coded)


def _begin(program: Program, stats: Stats, name: str, rows: Tensor) -> _Tensor:
    """Put the channels of a tensor into classes by its first samples."""
    shape = program.graph.shape(name)
    grids = {bits: stats.grids[name, "activation", bits] for bits in _widths(stats, name)}
    at = min(grids, key=lambda bits: abs(bits - _CLASS_BITS))
    channels = _by_channel(quantize(rows, grids[at]).numpy(), shape)
    histogram = np.stack([np.bincount(one, minlength=1 << at) for one in channels])
    classes = group_channels(histogram.astype(np.float64))
    widths = {
        bits: _Width(grid, symbol_order(shape, classes, bits)) for bits, grid in grids.items()
    }
    return _Tensor(shape, classes, widths)


def _by_channel(flat: npt.NDArray[np.uint8], shape: Sequence[int]) -> npt.NDArray[np.uint8]:
    """Integers of some samples by channel, shape (C, rest)."""
    axis = 1 + channel_axis(tuple(shape))
    whole = np.moveaxis(flat.reshape(len(flat), *(shape or (1,))), axis, 0)
    return whole.reshape(len(whole), -1)


def _widths(stats: Stats, name: str) -> list[int]:
    return [bits for tensor, bits in stats.clips if tensor == name]

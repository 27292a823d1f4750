"""Coded bytes: what every tensor takes on the wire at every width, entropy-coded.

One more pass over the calibration samples codes each of them as the wire does
(``halves/wire/entropy.py``), so the bytes are those that a message has.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autosplit.capture.program import Batches, Program
from autosplit.distortion.tiles import rows_of_tensor, workers
from autosplit.errors import DataError
from autosplit.graph.layer import Shape
from autosplit.grid.grid import Grid
from autosplit.halves.wire.entropy import EntropyCoder
from autosplit.halves.wire.symbols import CLASSES, Classes, by_channel, group_channels
from autosplit.progress import Advance
from autosplit.quantize.affine import quantize
from autosplit.stats.stats import CodedBytes, Stats

_CLASS_BITS = 4
"""Width at which channels are put into classes, or the nearest that was measured."""
_CLASS_SAMPLES = 8
"""Samples by which the number of classes is chosen."""


@dataclass
class _Width:
    """Bytes of one tensor at one width.

    Attributes:
        grid: Grid of the tensor at the width.
        coder: Codes its samples.
        each: Bytes of each sample.
    """

    grid: Grid
    coder: EntropyCoder
    each: list[int] = field(default_factory=list)

    def add(self, rows: Tensor) -> None:
        """Code a batch of samples, shape (n, elements)."""
        self.each += map(len, self.coder.encode(quantize(rows, self.grid).numpy()))

    @property
    def result(self) -> CodedBytes:
        """Mean and 95th percentile of the bytes of all samples."""
        classes, p95 = self.coder.classes, float(np.percentile(self.each, 95))
        return CodedBytes(classes, float(np.mean(self.each)), p95)


def code_tensors(
    program: Program, batches: Batches, stats: Stats, advance: Advance | None = None
) -> Stats:
    """Measure the coded bytes of the network's inputs and of every layer's output.

    Args:
        program: The captured network.
        batches: Batches that the statistics were measured on.
        stats: From ``measure``.
        advance: Told of samples done.

    Raises:
        DataError: There is no sample.
    """
    found: dict[str, list[_Width]] = {}
    samples = 0
    with workers() as pool, torch.no_grad():

        def watch(name: str, value: Tensor) -> None:
            if name not in program.graph.integers:
                rows = rows_of_tensor(program, name, value)
                if name not in found:
                    found[name] = _begin(program.graph.shape(name), stats, name, rows)
                _add(found[name], rows, pool)

        for batch in batches():
            inputs = program.flatten(batch)
            program.run(inputs, watch)
            samples += program.count(inputs)
            if advance is not None:
                advance(program.count(inputs))
    if not samples:
        raise DataError("calibration data: must have at least one sample, got none")
    coded = {(name, one.grid.bits): one.result for name, widths in found.items() for one in widths}
    return replace(stats, coded=coded)


def _add(widths: list[_Width], rows: Tensor, pool: ThreadPoolExecutor) -> None:
    """Code a batch of samples of a tensor at each width, shape (n, elements)."""
    for _ in pool.map(lambda one: one.add(rows), widths):
        pass


def _begin(shape: Shape, stats: Stats, name: str, rows: Tensor) -> list[_Width]:
    """Put the channels of a tensor into classes by its first samples."""
    grids = [
        stats.grids[name, "activation", bits]
        for tensor, bits in stats.activation_grids
        if tensor == name
    ]
    grid = min(grids, key=lambda grid: abs(grid.bits - _CLASS_BITS))
    classes = _classes(quantize(rows, grid).numpy(), shape, grid.bits)
    return [_Width(grid, EntropyCoder(shape, classes, grid.bits)) for grid in grids]


def _classes(samples: npt.NDArray[np.uint8], shape: Shape, bits: int) -> Classes:
    """Classes of the channels: as many as take the fewest bytes, of 1, 2 and so on.

    Args:
        samples: Shape (n, elements).
        shape: Of a sample.
        bits: Width of an element.
    """
    channels = np.moveaxis(by_channel(samples, shape), 1, 0)
    histogram = np.stack([np.bincount(one.ravel(), minlength=1 << bits) for one in channels])
    choices = {
        group_channels(histogram.astype(np.float64), 1 << power)
        for power in range(CLASSES.bit_length())
    }

    def sent(classes: Classes) -> tuple[int, Classes]:
        coder = EntropyCoder(shape, classes, bits)
        return sum(map(len, coder.encode(samples[:_CLASS_SAMPLES]))), classes

    return min(choices, key=sent)

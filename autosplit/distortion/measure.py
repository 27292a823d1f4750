"""Measure every tensor of a captured program: ranges, moments, and distortion at every width.

Two passes over the calibration samples.  The first finds ranges and means; the second, with both
known, the deviations from the mean and a fine histogram, from which the clips and their errors
follow.  Nothing but these numbers is kept, so memory does not grow with the number of samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autosplit.capture.program import Program
from autosplit.errors import DataError
from autosplit.graph.layer import Layer
from autosplit.grid.clipping import Observed, check_rule, clip_ranges
from autosplit.grid.grid import WIDTHS, ClipRange, Grid
from autosplit.grid.histogram import Clip
from autosplit.quantize.weight_grids import MeasuredGrid, weight_grids
from autosplit.stats.stats import Distortion, Stats, TensorAtWidth, TensorStats

Array = npt.NDArray[Any]
Batch = Tensor | Sequence[Tensor]

BINS = 8192
"""Bins of the histogram; at 8 bits there are some thirty per step of the grid."""
_OUTER_BINS = 4096  # of the second histogram, where a few values lie far out
_CORE = 64  # mean absolute deviations from the mean that the fine histogram then covers
_TILE = 1 << 17  # elements worked on at a time, so that they stay in cache
_PROBE = 1024  # elements of a sample from which its spread is guessed
_LARGE, _SMALL = 1e15, 1e-15  # outside these float32 squares overflow, or lose their bits
_OF_SCORES = frozenset(
    "softmax _softmax log_softmax _log_softmax sigmoid log_sigmoid log_sigmoid_forward mean "
    "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
    "_adaptive_avg_pool2d _adaptive_avg_pool3d cat concat concatenate stack".split()
)
"""Operators that turn scores into others: in these units the greatest still decide."""
_OFFSET = 1e4  # mean over spread from which float32 has too few bits for the spread


def measure(
    program: Program,
    batches: Callable[[], Iterator[Batch]],
    widths: Sequence[int] = WIDTHS,
    clipping: str = "mse",
) -> Stats:
    """Measure the network's inputs, every layer's output and every weight.

    Moments are exact (float64 over short float32 sums of deviations).  The MSE of an activation
    comes from its histogram, with the values spread evenly over their bins and zeros exact: within
    0.5 % of the true one for continuous data; for values that already lie on a grid, an error
    below a thousandth of the grid's step^2 / 12 shows.  The MSE of a weight is exact.

    Args:
        program: The captured network.
        batches: Called once per pass; each time gives the same batches, each (n, ...) or one such
            per network input.
        widths: Widths at which distortion is measured, 1..16.
        clipping: Rule that says where activations are clipped, a name in ``CLIPPING``; the
            network's answers never are.

    Raises:
        PlanError: The clipping rule is unknown.
        DataError: There is no sample, an activation or weight is NaN or infinite (names the tensor
            and the batch), or the second pass gives other samples than the first.
    """
    check_rule(clipping)
    ranges: dict[str, _Range] = {}
    with _workers() as pool, torch.no_grad():

        def first(name: str, rows: Tensor) -> bool:
            if name not in ranges:
                ranges[name] = _Range.about(rows)
            return ranges[name].add(rows, pool)

        samples = _pass(program, batches, first)
        spreads = {name: _Spread.over(found) for name, found in ranges.items()}

        def second(name: str, rows: Tensor) -> None:
            spreads[name].add(rows, pool)

        if samples != _pass(program, batches, second):
            raise DataError("calibration data: must give the same samples on each pass")
        weights = _weights(program, widths, pool)
        tensors = {
            name: _tensor_stats(program, name, ranges[name], spreads[name])
            for name in program.graph.tensors
        }
        rules = dict.fromkeys(spreads, clipping) | dict.fromkeys(answers(program), "minmax")
        clips = _clips(tensors, spreads, rules, widths, pool)
    distortions, grids = _weight_records(weights)
    kept: dict[tuple[str, int], ClipRange] = {}
    for name in program.graph.tensors:
        square = tensors[name].mean ** 2 + tensors[name].std ** 2
        for bits, clip in clips[name].items():
            ratio = clip.mse / square if square else 0.0
            distortions[name, "activation", bits] = Distortion(clip.mse, ratio)
            kept[name, bits] = clip.low, clip.high
    return Stats(samples, tensors, distortions, kept, grids)


def measure_weights(program: Program, widths: Sequence[int] = WIDTHS) -> Stats:
    """Measure the stored weights alone, without any data.

    Args:
        program: The captured network.
        widths: Widths at which distortion is measured, 1..16.

    Raises:
        DataError: A weight is NaN or infinite.
    """
    with _workers() as pool:
        weights = _weights(program, widths, pool)
    distortions, grids = _weight_records(weights)
    return Stats(0, {}, distortions, {}, grids)


@dataclass
class _Range:
    """What the first pass learns of one tensor.

    Attributes:
        pivot: A value near the mean, about which is summed so that nothing cancels.
        deviation: Mean absolute deviation from it, guessed from a few elements of the first batch.
        low, high: Least and greatest value so far.
        low_sum, high_sum: Sums of the samples' least and greatest values.
        total: Sum of the values' differences from the pivot.
        samples, count: Samples and elements so far.
    """

    pivot: float
    deviation: float
    low: float = math.inf
    high: float = -math.inf
    low_sum: float = 0.0
    high_sum: float = 0.0
    total: float = 0.0
    samples: int = 0
    count: int = 0

    @classmethod
    def about(cls, rows: Tensor) -> _Range:
        """Begin with a tensor of the first batch, (n, elements)."""
        probe = rows[:, :: max(rows.shape[1] // _PROBE, 1)].double()
        pivot = float(probe.mean().float())
        return cls(pivot, float((probe - pivot).abs().mean()))

    @property
    def mean(self) -> float:
        return self.pivot + self.total / self.count

    def add(self, rows: Tensor, pool: ThreadPoolExecutor) -> bool:
        """Count one batch, (n, elements); whether it is finite."""
        lows = np.full(len(rows), np.inf)
        highs = -lows
        for where, low, high, total in pool.map(self._look, *_pieces(rows)):
            lows[where] = np.minimum(lows[where], low)
            highs[where] = np.maximum(highs[where], high)
            self.total += total
        finite = bool(np.isfinite(lows).all() and np.isfinite(highs).all())
        self.low, self.high = min(self.low, float(lows.min())), max(self.high, float(highs.max()))
        self.low_sum += float(lows.sum())
        self.high_sum += float(highs.sum())
        self.samples += len(rows)
        self.count += rows.numel()
        return finite

    def _look(self, where: slice, piece: Tensor) -> tuple[slice, Array, Array, float]:
        """Least and greatest value of each row of a piece, and its sum about the pivot."""
        lows, highs, total = [], [], 0.0
        for tile in _tiles(piece):
            lows.append(tile.amin(1))
            highs.append(tile.amax(1))
            if max(-float(lows[-1].min()), float(highs[-1].max())) > _LARGE:
                tile = tile.double()  # noqa: PLW2901 - float32 sums could overflow
            total += float((tile - self.pivot).sum())
        low = torch.stack(lows).amin(0).double().numpy()
        return where, low, torch.stack(highs).amax(0).double().numpy(), total


@dataclass
class _Spread:
    """What the second pass learns of one tensor: deviations from the mean, and a histogram.

    Values are counted in bins of equal width, with zero in the middle of one.  Where few values
    lie far out (range over ``_CORE`` mean deviations), the bins cover the core, and coarser ones
    the whole range; a whole number of bins makes one coarse bin.

    Attributes:
        pivot: The mean that the first pass found.
        double: Whether float32 has too few bits for the differences.
        first, width: First edge and width of the bins; width 0 for a constant tensor.
        counts: Values per bin, with one more bin below and one above, shape (bins + 2,).
        outer_first, outer_width: The same of the coarse bins.
        outer: Values per coarse bin, or None without them.
        sums: Sums of y, |y| and y^2, with y = (value - pivot) / width.
        count: Values so far.
    """

    pivot: float
    double: bool
    first: float
    width: float
    counts: Array
    outer_first: float = 0.0
    outer_width: float = 0.0
    outer: Array | None = None
    sums: Array = field(default_factory=lambda: np.zeros(3))
    count: int = 0

    @classmethod
    def over(cls, found: _Range) -> _Spread:
        """Lay the bins over the range that the first pass found."""
        low, high, mean = found.low, found.high, found.mean
        length, size = high - low, max(-low, high)
        double = not (length > _SMALL and size < min(_LARGE, _OFFSET * found.deviation))
        pivot = mean if double else float(np.float32(mean))
        reach = _CORE * found.deviation
        if not 0 < 2 * reach < length:
            first, width = _lay(low, high, BINS)
            return cls(pivot, double, first, width, np.zeros(BINS + 2))
        outer_first, outer_width = _lay(low, high, _OUTER_BINS)
        left = max(math.floor((mean - reach - outer_first) / outer_width), 0)
        right = min(math.ceil((mean + reach - outer_first) / outer_width), _OUTER_BINS)
        parts = max((BINS // (right - left) - 1) // 2 * 2 + 1, 1)  # odd, to keep zero in a middle
        return cls(
            pivot,
            double,
            outer_first + left * outer_width,
            outer_width / parts,
            np.zeros((right - left) * parts + 2),
            outer_first,
            outer_width,
            np.zeros(_OUTER_BINS + 2),
        )

    def add(self, rows: Tensor, pool: ThreadPoolExecutor) -> None:
        """Count one batch, (n, elements)."""
        self.count += rows.numel()
        if self.width == 0:
            return
        for sums, counts, outer in pool.map(self._look, *_pieces(rows)):
            self.sums += sums
            self.counts += counts
            if self.outer is not None:
                self.outer += outer

    def _look(self, _where: slice, piece: Tensor) -> tuple[Array, Array, Array | float]:
        sums = np.zeros(3)
        counts = torch.zeros(len(self.counts), dtype=torch.int64)
        outer = None if self.outer is None else torch.zeros(len(self.outer), dtype=torch.int64)
        for tile in _tiles(piece):
            y = tile.double() if self.double else tile
            y = (y - self.pivot).mul_(1 / self.width)
            work = torch.abs(y)
            magnitude = work.sum()
            square = torch.mul(y, y, out=work).sum()
            sums += float(y.sum()), float(magnitude), float(square)
            if outer is not None:
                torch.mul(y, self.width / self.outer_width, out=work)
                outer += _count(
                    work, (self.pivot - self.outer_first) / self.outer_width, len(outer)
                )
            counts += _count(y, (self.pivot - self.first) / self.width, len(counts))
        return sums, counts.numpy(), 0.0 if outer is None else outer.numpy()

    @property
    def histogram(self) -> tuple[Array, Array]:
        """Counts (n,) and edges (n + 1,) over the whole range."""
        if self.width == 0:
            return np.array([float(self.count)]), np.array([self.pivot, self.pivot])
        counts = self.counts[1:-1]
        edges = self.first + self.width * np.arange(len(counts) + 1)
        if self.outer is None:
            return counts, edges
        outer = self.outer[1:-1]
        outer_edges = self.outer_first + self.outer_width * np.arange(len(outer) + 1)
        left = round((edges[0] - self.outer_first) / self.outer_width)
        right = round((edges[-1] - self.outer_first) / self.outer_width)
        return (
            np.concatenate([outer[:left], counts, outer[right:]]),
            np.concatenate([outer_edges[:left], edges, outer_edges[right + 1 :]]),
        )

    @property
    def moments(self) -> tuple[float, float, float]:
        """Mean, standard deviation and mean absolute deviation.

        The deviation was summed about the pivot; d E|x - m| / dm = P(x < m) - P(x > m) moves it
        to the mean, which is less than a float32 rounding away.
        """
        if self.width == 0:
            return self.pivot, 0.0, 0.0
        shift, magnitude, square = self.sums / self.count
        counts, edges = self.histogram
        below = np.concatenate([[0.0], np.cumsum(counts)])
        share = float(np.interp(self.pivot, edges, below)) / self.count
        return (
            self.pivot + self.width * float(shift),
            self.width * math.sqrt(max(square - shift**2, 0.0)),
            self.width * float(magnitude + shift * (2 * share - 1)),
        )


def _lay(low: float, high: float, bins: int) -> tuple[float, float]:
    """First edge and width of bins that cover a range, with zero, if inside, in a middle."""
    width = (high - low) / (bins - 2)
    if width > 0 and low <= 0 <= high:
        return -(math.ceil(-low / width - 0.5) + 0.5) * width, width
    return low - width / 2, width


def _count(y: Tensor, offset: float, bins: int) -> Tensor:
    """Count y + offset in unit bins from 0, with a bin below and one above; overwrites y."""
    index = y.add_(offset + 1).clamp_(0, bins - 1).to(torch.int16)
    return torch.bincount(index.view(-1), minlength=bins)


def _pass(
    program: Program,
    batches: Callable[[], Iterator[Batch]],
    look: Callable[[str, Tensor], bool | None],
) -> int:
    """Show every tensor of every batch as rows (n, elements); the number of samples.

    Raises:
        DataError: There is no sample, or ``look`` says that a tensor is not finite.
    """
    samples = 0
    broken: list[str] = []
    for number, batch in enumerate(batches()):
        inputs = (batch,) if isinstance(batch, Tensor) else tuple(batch)

        def watch(name: str, value: Tensor) -> None:
            # An error raised here would be rewritten by the interpreter that calls this.
            if not broken and look(name, _rows(program.samples(name, value))) is False:
                broken.append(name)

        program.run(inputs, watch)
        if broken:
            raise DataError(f"{broken[0]}: must be finite, got NaN or infinity in batch {number}")
        samples += len(inputs[0])
    if not samples:
        raise DataError("calibration data: must have at least one sample, got none")
    return samples


def _weights(
    program: Program, widths: Sequence[int], pool: ThreadPoolExecutor
) -> dict[str, tuple[dict[int, MeasuredGrid], float]]:
    """Grids and mean square of every stored weight."""

    def search(name: str) -> tuple[dict[int, MeasuredGrid], float]:
        weight = program.weight(name)
        try:
            grids = weight_grids(weight, program.weights[name].axis, widths)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        return grids, float(weight.double().square().mean())

    return dict(zip(program.weights, pool.map(search, program.weights), strict=True))


def answers(program: Program) -> tuple[str, ...]:
    """The scores that a network answers with.

    They are its outputs, one number a class, and, behind an output that only ``_OF_SCORES`` made,
    what those read: down to the linear layer or convolution that wrote the scores.  The greatest
    scores decide, and a rectifier that is part of that layer lets them pass, so they are scores
    with one too.  Maps, as of a detector's heads, are none: all of their numbers count.
    """
    layers = program.graph.by_name
    outputs = [layers[name] for name in program.graph.outputs if name in layers]
    found = [layer.name for layer in outputs if _is_of_classes(layer)]
    for name in found:  # grows meanwhile
        if _made_of_scores(layers[name]):
            read = [layers[source] for source in layers[name].inputs if source in layers]
            scores = [n.name for n in read if n.kind in ("linear", "conv") or _made_of_scores(n)]
            found += [source for source in scores if source not in found]
    return tuple(dict.fromkeys(found))


def _is_of_classes(layer: Layer) -> bool:
    return layer.kind == "linear" or sum(size > 1 for size in layer.output_shape) <= 1


def _made_of_scores(layer: Layer) -> bool:
    return bool(layer.operators) and _OF_SCORES.issuperset(layer.operators)


def _clips(
    tensors: Mapping[str, TensorStats],
    spreads: Mapping[str, _Spread],
    rules: Mapping[str, str],
    widths: Sequence[int],
    pool: ThreadPoolExecutor,
) -> dict[str, dict[int, Clip]]:
    """Clips of every activation tensor, each by its rule."""

    def search(name: str) -> dict[int, Clip]:
        found, (counts, edges) = tensors[name], spreads[name].histogram
        extremes = found.min, found.max, found.avg_min, found.avg_max
        moments = found.mean, found.std, found.b
        return clip_ranges(Observed(*extremes, *moments, counts, edges), rules[name], widths)

    return dict(zip(spreads, pool.map(search, spreads), strict=True))


def _tensor_stats(program: Program, name: str, found: _Range, spread: _Spread) -> TensorStats:
    mean, std, b = spread.moments
    return TensorStats(
        min=found.low,
        max=found.high,
        avg_min=found.low_sum / found.samples,
        avg_max=found.high_sum / found.samples,
        mean=mean,
        std=std,
        b=b,
        shape=program.graph.shape(name),
        elements=program.graph.elements(name),
    )


def _weight_records(
    weights: Mapping[str, tuple[dict[int, MeasuredGrid], float]],
) -> tuple[dict[TensorAtWidth, Distortion], dict[tuple[str, int], Grid]]:
    """Distortions and grids of stored weights, from what ``_weights`` found."""
    distortions: dict[TensorAtWidth, Distortion] = {}
    grids: dict[tuple[str, int], Grid] = {}
    for name, (found, square) in weights.items():
        for bits, measured in found.items():
            mse = float(measured.mse.mean())  # every channel has as many elements
            distortions[name, "weight", bits] = Distortion(mse, mse / square if square else 0.0)
            grids[name, bits] = measured.grid
    return distortions, grids


def _rows(value: Tensor) -> Tensor:
    """A tensor with the batch first as (n, elements), float, in any order within a sample."""
    order = sorted(range(1, value.dim()), key=value.stride, reverse=True)
    rows = value.permute(0, *order).reshape(len(value), -1)
    return rows if rows.dtype in (torch.float32, torch.float64) else rows.float()


def _pieces(rows: Tensor) -> tuple[list[slice], list[Tensor]]:
    """Cut rows into pieces for the workers: groups of rows, or of columns if there are few rows.

    Returns:
        Which rows each piece holds, and the pieces.
    """
    workers = torch.get_num_threads()
    count, length = rows.shape
    if rows.numel() <= _TILE:
        return [slice(0, count)], [rows]
    if count >= workers:
        size = -(-count // (workers * min(2, count // workers)))
        wheres = [slice(first, min(first + size, count)) for first in range(0, count, size)]
        return wheres, [rows[where] for where in wheres]
    columns = torch.split(rows, -(-length // workers), dim=1)
    return [slice(0, count)] * len(columns), list(columns)


def _tiles(piece: Tensor) -> tuple[Tensor, ...]:
    """Blocks of all rows and some columns of a piece, that fit the cache."""
    return torch.split(piece, max(_TILE // len(piece), 1), dim=1)


@contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    """Threads, as many as torch uses, in each of which torch runs on one.

    Counting is serial in torch, and a tile is too small to share: so tiles run side by side.
    """
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)  # what a new thread begins with

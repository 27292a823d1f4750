"""Measure every tensor of a captured program: ranges, moments, and distortion at every width.

Two passes over the calibration samples.  The first finds ranges and means; the second, with both
known, the deviations from the mean and a fine histogram, from which the grids and their errors
follow.  Nothing but these numbers is kept, so memory does not grow with the number of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from autosplit.capture.infinities import HIDING
from autosplit.capture.integers import refuse_outside
from autosplit.capture.program import Batches, Program
from autosplit.data.inputs import check_finite
from autosplit.distortion.logits import logit_tensors
from autosplit.distortion.ranges import Range
from autosplit.distortion.spreads import Spread
from autosplit.distortion.tiles import sample_rows, workers
from autosplit.errors import DataError
from autosplit.grid.clipping import Observed, check_rule, clipped_grids
from autosplit.grid.grid import WIDTHS, Grid, MeasuredGrid
from autosplit.quantize.weight_grids import weight_grids
from autosplit.stats.stats import Distortion, Stats, TensorAtWidth, TensorStats


def measure(
    program: Program, batches: Batches, widths: Sequence[int] = WIDTHS, clipping: str = "mse"
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
            network's logits never are.

    Raises:
        PlanError: The clipping rule is unknown.
        DataError: There is no sample, an activation or weight is NaN or infinite (names the tensor
            and the batch), or the second pass gives other samples than the first.
    """
    check_rule(clipping)
    with workers() as pool, torch.no_grad():
        samples, ranges = _first_pass(program, batches, pool)
        for name in program.graph.integers.keys() & program.graph.inputs.keys():
            low, high = int(ranges[name].low), int(ranges[name].high)
            refuse_outside(name, program.graph.integers[name], low, high)
        spreads = _second_pass(program, batches, ranges, samples, pool)
        weights = _weights(program, widths, pool)
        tensors = {
            name: _tensor_stats(program, name, ranges[name], spreads[name])
            for name in program.graph.tensors
        }
        unclipped = logit_tensors(program.graph)
        rules = dict.fromkeys(spreads, clipping) | dict.fromkeys(unclipped, "minmax")
        measured = _activations(tensors, spreads, rules, widths, pool)
    distortions, weight_grids_found = _weight_records(weights)
    activation_grids: dict[tuple[str, int], Grid] = {}
    for name in program.graph.tensors:
        square = tensors[name].mean ** 2 + tensors[name].std ** 2
        for bits, found in measured[name].items():
            mse = 0.0 if name in program.graph.integers else found.mean_mse
            distortions[name, "activation", bits] = Distortion(mse, mse / square if square else 0.0)
            activation_grids[name, bits] = found.grid
    return Stats(samples, tensors, distortions, activation_grids, weight_grids_found)


def measure_weights(program: Program, widths: Sequence[int] = WIDTHS) -> Stats:
    """Measure the stored weights alone, without any data.

    Args:
        program: The captured network.
        widths: Widths at which distortion is measured, 1..16.

    Raises:
        DataError: A weight is NaN or infinite.
    """
    with workers() as pool:
        weights = _weights(program, widths, pool)
    distortions, grids = _weight_records(weights)
    return Stats(0, {}, distortions, {}, grids)


def _first_pass(
    program: Program, batches: Batches, pool: ThreadPoolExecutor
) -> tuple[int, dict[str, Range]]:
    """Number of samples, and the range and mean of each tensor."""
    ranges: dict[str, Range] = {}

    def look(name: str, rows: Tensor) -> bool:
        if name not in ranges:
            ranges[name] = Range.about(rows)
        return ranges[name].add(rows, pool)

    return _pass(program, batches, look), ranges


def _second_pass(
    program: Program,
    batches: Batches,
    ranges: Mapping[str, Range],
    samples: int,
    pool: ThreadPoolExecutor,
) -> dict[str, Spread]:
    """Deviations and histogram of each tensor.

    Raises:
        DataError: The pass gives another number of samples than the first.
    """
    spreads = {name: Spread.over(found) for name, found in ranges.items()}

    def look(name: str, rows: Tensor) -> None:
        spreads[name].add(rows, pool)

    if samples != _pass(program, batches, look):
        raise DataError("calibration data: must give the same samples on each pass")
    return spreads


def _pass(
    program: Program,
    batches: Batches,
    look: Callable[[str, Tensor], bool | None],
) -> int:
    """Show every tensor of every batch as rows (n, elements); the number of samples.

    Raises:
        DataError: There is no sample, or ``look`` says that a tensor is not finite.
    """
    samples = 0
    broken: list[str] = []
    for number, batch in enumerate(batches()):
        inputs = program.flatten(batch)
        for name, value in zip(program.graph.inputs, inputs, strict=False):
            check_finite(value, f"{name} in batch {number}", masked=name in program.masked)

        def watch(name: str, value: Tensor) -> None:
            if name in program.masked:
                value = value.clamp_min(HIDING)
            # An error raised here would be rewritten by the interpreter that calls this.
            if not broken and look(name, sample_rows(program.samples(name, value))) is False:
                broken.append(name)

        program.run(inputs, watch)
        if broken:
            raise DataError(f"{broken[0]}: must be finite, got NaN or infinity in batch {number}")
        samples += program.count(inputs)
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


def _activations(
    tensors: Mapping[str, TensorStats],
    spreads: Mapping[str, Spread],
    rules: Mapping[str, str],
    widths: Sequence[int],
    pool: ThreadPoolExecutor,
) -> dict[str, dict[int, MeasuredGrid]]:
    """Grids of every activation tensor, each by its rule."""

    def search(name: str) -> dict[int, MeasuredGrid]:
        found, (counts, edges) = tensors[name], spreads[name].histogram
        extremes = found.min, found.max, found.avg_min, found.avg_max
        moments = found.mean, found.std, found.b
        return clipped_grids(Observed(*extremes, *moments, counts, edges), rules[name], widths)

    return dict(zip(spreads, pool.map(search, spreads), strict=True))


def _tensor_stats(program: Program, name: str, found: Range, spread: Spread) -> TensorStats:
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
            mse = measured.mean_mse
            distortions[name, "weight", bits] = Distortion(mse, mse / square if square else 0.0)
            grids[name, bits] = measured.grid
    return distortions, grids

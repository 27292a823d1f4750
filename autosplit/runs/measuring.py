"""Measure every tensor of a captured network on calibration batches: what ``stats`` does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autosplit.data import image_range
from autosplit.errors import warn
from autosplit.progress import Advance
from autosplit.runs.options import StatsOptions
from autosplit.stats.coding import PictureInput
from autosplit.stats.stats import Stats

if TYPE_CHECKING:
    from torch import Tensor

    from autosplit.capture.program import Batch, Batches, Program


@dataclass(frozen=True)
class Measuring:
    """A network to be measured, and on what.

    Attributes:
        program: The captured network.
        batches: Gives the network's inputs, batch by batch, the same on each pass.
        options: How: the metric, the clipping rule, the rounding that is counted, the seed.
        picture: The input that may be sent as a JPEG file; None where the input is no picture.
    """

    program: Program
    batches: Batches
    options: StatsOptions
    picture: PictureInput | None = None

    @property
    def passes(self) -> int:
        """How often the batches are gone through."""
        return (3 if self.options.metric == "mse" else 4) + (self.picture is not None)


def measure_network(measuring: Measuring, advance: Advance) -> Stats:
    """Measure ranges, moments, grids and distortions.

    Args:
        measuring: The network, and on what it is measured.
        advance: Told of samples that are done, in each pass.

    Raises:
        DataError: There is no sample, or a tensor is not finite.
        StageError: The metric is unknown.
    """
    from autosplit.distortion.coded import code_tensors
    from autosplit.distortion.jpeg import AskedPictures, measure_jpeg
    from autosplit.distortion.measure import measure
    from autosplit.distortion.metrics import check_metric, sensitivity

    options = measuring.options
    check_metric(options.metric)

    def batches() -> Iterator[Batch]:
        for batch in measuring.batches():
            yield batch
            advance(len(first_input(batch)))

    stats = measure(measuring.program, batches, clipping=options.clipping)
    stats = sensitivity(
        measuring.program,
        measuring.batches,
        stats,
        options.metric,
        options.seed,
        advance,
        finished=options.rounding != "nearest",
    )
    stats = code_tensors(measuring.program, measuring.batches, stats, advance)
    if measuring.picture is None:
        return stats
    asked = AskedPictures(measuring.picture, options.metric, options.seed)
    return measure_jpeg(measuring.program, measuring.batches, stats, asked, advance)


def first_input(batch: Batch) -> Tensor:
    """The first of the inputs in a batch."""
    from torch import Tensor

    return batch if isinstance(batch, Tensor) else batch[0]


def picture_input(
    preprocess: Any, shape: tuple[int, ...], qualities: tuple[int, ...]
) -> PictureInput | None:
    """A network's input that may be sent as a JPEG file; None where the input is no picture.

    Args:
        preprocess: Makes an input of a picture.
        shape: Shape of the input with its batch dimension.
        qualities: Qualities of the JPEG file, 1..95.
    """
    from autosplit.data.preprocess import Letterbox, Preprocess

    if not isinstance(preprocess, Preprocess | Letterbox):
        return None
    if len(shape) != 4 or shape[1] != len(preprocess.mean):
        return None
    return PictureInput(qualities, preprocess.mean, preprocess.std)


def warn_of_inputs(
    program: Program, stats: Stats, batch: Batch, expected: str = "", remedy: str = ""
) -> None:
    """Warn where calibration inputs are probably not what the network takes.

    Args:
        program: The captured network.
        stats: What was measured.
        batch: The first batch.
        expected: What is odd beside what the network prepares, in words; empty if nothing is.
        remedy: What changes how images are prepared, where that is a guess; else empty.
    """
    if len(program.graph.inputs) > 1:
        return
    (name,) = program.graph.inputs
    found = stats.tensors[name]
    first, network = (first_input(batch),), program.graph.name
    learned, ends = program.deviations(first), (found.min, found.max)
    if remedy and len(first[0]) >= image_range.ENOUGH_IMAGES:
        shift = program.shift(first)
        warn(image_range.warn_of_assumed_preparation(learned, shift, network, remedy))
    else:
        warn(expected or image_range.warn_of_training_scale(learned, ends, network))
    warn(image_range.warn_of_one_value(name, found, stats.samples))

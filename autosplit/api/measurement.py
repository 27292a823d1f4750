"""Statistics of a network: what ``autosplit.measure`` gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autosplit.api.data import images_in, input_batches
from autosplit.api.keywords import read_keywords, takes_options
from autosplit.api.net import Net
from autosplit.errors import DataError
from autosplit.progress import Progress, silent
from autosplit.runs.measuring import Measuring, measure_network, picture_input, warn_of_inputs
from autosplit.runs.options import StatsOptions
from autosplit.stats.stats import Stats

OPTIONS_OF_MEASURE = ("metric", "clipping", "rounding", "batch_size", "jpeg_quality", "seed")
"""Options of ``stats`` that measure a captured network."""


@takes_options(StatsOptions, *OPTIONS_OF_MEASURE)
def measure(net: Net, batches: Any, *, progress: Progress = silent, **options: Any) -> Stats:
    """Measure ranges, moments, and distortion at every width of all weights and activations.

    The batches are gone through three to five times.

    Args:
        net: The network.
        batches: Calibration inputs: tensors (n, ...) of the network's own type and scale, or tuples
            of those and labels, which are not looked at; for a network of several inputs, tuples
            with one tensor for each.  They may be a list, a DataLoader, a function that makes them,
            one tensor, or the ``calibration`` part of ``autosplit.load_data``.
        progress: Shows how far it is.
        **options: Options of ``autosplit stats``, with its defaults: ``metric`` (the unit of
            distortion), ``clipping`` (where activations are clipped), ``rounding`` (the rounding of
            weights that distortion is counted with), ``batch_size`` (images per step of a data
            set), ``jpeg_quality`` (qualities of the input as a JPEG file, one or several, where the
            batches are pictures), ``seed`` (of the random output vectors).

    Raises:
        DataError: The batches are of another kind, or a value in the network is not finite.
        OptionError: An option cannot have its value.
    """
    from autosplit.data.python_batches import are_pictures

    if not isinstance(net, Net):
        raise DataError(f"net: must be what autosplit.capture gives, got {type(net).__name__}")
    asked = read_keywords(StatsOptions, measure, options)
    input_of_batches = input_batches(net, batches, asked.batch_size)
    images, picture = images_in(batches), None
    if are_pictures(images):
        (shape,) = net.graph.inputs.values()
        picture = picture_input(net.model.preprocess, (1, *shape), asked.jpeg_quality)
    measuring = Measuring(net.program, input_of_batches, asked, picture)
    total = 0 if images is None else measuring.passes * len(images)
    with progress(f"stats: {net.name}", total) as advance:
        stats = measure_network(measuring, advance)
    warn_of_inputs(net.program, stats, next(iter(input_of_batches())))
    return replace(stats, clipping=asked.clipping, calibration=batches)

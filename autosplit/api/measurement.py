"""Statistics of a network: what ``autosplit.measure`` gives."""

from __future__ import annotations

from typing import Any

from autosplit.api.data import are_pictures, images_in, input_batches
from autosplit.api.net import Net
from autosplit.errors import DataError
from autosplit.progress import Progress, silent
from autosplit.runs.measuring import Measuring, input_meter, measure_network, warn_of_inputs
from autosplit.runs.options import StatsOptions
from autosplit.stats.stats import Stats


def measure(
    net: Net,
    batches: Any,
    *,
    metric: str = "output",
    clipping: str = "mse",
    rounding: str = "auto",
    batch_size: int | None = None,
    jpeg_quality: int = 75,
    seed: int = 0,
    progress: Progress = silent,
) -> Stats:
    """Measure ranges, moments, and distortion at every width of all weights and activations.

    The batches are gone through three or four times.

    Args:
        net: The network.
        batches: Calibration inputs: tensors (n, ...) of the network's own type and scale, or tuples
            of those and labels, which are not looked at; for a network of several inputs, tuples
            with one tensor for each.  They may be a list, a DataLoader, a function that makes them,
            one tensor, or the ``calibration`` part of ``autosplit.load_data``.
        metric: The unit of distortion, as ``--metric``: ``output``, ``fisher`` or ``mse``.
        clipping: Where activations are clipped, as ``--clipping``.
        rounding: The rounding of weights that distortion is counted with, as ``--rounding``.
        batch_size: Images per step of a data set; None is what suits their size.
        jpeg_quality: Of the input as a JPEG file, 1..95; measured where the batches are pictures.
        seed: Of the random output vectors.
        progress: Shows how far it is.

    Raises:
        DataError: The batches are of another kind, or a value in the network is not finite.
        OptionError: An option cannot have its value.
    """
    if not isinstance(net, Net):
        raise DataError(f"net: must be what autosplit.capture gives, got {type(net).__name__}")
    options = StatsOptions(
        metric=metric, clipping=clipping, rounding=rounding, jpeg_quality=jpeg_quality, seed=seed
    )
    given = input_batches(net, batches, batch_size)
    images, meter = images_in(batches), None
    if are_pictures(images):
        (shape,) = net.graph.inputs.values()
        meter = input_meter(net.model.preprocess, (1, *shape), jpeg_quality)
    measuring = Measuring(net.program, given, options, meter)
    total = 0 if images is None else measuring.passes * len(images)
    with progress(f"stats: {net.name}", total) as advance:
        stats = measure_network(measuring, advance)
    warn_of_inputs(net.program, stats, next(iter(given())))
    return stats

"""Batches of images that a program can run: their size, and those that fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from autosplit.capture.program import Program
from autosplit.data.images import BatchInputs, Images, Labels, count_of
from autosplit.errors import DataError

LabelledBatches = Callable[[], Iterable[tuple[BatchInputs, Labels | None]]]
"""Gives the same batches, (images, labels), each time it is called; labels may be None."""
BATCH_ELEMENTS = 4_000_000
"""Input elements of a batch: enough to keep the cores busy, and few enough to fit in memory."""
MOST_IMAGES = 256
"""Most images of a batch."""
LIVE_BYTES = 2**31
"""Memory that the tensors of calibration images may take while plans are finished on them."""


def batch_size(program: Program, asked: int | None) -> int:
    """Choose how many images are run at once.

    A program that is bound to a batch size takes that size, then comes the size asked for, then one
    that suits the elements of an image.

    Args:
        program: The captured network.
        asked: The size asked for, if any.
    """
    elements = sum(program.graph.elements(name) for name in program.graph.inputs)
    suited = min(MOST_IMAGES, max(16, BATCH_ELEMENTS // elements))
    return program.batch_size or asked or suited


def step_size(program: Program, asked: int | None) -> int:
    """Choose how many images are run at once in an evaluation.

    As ``batch_size``, except that the size suits the network's largest tensor if none is asked for.

    Args:
        program: The captured network.
        asked: The size asked for, if any.
    """
    return batch_size(program, asked or min(MOST_IMAGES, program.step))


def batches_of(images: Images, program: Program, asked: int | None) -> LabelledBatches:
    """Divide images into batches that a program can run.

    A program that is bound to a batch size gets whole batches only.

    Args:
        images: Images; those after the last whole batch are left out if the program is bound to a
            batch size.
        program: The captured network.
        asked: Number of images to run at once, if the caller asks for one.

    Raises:
        DataError: There are not enough images for one whole batch.
    """
    size = batch_size(program, asked)
    if program.batch_size is None:
        return lambda: images.batches(size)
    if len(images) < size:
        raise too_few(len(images), size)
    return lambda: (batch for batch in images.batches(size) if count_of(batch[0]) == size)


def too_few(count: int, size: int) -> DataError:
    """Make the error for a data set that has not enough images for one whole batch."""
    return DataError(
        f"data: must have at least {size} samples, for the network runs whole batches of "
        f"{size} only, got {count}"
    )


def first_batches(
    batches: LabelledBatches, program: Program
) -> Callable[[], Iterator[BatchInputs]]:
    """Take the first batches, as many as leave the network's live tensors in ``LIVE_BYTES``."""
    graph = program.graph
    everything = graph.prefix(len(graph.layers))
    live = max(sum(map(graph.elements, tensors)) for tensors in everything.live)
    most = max(LIVE_BYTES // (8 * live), 1)  # two copies of four bytes

    def first() -> Iterator[BatchInputs]:
        seen = 0
        for images, _ in batches():
            if seen and seen + count_of(images) > most:
                return
            seen += count_of(images)
            yield images

    return first

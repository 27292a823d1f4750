"""LabelledBatches that a program can run: how large they are, and how many are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from torch import Tensor

from autosplit.capture.program import Program
from autosplit.data.images import Images, Labels
from autosplit.errors import DataError

LabelledBatches = Callable[[], Iterable[tuple[Tensor, Labels | None]]]
"""Gives the same (images, labels) batches each time it is called; labels may be None."""
BATCH_ELEMENTS = 4_000_000
"""Input elements of a batch: enough to keep the cores busy, few enough to stay out of swap."""
MOST_IMAGES = 256
"""Images of a batch, however small they are."""
LIVE_BYTES = 2**31
"""Memory that calibration images may take while plans are finished on them."""


def batch_size(program: Program, asked: int | None) -> int:
    """Images per step: what the program is bound to, what was asked for, or what suits the size.

    Args:
        program: The captured network.
        asked: What was asked for, None for nothing.
    """
    elements = sum(program.graph.elements(name) for name in program.graph.inputs)
    suited = min(MOST_IMAGES, max(16, BATCH_ELEMENTS // elements))
    return program.batch_size or asked or suited


def step_size(program: Program, asked: int | None) -> int:
    """Images per step of an evaluation: as for ``batch_size``, by the largest tensor if not asked.

    Args:
        program: The captured network.
        asked: What was asked for, None for nothing.
    """
    return batch_size(program, asked or min(MOST_IMAGES, program.step))


def batches_of(images: Images, program: Program, asked: int | None) -> LabelledBatches:
    """Divide images into batches that a program can run.

    A program that is bound to a batch size gets whole batches only.

    Args:
        images: The images; what is left over after the last whole batch is left out.
        program: The captured network.
        asked: Images per step as asked for, None for nothing.

    Raises:
        DataError: There are not enough images for one whole batch.
    """
    size = batch_size(program, asked)
    if program.batch_size is None:
        return lambda: images.batches(size)
    if len(images) < size:
        raise too_few(len(images), size)
    return lambda: (batch for batch in images.batches(size) if len(batch[0]) == size)


def too_few(count: int, size: int) -> DataError:
    """The error for a data set that has not enough images for one whole batch."""
    return DataError(
        f"data: must have at least {size} images, for the network runs whole batches of "
        f"{size} only, got {count}"
    )


def few(batches: LabelledBatches, program: Program) -> Callable[[], Iterator[Tensor]]:
    """The first batches, as many as can be kept at all of a network's live tensors at once."""
    graph = program.graph
    everything = graph.prefix(len(graph.layers))
    live = max(sum(map(graph.elements, tensors)) for tensors in everything.live)
    most = max(LIVE_BYTES // (8 * live), 1)  # two copies of four bytes

    def some() -> Iterator[Tensor]:
        seen = 0
        for images, _ in batches():
            if seen and seen + len(images) > most:
                return
            seen += len(images)
            yield images

    return some

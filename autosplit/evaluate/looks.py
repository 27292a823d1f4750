"""Images in the order in which they are run, in the groups after which early stopping looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from autosplit.capture.program import Program
from autosplit.data.images import BatchInputs, Images, Labels, bytes_of, count_of, leading_input
from autosplit.errors import DataError, counted
from autosplit.evaluate.batches import step_size, too_few
from autosplit.evaluate.early_stop import Places, divide_into_looks

CACHE_BYTES = 2**30
"""Decoded evaluation images are kept in memory up to this size, else read again for each plan."""


@dataclass(frozen=True)
class Looks:
    """Images in the order in which they are run, in groups; kept in memory if they fit.

    Attributes:
        images: Images of the evaluation.
        size: Number of images that are run at once.
        parts: Numbers of the images of each group, from ``early_stop.divide_into_looks``.
    """

    images: Images
    size: int
    parts: tuple[Places, ...]
    _kept: dict[int, list[tuple[BatchInputs, Labels]]] = field(default_factory=dict)

    @classmethod
    def of(cls, images: Images, program: Program, asked: int | None, seed: int) -> Looks:
        """Divide images into groups that a program can run.

        Args:
            images: Images of the evaluation; if the program is bound to a batch size, the images
                after the last whole batch are left out.
            program: The captured network.
            asked: Number of images to run at once, if the caller asks for one.
            seed: Seed of the random order.

        Raises:
            DataError: There are not enough images for one whole batch.
        """
        whole = program.batch_size or 1
        count = len(images) // whole * whole
        if not count:
            raise too_few(len(images), whole)
        return cls(images, step_size(program, asked), divide_into_looks(count, seed, whole))

    def count_of(self, inputs: BatchInputs) -> int:
        """Number of images in a batch."""
        return count_of(inputs, getattr(self.images, "axes", ()))

    @property
    def total(self) -> int:
        """Number of images."""
        return sum(map(len, self.parts))

    @property
    def extremes(self) -> tuple[float, float]:
        """Least and greatest value of the first input in the first group."""
        ends = [leading_input(inputs).aminmax() for inputs, _ in self._batches(0, self.parts[0])]
        return min(float(end.min) for end in ends), max(float(end.max) for end in ends)

    def after(self, seen: int) -> Iterator[Iterable[tuple[BatchInputs, Labels]]]:
        """Yield the batches of each group after those that were run already.

        Args:
            seen: Number of images that were run already, where a group ends.

        Raises:
            DataError: The images of a group are fewer than on an earlier pass.
        """
        for number, part in enumerate(self.parts):
            if seen <= 0:
                yield self._batches(number, part)
            seen -= len(part)

    def _batches(self, number: int, part: Places) -> Iterator[tuple[BatchInputs, Labels]]:
        if number in self._kept:
            yield from self._kept[number]
            return
        kept: list[tuple[BatchInputs, Labels]] = []
        room = CACHE_BYTES - sum(bytes_of(b[0]) for group in self._kept.values() for b in group)
        count = 0
        for batch in self.images.batches(self.size, part.tolist()):
            count += self.count_of(batch[0])
            room -= bytes_of(batch[0])
            if room >= 0:
                kept.append(batch)
            yield batch
        if count != len(part):
            raise DataError(
                f"evaluation data: must give the same {counted(self.total, 'sample')} on each "
                "pass, got fewer"
            )
        if room >= 0:
            self._kept[number] = kept

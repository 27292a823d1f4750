"""Images in the order in which they are run, in groups that early stopping looks at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from torch import Tensor

from autosplit.capture.program import Program
from autosplit.data.images import Images, Labels
from autosplit.errors import DataError
from autosplit.evaluate.batches import step_size, too_few
from autosplit.evaluate.early_stop import Places, looks

CACHE_BYTES = 2**30
"""Decoded evaluation images are kept in memory up to this size, else read again for each plan."""


@dataclass(frozen=True)
class Looks:
    """Images in the order in which they are run, in groups; decoded once if they are few.

    Attributes:
        images: The images.
        size: Images per step.
        parts: Numbers of the images of each group, from ``looks.looks``.
    """

    images: Images
    size: int
    parts: tuple[Places, ...]
    _kept: dict[int, list[tuple[Tensor, Labels | None]]] = field(default_factory=dict)

    @classmethod
    def of(cls, images: Images, program: Program, asked: int | None, seed: int) -> Looks:
        """Groups of images that a program can run.

        Args:
            images: The images; what is left over after the last whole batch is left out if the
                program is bound to a batch size.
            program: The captured network.
            asked: Images per step as asked for, None for nothing.
            seed: Of the order.

        Raises:
            DataError: There are not enough images for one whole batch.
        """
        whole = program.batch_size or 1
        count = len(images) // whole * whole
        if not count:
            raise too_few(len(images), whole)
        return cls(images, step_size(program, asked), looks(count, seed, whole))

    @property
    def total(self) -> int:
        """Number of images."""
        return sum(map(len, self.parts))

    @property
    def extremes(self) -> tuple[float, float]:
        """Least and greatest value of the images of the first group."""
        ends = [images.aminmax() for images, _ in self._batches(0, self.parts[0])]
        return min(float(end.min) for end in ends), max(float(end.max) for end in ends)

    def after(self, seen: int) -> Iterator[Iterable[tuple[Tensor, Labels | None]]]:
        """Batches of each group, one after the other, behind the images already run.

        Raises:
            DataError: That is not where a group ends, or a group has changed.
        """
        for number, part in enumerate(self.parts):
            if seen <= 0:
                yield self._batches(number, part)
            seen -= len(part)

    def _batches(self, number: int, part: Places) -> Iterator[tuple[Tensor, Labels | None]]:
        if number in self._kept:
            yield from self._kept[number]
            return
        kept: list[tuple[Tensor, Labels | None]] = []
        room = CACHE_BYTES - sum(b[0].nbytes for group in self._kept.values() for b in group)
        count = 0
        for batch in self.images.batches(self.size, part.tolist()):
            count += len(batch[0])
            room -= batch[0].nbytes
            if room >= 0:
                kept.append(batch)
            yield batch
        if count != len(part):
            raise DataError(
                f"evaluation data: must give the same {self.total} images on each pass, got fewer"
            )
        if room >= 0:
            self._kept[number] = kept

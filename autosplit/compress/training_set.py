"""Samples to train on, in random batches, and a held-out part that chooses what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from autosplit.data.images import Images, Labels
from autosplit.errors import DataError

HELD_OUT_SHARE = 12
"""One of so many samples is held out."""
MOST_HELD_OUT = 4096
"""Most samples that are held out."""
_KEPT_BYTES = 2**30


@dataclass
class TrainingSet:
    """Samples with one input, and their labels where they have any.

    Attributes:
        images: The samples.
        seed: Seed of their order.
    """

    images: Images
    seed: int = 0

    def __post_init__(self) -> None:
        count = len(self.images)
        held = min(count // HELD_OUT_SHARE, MOST_HELD_OUT)
        if held < 1:
            raise DataError(
                f"training data: must hold at least {HELD_OUT_SHARE} samples, got {count}; "
                "name more with --data"
            )
        order = torch.randperm(count, generator=torch.Generator().manual_seed(self.seed))
        self.held, self.trained = order[:held], order[held:]
        (first, _) = next(self.images.batches(1))
        if not isinstance(first, Tensor):
            raise DataError(f"training data: must have one input, got {len(first)}")
        self._inputs: Tensor | None = None
        self._labels: Labels | None = None
        if first.nbytes * count <= _KEPT_BYTES:
            parts = list(self.images.batches(1024))
            self._inputs = torch.cat([x for x, _ in parts if isinstance(x, Tensor)])
            if self.images.has_labels and isinstance(parts[0][1], Tensor):
                self._labels = torch.cat([labels for _, labels in parts])
            elif self.images.has_labels:
                self._labels = [label for _, labels in parts for label in labels]

    def steps(self, batch: int) -> int:
        """Batches of an epoch, the last one whole."""
        return max(len(self.trained) // batch, 1)

    def epoch(self, number: int, batch: int) -> Iterator[tuple[Tensor, Labels | None]]:
        """Samples of an epoch in random order, which the seed and the number decide."""
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        order = self.trained[torch.randperm(len(self.trained), generator=random)]
        for chosen in order.split(batch)[: self.steps(batch)]:
            yield self._some(chosen)

    def held_out(self, batch: int) -> Iterator[tuple[Tensor, Labels | None]]:
        """The held-out samples."""
        return (self._some(chosen) for chosen in self.held.split(batch))

    def _some(self, places: Tensor) -> tuple[Tensor, Labels | None]:
        if self._inputs is not None:
            return self._inputs[places], self._labels_at(places)
        chosen = sorted(places.tolist())
        inputs, labels = next(self.images.batches(len(chosen), chosen))
        assert isinstance(inputs, Tensor)
        return inputs, labels

    def _labels_at(self, places: Tensor) -> Labels | None:
        if self._labels is None or isinstance(self._labels, Tensor):
            return None if self._labels is None else self._labels[places]
        return tuple(self._labels[place] for place in places.tolist())

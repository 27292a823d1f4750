"""Images in a fixed order, read anew on every pass, one batch in memory at a time."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from autosplit.data.coco import Truth
from autosplit.errors import DataError

Label = int | Truth
"""The number of an image's class, or the annotated boxes of a picture."""
Labels = Tensor | tuple[Truth, ...]
"""Labels of a batch: classes, int64 of shape (n,), or the annotated boxes of each picture."""
LabelledImage = tuple[Tensor, Label | None]
"""A network input, float32 of shape (C, H, W), and its label, if it has one."""


class ImageSource(Protocol):
    """Where images come from; a source can be gone through any number of times."""

    def __iter__(self) -> Iterator[LabelledImage]:
        """Yield each network input with its label."""

    def at(self, places: Sequence[int]) -> Iterator[LabelledImage]:
        """Yield the inputs at these places, numbers from 0, ascending."""

    def raw(self) -> Iterator[tuple[bytes, Label | None]]:
        """Yield the bytes that each input is made from, with its label."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The first images of a source, or all of them.

    Attributes:
        source: Where the images come from.
        limit: How many images to take at most, all when None.
        count: How many images there are.
        has_labels: Whether every image has a label.
        sha256: Hash of the bytes that the images are made from and of their labels, in order.
    """

    source: ImageSource
    limit: int | None = None
    count: int = field(init=False)
    has_labels: bool = field(init=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        """Go through the images once, without decoding them."""
        digest = hashlib.sha256()
        labels = []
        for content, label in islice(self.source.raw(), self.limit):
            digest.update(f"{len(content)} {label}\n".encode())
            digest.update(content)
            labels.append(label is not None)
        if any(labels) and not all(labels):
            raise DataError(
                f"data: must label every image or none, {labels.count(False)} have none"
            )
        object.__setattr__(self, "count", len(labels))
        object.__setattr__(self, "has_labels", bool(labels) and all(labels))
        object.__setattr__(self, "sha256", digest.hexdigest())

    def __len__(self) -> int:
        return self.count

    def batches(
        self, size: int, places: Sequence[int] | None = None
    ) -> Iterator[tuple[Tensor, Labels | None]]:
        """Yield the images in batches, the last one perhaps smaller.

        Args:
            size: Images a batch, at least 1.
            places: Numbers of the images to take, from 0, ascending; all of them when None.

        Yields:
            Inputs, float32 of shape (n, C, H, W), and their labels, or None.

        Raises:
            DataError: An image cannot be read, or is not of the shape of the others.
        """
        source = self.source
        remaining = islice(source, self.limit) if places is None else source.at(places)
        while batch := list(islice(remaining, size)):
            shapes = {tuple(image.shape) for image, _ in batch}
            if len(shapes) > 1:
                found = " and ".join(map(str, sorted(shapes)))
                raise DataError(f"data: images must all have one shape, got {found}")
            labels = _stack([label for _, label in batch]) if self.has_labels else None
            yield torch.stack([image for image, _ in batch]), labels


def images_at(images: Iterator[LabelledImage], places: Sequence[int]) -> Iterator[LabelledImage]:
    """Yield the images at these places, for a source that can only be read from its beginning."""
    wanted = frozenset(places)
    read = islice(images, max(wanted, default=-1) + 1)
    return (image for place, image in enumerate(read) if place in wanted)


def _stack(labels: list[Label | None]) -> Labels:
    """Labels of one batch, all of one kind."""
    truths = tuple(label for label in labels if isinstance(label, Truth))
    return truths or torch.tensor(labels)

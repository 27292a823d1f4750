"""Samples in a fixed order, read anew on every pass, one batch in memory at a time."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor

from autosplit.data.coco import Truth
from autosplit.errors import DataError

Label = Any
"""The number of an image's class, the annotated boxes of a picture, a number, a tensor such as the
class of each pixel, or a tuple or dictionary of these for several outputs."""
Labels = Any
"""Labels of a batch: classes, int64 of shape (n,), the annotated boxes of each picture, another
tensor (n, ...), or a tuple or dictionary of these."""
BatchInputs = Tensor | tuple[Tensor, ...]
"""A network's input, or its inputs in their order; each of a batch, or of one sample."""
LabelledImage = tuple[BatchInputs, Label]
"""A sample: an input such as an image, float32 of shape (C, H, W), or a tuple with one tensor for
each input, and its label or None."""


class ImageSource(Protocol):
    """Where images come from; a source can be gone through any number of times."""

    def __iter__(self) -> Iterator[LabelledImage]:
        """Yield each network input with its label."""

    def at(self, places: Sequence[int]) -> Iterator[LabelledImage]:
        """Yield the inputs at these places, numbers from 0, ascending."""

    def raw(self) -> Iterator[tuple[bytes, Label]]:
        """Yield the bytes that each input is made from, with its label."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The first samples of a source, or all of them.

    Attributes:
        source: Where the samples come from.
        limit: How many samples to take at most, all when None.
        axes: Where the batch is in each input of the network; first when empty.
        count: How many samples there are.
        has_labels: Whether every sample has a label.
        sha256: Hash of the bytes that the samples are made from and of their labels, in order.
    """

    source: ImageSource
    limit: int | None = None
    axes: tuple[int | None, ...] = ()
    count: int = field(init=False)
    has_labels: bool = field(init=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        """Go through the samples once, without decoding them."""
        digest = hashlib.sha256()
        labels = []
        for content, label in islice(self.source.raw(), self.limit):
            digest.update(f"{len(content)} {_shown(label)}\n".encode())
            digest.update(content)
            labels.append(label is not None)
        if any(labels) and not all(labels):
            raise DataError(
                f"data: must label every sample or none, {labels.count(False)} have none"
            )
        object.__setattr__(self, "count", len(labels))
        object.__setattr__(self, "has_labels", bool(labels) and all(labels))
        object.__setattr__(self, "sha256", digest.hexdigest())

    def __len__(self) -> int:
        return self.count

    def batches(
        self, size: int, places: Sequence[int] | None = None
    ) -> Iterator[tuple[BatchInputs, Labels]]:
        """Yield the samples in batches, the last one perhaps smaller.

        Args:
            size: Samples a batch, at least 1.
            places: Numbers of the samples to take, from 0, ascending; all of them when None.

        Yields:
            BatchInputs, such as float32 of shape (n, C, H, W), or a tuple with one tensor for each
            input of the network; and their labels, or None.

        Raises:
            DataError: A sample cannot be read, or is not of the shape of the others.
        """
        source = self.source
        remaining = islice(source, self.limit) if places is None else source.at(places)
        while batch := list(islice(remaining, size)):
            labels = stack_labels([label for _, label in batch]) if self.has_labels else None
            yield self._stacked([inputs for inputs, _ in batch]), labels

    def _stacked(self, samples: list[BatchInputs]) -> BatchInputs:
        if isinstance(samples[0], Tensor):
            return _stack(samples, self.axes[0] if self.axes else 0)
        axes = self.axes or (0,) * len(samples[0])
        columns = zip(*samples, strict=True)
        return tuple(_stack(column, axis) for column, axis in zip(columns, axes, strict=True))


def _stack(values: Sequence[Any], axis: int | None) -> Tensor:
    shapes = {tuple(value.shape) for value in values}
    if len(shapes) > 1:
        found = " and ".join(map(str, sorted(shapes)))
        raise DataError(f"data: samples must all have one shape, got {found}")
    return values[0] if axis is None else torch.stack(list(values), axis)


def count_of(inputs: BatchInputs, axes: Sequence[int | None] = ()) -> int:
    """Number of samples in a batch.

    Args:
        inputs: A network's inputs.
        axes: Where the batch is in each; first when empty.
    """
    if isinstance(inputs, Tensor):
        return inputs.shape[(axes[0] if axes else 0) or 0]
    axes = axes or (0,) * len(inputs)
    place, axis = next((p, axis) for p, axis in enumerate(axes) if axis is not None)
    return inputs[place].shape[axis]


def leading_input(inputs: BatchInputs) -> Tensor:
    """The first of a network's inputs."""
    return inputs if isinstance(inputs, Tensor) else inputs[0]


def bytes_of(inputs: BatchInputs) -> int:
    """Bytes that a batch takes in memory."""
    return inputs.nbytes if isinstance(inputs, Tensor) else sum(value.nbytes for value in inputs)


def images_at(images: Iterator[LabelledImage], places: Sequence[int]) -> Iterator[LabelledImage]:
    """Yield the images at these places, for a source that can only be read from its beginning."""
    wanted = frozenset(places)
    read = islice(images, max(wanted, default=-1) + 1)
    return (image for place, image in enumerate(read) if place in wanted)


def stack_labels(labels: Sequence[Label]) -> Labels:
    """Stack the labels of samples to those of a batch; all of them are of one kind.

    Raises:
        DataError: Labels of tensors are of several shapes.
    """
    first = labels[0]
    if isinstance(first, Truth):
        return tuple(labels)
    if isinstance(first, Mapping):
        return {key: stack_labels([label[key] for label in labels]) for key in first}
    if isinstance(first, tuple):
        return [stack_labels(list(column)) for column in zip(*labels, strict=True)]
    if isinstance(first, Tensor):
        return _stack(labels, 0)
    return torch.tensor(labels)


def _shown(label: Label) -> str:
    """A label as text that is equal for equal labels."""
    if isinstance(label, Tensor):
        numbers = label.contiguous().view(-1)
        return f"{label.dtype} {tuple(label.shape)} {numbers.numpy().tobytes().hex()}"
    if isinstance(label, Mapping):
        return " ".join(f"{key}: {_shown(value)}" for key, value in label.items())
    if isinstance(label, tuple):
        return " ".join(map(_shown, label))
    return str(label)

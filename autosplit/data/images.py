"""Images from files and functions, in a fixed order, one batch in memory at a time."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from autosplit.data.coco import Truth
from autosplit.data.idx import idx_shape, iterate_idx
from autosplit.data.python_file import call_function
from autosplit.errors import DataError

Preprocess = Callable[[Image.Image], Tensor]
Label = int | Truth
"""The number of an image's class, or what is to be found in it."""
Labels = Tensor | tuple[Truth, ...]
"""Labels of a batch: classes, int64 of shape (n,), or what is to be found in each image."""
Labelled = tuple[Tensor, Label | None]


class Source(Protocol):
    """Where images come from; they can be gone through any number of times."""

    def __iter__(self) -> Iterator[Labelled]:
        """Yield each network input, float32 of shape (C, H, W), with its label if it has one."""

    def raw(self) -> Iterator[tuple[bytes, Label | None]]:
        """Yield the bytes that each input is made from, with its label."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Images in a fixed order, read anew, one batch in memory at a time, on every pass.

    Attributes:
        source: where they come from.
        limit: how many to take at most, all when None.
        count: how many there are.
        has_labels: whether every image has a label.
        sha256: of the bytes that the images are made from and their labels, in order.
    """

    source: Source
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
            size: images a batch, at least 1.
            places: numbers of the images to take, ascending; all of them when None.

        Yields:
            Inputs, float32 of shape (n, C, H, W), and their labels, or None.

        Raises:
            DataError: An image cannot be read, or is not of the shape of the others.
        """
        remaining = self._taken(places)
        while batch := list(islice(remaining, size)):
            shapes = {tuple(image.shape) for image, _ in batch}
            if len(shapes) > 1:
                found = " and ".join(map(str, sorted(shapes)))
                raise DataError(f"data: images must all have one shape, got {found}")
            labels = _stack([label for _, label in batch]) if self.has_labels else None
            yield torch.stack([image for image, _ in batch]), labels

    def _taken(self, places: Sequence[int] | None) -> Iterator[Labelled]:
        """Go through some of the images; files that are not among them are not read."""
        if places is None:
            return islice(self.source, self.limit)
        if isinstance(self.source, Photos):
            files = self.source.files
            return iter(replace(self.source, files=tuple(files[place] for place in places)))
        wanted = frozenset(places)
        read = islice(self.source, max(wanted, default=-1) + 1)
        return (image for place, image in enumerate(read) if place in wanted)


def _stack(labels: list[Label | None]) -> Labels:
    """Labels of one batch, all of one kind."""
    truths = tuple(label for label in labels if isinstance(label, Truth))
    return truths or torch.tensor(labels)


@dataclass(frozen=True, slots=True)
class Photos:
    """Files that Pillow reads, with a label each or None."""

    files: tuple[tuple[Path, Label | None], ...]
    preprocess: Preprocess

    def __iter__(self) -> Iterator[Labelled]:
        for path, label in self.files:
            image = read_photo(path)
            if isinstance(label, Truth) and image.size != (label.width, label.height):
                raise DataError(
                    f"{path}: must be of the size that its annotations say, "
                    f"{label.width}x{label.height}, is {image.width}x{image.height}"
                )
            yield self.preprocess(image), label

    def raw(self) -> Iterator[tuple[bytes, Label | None]]:
        """Yield the bytes of each file."""
        for path, label in self.files:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise DataError(f"{path}: must be readable, {error.strerror}") from error
            yield content, label


def read_photo(path: Path) -> Image.Image:
    """Read a whole image file.

    Raises:
        DataError: It is none, or truncated.
    """
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode.startswith("I;16"):  # Pillow would cut off, not scale, what is above 255
                return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            return image
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow reports some broken PNG files as a SyntaxError.
        text = " ".join(str(error).split())
        raise DataError(f"{path}: must be an image that can be read, got {text}") from error


@dataclass(frozen=True, slots=True)
class IdxPair:
    """A pair of IDX files, images (N, H, W) and labels (N,)."""

    images: Path
    labels: Path
    preprocess: Preprocess

    def __iter__(self) -> Iterator[Labelled]:
        for pixels, label in zip(iterate_idx(self.images), iterate_idx(self.labels), strict=True):
            yield self.preprocess(Image.fromarray(pixels)), int(label)

    def raw(self) -> Iterator[tuple[bytes, Label | None]]:
        """Yield the pixels of each image."""
        image_shape, label_shape = idx_shape(self.images), idx_shape(self.labels)
        if len(image_shape) != 3 or label_shape != image_shape[:1]:
            raise DataError(
                f"{self.labels}: must hold one label for each image of {self.images.name}, "
                f"got shapes {label_shape} and {image_shape}"
            )
        for pixels, label in zip(iterate_idx(self.images), iterate_idx(self.labels), strict=True):
            yield pixels.tobytes(), int(label)


@dataclass(frozen=True, slots=True)
class Batches:
    """Batches that a function of the user returns.

    Attributes:
        spec: ``path/to/file.py:function``.
        part: ``calibration`` or ``evaluation``.
        seed: seed of torch's random generator in the function.
        found: what can be gone through any number of times, such as a list or a loader; None
            where the function gives an iterator, for it is called again on every pass then.
    """

    spec: str
    part: str
    seed: int
    found: Any

    def __iter__(self) -> Iterator[Labelled]:
        found = self.found
        batches = call_parts(self.spec, self.seed)[self.part] if found is None else found
        for batch in batches:
            images, labels = batch if isinstance(batch, (tuple, list)) else (batch, None)
            if not isinstance(images, Tensor) or images.ndim < 2:
                raise DataError(
                    f"{self.spec}: must give batches of image tensors (n, C, H, W), "
                    f"got {type(images).__name__}"
                )
            numbers = [None] * len(images) if labels is None else torch.as_tensor(labels).tolist()
            if not isinstance(numbers, list) or len(numbers) != len(images):
                raise DataError(
                    f"{self.spec}: must give a label for each of {len(images)} images, got {labels}"
                )
            yield from zip(images.float().cpu(), numbers, strict=True)

    def raw(self) -> Iterator[tuple[bytes, Label | None]]:
        """Yield the shape and values of each input."""
        for image, label in self:
            shape = str(tuple(image.shape)).encode()
            yield shape + image.contiguous().numpy().tobytes(), label


def call_parts(spec: str, seed: int) -> Mapping[str, Any]:
    """Call the user's function and return its batches for calibration and for evaluation.

    Raises:
        DataError: It fails, or returns something else.
    """
    found = call_function(spec, DataError, seed)
    if isinstance(found, Mapping):
        missing = {"calibration", "evaluation"} - found.keys()
        if missing:
            raise DataError(f"{spec}: must return calibration and evaluation, lacks {min(missing)}")
        return dict(found)
    if isinstance(found, tuple) and len(found) == 2:
        # A tuple that starts with a tensor is one batch and its labels.
        pair = ([found], [found]) if isinstance(found[0], Tensor) else found
        return {"calibration": pair[0], "evaluation": pair[1]}
    if not isinstance(found, Iterable):
        raise DataError(f"{spec}: must return batches of images, got {type(found).__name__}")
    return {"calibration": found, "evaluation": found}

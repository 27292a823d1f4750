"""Files in the IDX format of MNIST -> arrays of bytes, or network inputs with labels."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autosplit.data.images import Label, LabelledImage, images_at
from autosplit.data.preprocess import ImageToInput
from autosplit.errors import DataError

_UNSIGNED_BYTES = 8


@dataclass(frozen=True, slots=True)
class IdxPair:
    """A pair of IDX files.

    Attributes:
        images: File of grey images, shape (N, H, W).
        labels: File of the number of each image's class, shape (N,).
        preprocess: Makes a network input of an image.
    """

    images: Path
    labels: Path
    preprocess: ImageToInput

    def __iter__(self) -> Iterator[LabelledImage]:
        for pixels, label in zip(iterate_idx(self.images), iterate_idx(self.labels), strict=True):
            yield self.preprocess(Image.fromarray(pixels)), int(label)

    def at(self, places: Sequence[int]) -> Iterator[LabelledImage]:
        """Yield the inputs at these places."""
        return images_at(iter(self), places)

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


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read one file whole; its first axis counts the items.

    Raises:
        DataError: The file is missing, cut short, or not IDX of unsigned bytes.
    """
    shape = idx_shape(path)
    return np.stack(list(iterate_idx(path))) if shape[0] else np.zeros(shape, np.uint8)


def idx_shape(path: Path) -> tuple[int, ...]:
    """Read the shape from the head of one file.

    Raises:
        DataError: As for ``read_idx``.
    """
    with _opened(path) as file:
        return _read_head(file, path)


def iterate_idx(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the items of one file in order, one in memory at a time.

    Raises:
        DataError: As for ``read_idx``.
    """
    with _opened(path) as file:
        count, *shape = _read_head(file, path)
        size = prod(shape)
        for number in range(count):
            raw = file.read(size)
            if len(raw) != size:
                raise DataError(f"{path}: must hold {count} items, ends in the {number + 1}.")
            yield np.frombuffer(raw, np.uint8).reshape(shape)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, gzipped or not, and turn what goes wrong while it is read into one line."""
    try:
        with path.open("rb") as raw:
            zipped = raw.peek(2)[:2] == b"\x1f\x8b"
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if zipped else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: must be a readable IDX file, got {error}") from error


def _read_head(file: IO[bytes], path: Path) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) != 4 or magic[:2] != b"\0\0" or magic[2] != _UNSIGNED_BYTES or not magic[3]:
        raise DataError(f"{path}: must be an IDX file of unsigned bytes, starts with {magic!r}")
    raw = file.read(4 * magic[3])
    if len(raw) != 4 * magic[3]:
        raise DataError(f"{path}: must be an IDX file, ends in its head")
    return tuple(np.frombuffer(raw, ">u4").tolist())

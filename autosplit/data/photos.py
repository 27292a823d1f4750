"""Image files -> network inputs, by Pillow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autosplit.data.coco import Truth
from autosplit.data.images import Label, LabelledImage
from autosplit.data.photo_file import read_photo
from autosplit.data.preprocess import ImageToInput
from autosplit.errors import DataError


@dataclass(frozen=True, slots=True)
class Photos:
    """Files that Pillow reads.

    Attributes:
        files: Each file with its label or None.
        preprocess: Makes a network input of an image.
    """

    files: tuple[tuple[Path, Label | None], ...]
    preprocess: ImageToInput

    def __iter__(self) -> Iterator[LabelledImage]:
        for path, label in self.files:
            image = read_photo(path)
            if isinstance(label, Truth) and image.size != (label.width, label.height):
                raise DataError(
                    f"{path}: must be of the size that its annotations say, "
                    f"{label.width}x{label.height}, is {image.width}x{image.height}"
                )
            yield self.preprocess(image), label

    def at(self, places: Sequence[int]) -> Iterator[LabelledImage]:
        """Yield the inputs at these places; other files are not read."""
        return iter(replace(self, files=tuple(self.files[place] for place in places)))

    def raw(self) -> Iterator[tuple[bytes, Label | None]]:
        """Yield the bytes of each file."""
        for path, label in self.files:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise DataError(f"{path}: must be readable, {error.strerror}") from error
            yield content, label

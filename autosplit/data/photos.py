"""Image files -> network inputs, by Pillow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autosplit.data.coco import Truth
from autosplit.data.dirty import Dirt, LabelRules
from autosplit.data.images import Label, LabelledImage
from autosplit.data.photo_file import photo_size, read_photo
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
            _check_size(path, label, image.size)
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


def of_annotated_size(
    files: Sequence[tuple[Path, Label | None]], source: str, rules: LabelRules
) -> tuple[tuple[tuple[Path, Label | None], ...], tuple[str, ...]]:
    """Leave out pictures that are broken or of another size than their annotations say.

    Args:
        files: Each picture with its label or None.
        source: Name of the data set, for the warning.
        rules: Whether such pictures are refused.

    Returns:
        The other pictures, and what is wrong with each that is left out.

    Raises:
        DataError: All pictures are wrong, or one is and the data set is read strictly.
    """
    dirt = Dirt(source, rules.strict)
    kept = []
    for path, label in files:
        with dirt.collecting():
            if isinstance(label, Truth):
                _check_size(path, label, photo_size(path))
            kept.append((path, label))
    if files and not kept:
        raise DataError(dirt.told[0])
    dirt.tell()
    return tuple(kept), tuple(dirt.told)


def _check_size(path: Path, label: Label | None, size: tuple[int, int]) -> None:
    if isinstance(label, Truth) and size != (label.width, label.height):
        raise DataError(
            f"{path}: must be of the size that its annotations say, "
            f"{label.width}x{label.height}, is {size[0]}x{size[1]}"
        )

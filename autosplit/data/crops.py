"""Square crops of photos -> network inputs, for agreement where labelled photos are few."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from autosplit.data.images import LabelledImage
from autosplit.data.photo_file import photo_size, read_photo
from autosplit.data.preprocess import ImageToInput

Part = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a picture, pixels."""
_SIDES = (0.4, 0.9)
"""Least and largest side of a crop, by the shorter side of its photo."""


@dataclass(frozen=True, slots=True)
class Crops:
    """Parts of image files, without labels: a part of a photo may not show what the photo does.

    Attributes:
        parts: Each file with the part of it.
        preprocess: Makes a network input of an image.
    """

    parts: tuple[tuple[Path, Part], ...]
    preprocess: ImageToInput

    def __iter__(self) -> Iterator[LabelledImage]:
        for path, box in self.parts:
            yield self.preprocess(read_photo(path).crop(box)), None

    def at(self, places: Sequence[int]) -> Iterator[LabelledImage]:
        """Yield the inputs at these places; other files are not read."""
        return iter(replace(self, parts=tuple(self.parts[place] for place in places)))

    def raw(self) -> Iterator[tuple[bytes, None]]:
        """Yield the bytes of each file, and which part of it is taken."""
        for path, box in self.parts:
            yield path.read_bytes() + repr(box).encode(), None


def draw_crops(paths: Sequence[Path], each: int, seed: int) -> tuple[tuple[Path, Part], ...]:
    """Draw square parts of photos, one of each photo in turn.

    Args:
        paths: Image files.
        each: Number of parts of a photo.
        seed: Seed of sides and places.
    """
    random = Random(seed)  # noqa: S311 - no secret
    sizes = [photo_size(path) for path in paths]
    return tuple(
        (path, _part(size, random))
        for _ in range(each)
        for path, size in zip(paths, sizes, strict=True)
    )


def _part(size: tuple[int, int], random: Random) -> Part:
    width, height = size
    side = round(min(size) * random.uniform(*_SIDES))
    left, top = random.randint(0, width - side), random.randint(0, height - side)
    return left, top, left + side, top + side

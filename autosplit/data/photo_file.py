"""One image file, read whole: turned as its camera says, 8 bits a channel; without torch."""

import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from autosplit.errors import DataError, warn


def read_photo(path: Path) -> Image.Image:
    """Read a whole image file, turned as its camera says (EXIF), at most 8 bits a channel.

    Pictures of more bits are scaled to 0..255, by their type for 16 bits, else by the smallest of 1
    (for fractions), 255, 65535 and 2^32 - 1 that holds their largest value, or by this value with a
    warning where such a scale would leave the picture nearly black.  Of several pages or frames the
    first is taken, with a warning; the previews that telephones add to a JPEG file are not counted.

    Raises:
        DataError: The file is no image, or is truncated, or holds values that are no brightness.
    """
    try:
        # Pillow warns of broken EXIF data and of many pixels.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            pages = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
            image.load()
            turned = ImageOps.exif_transpose(image)
    except BROKEN as error:
        raise broken_photo(path, error) from error
    if pages > 1:
        warn(f"{path}: has {pages} pictures, the first is taken")
    return _scaled(turned, path)


BROKEN = (
    *(OSError, SyntaxError, ValueError, LookupError, EOFError, struct.error),
    Image.DecompressionBombError,
)
"""What Pillow raises where a file is broken; each kind of file has its own."""


def broken_photo(path: Path, error: Exception, what: str = "an image") -> DataError:
    """The error of a file that Pillow does not read.

    Args:
        path: The file.
        error: What Pillow raised, one of ``BROKEN``.
        what: What the file should be.
    """
    return DataError(f"{path}: must be {what} that can be read, {_reason(path, error)}")


def _reason(path: Path, error: Exception) -> str:
    """Why a file is no image, without its name."""
    if path.is_dir():
        return "is a folder"
    if not path.exists():
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "may not be read"
    if not path.stat().st_size:
        return "is empty"
    if isinstance(error, UnidentifiedImageError):
        return "is of no kind that Pillow knows"
    return "got " + " ".join(str(error).split())


def photo_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file, pixels, turned as its camera says; its head is read alone.

    Raises:
        DataError: The file is no image.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            width, height = image.size
            lies = image.getexif().get(ExifTags.Base.Orientation) in _LYING
    except BROKEN as error:
        raise broken_photo(path, error) from error
    return (height, width) if lies else (width, height)


_LYING = {5, 6, 7, 8}
"""EXIF orientations of pictures whose width and height are exchanged when they are shown."""


def _scaled(image: Image.Image, path: Path) -> Image.Image:
    """Make 8 bits of more; Pillow would cut off, not scale, what is above 255."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float64)
        limit = 65535.0
        levels = np.asarray(image) >> 8
    elif image.mode in ("I", "F"):
        values = np.asarray(image).astype(np.float64)
        if image.mode == "I":  # Pillow reads unsigned numbers of 32 bits as signed ones
            values = np.where(values < 0, values + 2.0**32, values)
        if not np.isfinite(values).all() or values.min() < 0:
            raise DataError(f"{path}: must hold finite brightness of 0 or more, holds other values")
        limit = _white(float(values.max()), image.mode == "F", path)
        levels = np.minimum(np.rint(values * (255 / limit)), 255)
    else:
        return image
    most = float(values.max())
    if 0 < most <= limit * DARK:
        warn(f"{path}: is nearly black, its largest value is {most:g} and white is {limit:g}")
    return Image.fromarray(levels.astype(np.uint8))


def _white(most: float, fractions: bool, path: Path) -> float:
    """The value of white in a picture of which the largest value is known."""
    limits = (*((1.0,) if fractions else ()), 255.0, 65535.0, 2.0**32 - 1)
    place = next((i for i, limit in enumerate(limits) if most <= limit * OVER), len(limits))
    if place == 0 or (place < len(limits) and most > limits[place] * DARK):
        return float(limits[place])
    usual = ", ".join(f"{limit:g}" for limit in limits)
    warn(
        f"{path}: its largest value, {most:g}, is taken for white, because it is near to none of "
        f"the usual ones ({usual})"
    )
    return most


OVER = 1.02
"""Values up to this many times a usual white are that white and a little noise, and are clipped."""
DARK = 1 / 16
"""A picture without values above this part of white is nearly black: 4 of 8 bits are not used."""

"""One image file, read whole: turned as its camera says, 8 bits a channel; without torch."""

import importlib
import struct
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
        colours = _wide_colours(path) if isinstance(error, UnidentifiedImageError) else None
        if colours is None:
            raise broken_photo(path, error) from error
        return Image.fromarray(_eight_bits(colours, path))
    if pages > 1:
        warn(f"{path}: has {pages} pictures, the first is taken")
    return _scaled(turned, path)


def _wide_colours(path: Path) -> NDArray[Any] | None:
    """Colours of a TIFF file of 32 or 64 bits a channel (H, W, 3), which Pillow does not read.

    Returns:
        None if the file is of another kind, or OpenCV is not installed (``autosplit[video]``).
    """
    if path.suffix.lower() not in (".tif", ".tiff") or find_spec("cv2") is None:
        return None
    cv2 = importlib.import_module("cv2")
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(before)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        return None
    return np.asarray(pixels[:, :, 2::-1])  # blue comes first there


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
        colours = _wide_colours(path) if isinstance(error, UnidentifiedImageError) else None
        if colours is None:
            raise broken_photo(path, error) from error
        return colours.shape[1], colours.shape[0]
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
            values = np.where(values < 0, values + 2.0**32, values).astype(np.uint32)
        return Image.fromarray(_eight_bits(values, path))
    else:
        return image
    _warn_of_darkness(float(values.max()), limit, path)
    return Image.fromarray(levels.astype(np.uint8))


def _eight_bits(pixels: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Scale 32-bit integers or fractions of any shape to 0..255.

    Raises:
        DataError: Values are far below 0, or none is finite.
    """
    values = pixels.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        raise DataError(f"{path}: must hold finite brightness, holds none")
    if not finite.all():
        count = int((~finite).sum())
        warn(f"{path}: {count:,} of {values.size:,} values are not finite and count as black")
        values = np.where(finite, values, 0.0)
    most = float(values.max())
    limit = _white(most, pixels.dtype.kind == "f", path)
    if values.min() < (1 - OVER) * limit:
        raise DataError(f"{path}: must hold brightness of 0 or more, holds {values.min():g}")
    _warn_of_darkness(most, limit, path)
    return np.clip(np.rint(values * (255 / limit)), 0, 255).astype(np.uint8)


def _warn_of_darkness(most: float, limit: float, path: Path) -> None:
    if 0 < most <= limit * DARK:
        warn(f"{path}: is nearly black, its largest value is {most:g} and white is {limit:g}")


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
"""Values up to this many times a usual white are that white and a little noise, and are clipped; so
are values as far below 0."""
DARK = 1 / 16
"""A picture without values above this part of white is nearly black: 4 of 8 bits are not used."""

"""One image file, read whole: turned as its camera says, 8 bits a channel; without torch."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from autosplit.errors import DataError


def read_photo(path: Path) -> Image.Image:
    """Read a whole image file, turned as its camera says (EXIF), at most 8 bits a channel.

    Pictures of more bits are scaled to 0..255, by their type for 16 bits, else by the smallest of 1
    (for fractions), 255, 65535 and 2^32 - 1 that holds their largest value.

    Raises:
        DataError: The file is no image, or is truncated, or holds values that are no brightness.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return _scaled(ImageOps.exif_transpose(image), path)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow reports some broken PNG files as a SyntaxError.
        text = " ".join(str(error).split())
        raise DataError(f"{path}: must be an image that can be read, got {text}") from error


def _scaled(image: Image.Image, path: Path) -> Image.Image:
    """Make 8 bits of more; Pillow would cut off, not scale, what is above 255."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode not in ("I", "F"):
        return image
    values = np.asarray(image).astype(np.float64)
    if image.mode == "I":  # Pillow reads unsigned numbers of 32 bits as signed ones
        values = np.where(values < 0, values + 2.0**32, values)
    if not np.isfinite(values).all() or values.min() < 0:
        raise DataError(f"{path}: must hold finite brightness of 0 or more, holds other values")
    most = float(values.max())
    limits = (*((1.0,) if image.mode == "F" else ()), 255.0, 65535.0, 2.0**32 - 1)
    limit = next((limit for limit in limits if most <= limit), most)
    return Image.fromarray(np.rint(values * (255 / limit)).astype(np.uint8))

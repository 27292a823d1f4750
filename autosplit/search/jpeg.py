"""The network's input as a JPEG file: how many bytes it takes, and what the cloud sees of it."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from autosplit.errors import DataError

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class InputCoding:
    """How the network's one input travels when it is compressed before it is sent.

    Attributes:
        quality: JPEG quality, 1..95 (libjpeg's scale, 4:2:0 chroma).
        bytes: Mean size of an image's file, measured, more than 0.
        distortion: Of the network's input after decoding, noise over signal as in
            ``stats.Distortion``; at least 0.

    Raises:
        DataError: A value is out of range.
    """

    quality: int
    bytes: float
    distortion: float

    def __post_init__(self) -> None:
        _check_quality(self.quality)
        if not (math.isfinite(self.bytes) and self.bytes > 0):
            raise DataError(f"bytes: must be a number > 0, got {self.bytes!r}")
        if not (math.isfinite(self.distortion) and self.distortion >= 0):
            raise DataError(f"distortion: must be a number >= 0, got {self.distortion!r}")


def jpeg_bytes(images: Pixels, quality: int) -> float:
    """Measure the mean size of images as JPEG files.

    Args:
        images: Pixels of shape (N, H, W, C), N at least 1, C 1 (grey) or 3 (RGB).
        quality: 1..95.

    Raises:
        DataError: The images or the quality are not as said above.
    """
    return sum(len(_encoded(image, quality)) for image in _checked(images)) / len(images)


def jpeg_decoded(images: Pixels, quality: int) -> Pixels:
    """What the cloud sees of images sent as JPEG files; arguments as for ``jpeg_bytes``."""
    decoded = np.empty_like(_checked(images))
    for place, image in enumerate(images):
        with Image.open(io.BytesIO(_encoded(image, quality))) as opened:
            decoded[place] = np.asarray(opened).reshape(image.shape)
    return decoded


def _encoded(image: Pixels, quality: int) -> bytes:
    _check_quality(quality)
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=quality)
    return file.getvalue()


def _checked(images: Pixels) -> Pixels:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in {1, 3}:
        raise DataError(
            f"images: must be uint8 of shape (N, H, W, 1 or 3), got {images.dtype} of shape "
            f"{images.shape}"
        )
    if images.size == 0:
        raise DataError(f"images: must not be empty, got shape {images.shape}")
    return images


def _check_quality(quality: int) -> None:
    if type(quality) is not int or not 1 <= quality <= 95:
        raise DataError(f"quality: must be a whole number from 1 to 95, got {quality!r}")

"""A network's input as pictures, and pictures as JPEG files."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from autosplit.errors import DataError

Pixels = npt.NDArray[np.uint8]
InputArray = npt.NDArray[np.float32]


def to_pixels(inputs: InputArray, mean: tuple[float, ...], std: tuple[float, ...]) -> Pixels:
    """Pixels of network inputs: round((x * std + mean) * 255), clamped to 0..255.

    Args:
        inputs: Normalized pixels, float32 of shape (N, C, H, W), C 1 or 3.
        mean: Per channel, of pixels from 0 to 1; shape (C,).
        std: Standard deviation per channel, of the same pixels.

    Returns:
        Shape (N, C, H, W), uint8.

    Raises:
        DataError: The inputs have another shape.
    """
    if inputs.ndim != 4 or inputs.shape[1] != len(mean) or len(mean) not in {1, 3}:
        raise DataError(f"inputs: must have shape (N, {len(mean)}, H, W), got {inputs.shape}")
    centre, spread = _per_channel(mean), _per_channel(std)
    scaled = np.clip(np.rint((inputs * spread + centre) * 255), 0, 255)
    pixels: Pixels = scaled.astype(np.uint8)
    return pixels


def from_pixels(pixels: Pixels, mean: tuple[float, ...], std: tuple[float, ...]) -> InputArray:
    """Network inputs of pixels: (pixel / 255 - mean) / std, of the same shape."""
    values: InputArray = (pixels.astype(np.float32) / np.float32(255) - _per_channel(mean)) / (
        _per_channel(std)
    )
    return values


def encode_jpeg(picture: Pixels, quality: int) -> bytes:
    """One picture of shape (C, H, W), C 1 or 3, as a JPEG file with 4:2:0 chroma.

    Args:
        picture: Pixels.
        quality: libjpeg's scale, 1..95.

    Raises:
        DataError: The quality is out of range.
    """
    check_quality(quality)
    file = io.BytesIO()
    bands = [Image.fromarray(np.ascontiguousarray(band)) for band in picture]
    # Pillow joins channels faster than numpy moves them last
    whole = bands[0] if len(bands) == 1 else Image.merge("RGB", bands)
    whole.save(file, format="JPEG", quality=quality)
    return file.getvalue()


def decode_jpeg(data: bytes | memoryview, shape: tuple[int, ...]) -> Pixels:
    """Pixels of a JPEG file.

    Args:
        data: The file.
        shape: Channels (1 or 3), height and width that it must have.

    Raises:
        DataError: It is no JPEG file, or a picture of another size, which is then not decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as opened:
            found = (len(opened.getbands()), opened.height, opened.width)
            pixels = np.atleast_3d(np.asarray(opened)) if found == tuple(shape) else None
    except Exception as error:  # what Pillow raises for damaged files is of many kinds
        raise DataError(f"jpeg: must be a whole JPEG file, {str(error) or 'it is not':.80}") from (
            error
        )
    if pixels is None:
        raise DataError(f"jpeg: must be a picture of the shape {tuple(shape)}, got {found}")
    return pixels.transpose(2, 0, 1)


def check_quality(quality: int) -> None:
    """Refuse a JPEG quality beyond libjpeg's useful scale.

    Raises:
        DataError: It is no whole number from 1 to 95.
    """
    if type(quality) is not int or not 1 <= quality <= 95:
        raise DataError(f"quality: must be a whole number from 1 to 95, got {quality!r}")


def _per_channel(numbers: tuple[float, ...]) -> InputArray:
    return np.asarray(numbers, np.float32).reshape(1, -1, 1, 1)

"""The network's input as a JPEG file: its bytes, and the distortion of what arrives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from autosplit.errors import DataError
from autosplit.halves.wire.jpeg import (
    InputArray,
    check_quality,
    decode_jpeg,
    encode_jpeg,
    from_pixels,
    to_pixels,
)


@dataclass(frozen=True, slots=True)
class InputCoding:
    """The network's one input sent as a JPEG file, and what was measured of it.

    The network's input is (pixel - mean) / std, with pixels from 0 to 1.

    Attributes:
        quality: JPEG quality, 1..95 (libjpeg's scale, 4:2:0 chroma).
        bytes: Mean size of an image's file, more than 0.
        distortion: Noise over signal of the network's input after decoding, at least 0.
        mean: Mean of each channel, shape (C,), C 1 or 3.
        std: Standard deviation of each channel, shape (C,), positive.

    Raises:
        DataError: A value is out of range.
    """

    quality: int
    bytes: float
    distortion: float
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        check_quality(self.quality)
        if len(self.mean) != len(self.std) or len(self.mean) not in {1, 3}:
            raise DataError(
                f"mean, std: must have 1 or 3 channels both, got {self.mean!r} and {self.std!r}"
            )
        if not all(math.isfinite(number) for number in self.mean + self.std):
            raise DataError(f"mean, std: must be finite, got {self.mean!r} and {self.std!r}")
        if not all(number > 0 for number in self.std):
            raise DataError(f"std: must be numbers > 0, got {self.std!r}")
        if not (math.isfinite(self.bytes) and self.bytes > 0):
            raise DataError(f"bytes: must be a number > 0, got {self.bytes!r}")
        if not (math.isfinite(self.distortion) and self.distortion >= 0):
            raise DataError(f"distortion: must be a number >= 0, got {self.distortion!r}")

    @property
    def sent(self) -> int:
        """Bytes of an image's file, rounded up to a whole number."""
        return math.ceil(self.bytes)


def coding_to_dict(coding: InputCoding) -> dict[str, Any]:
    """A coding as a plan file or ``stats.yaml`` holds it."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(coding).items()
    }


def coding_from_dict(data: Mapping[str, Any]) -> InputCoding:
    """Read what ``coding_to_dict`` gave.

    Raises:
        DataError: A value is out of range.
        KeyError: The mean or the standard deviation is missing.
        TypeError: Another key is missing, or a key is unknown.
    """
    read: dict[str, Any] = dict(data)
    for key in ("mean", "std"):
        read[key] = tuple(read[key])
    return InputCoding(**read)


@dataclass
class InputMeter:
    """Bytes and distortion of a network's inputs as JPEG files, added up batch by batch.

    Attributes:
        quality: 1..95.
        mean: As in ``InputCoding``.
        std: As in ``InputCoding``.
    """

    quality: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    _images: int = 0
    _bytes: int = 0
    _noise: float = 0.0
    _signal: float = 0.0

    def add(self, inputs: InputArray) -> None:
        """Add a batch of network inputs, shape (N, C, H, W)."""
        decoded, sizes = through_jpeg(inputs, self.quality, self.mean, self.std)
        self._images += len(inputs)
        self._bytes += sum(sizes)
        self._noise += float(np.square(decoded.astype(np.float64) - inputs).sum())
        self._signal += float(np.square(inputs.astype(np.float64)).sum())

    @property
    def result(self) -> InputCoding:
        """The coding with the means over all batches so far.

        Raises:
            DataError: There was no batch.
        """
        distortion = self._noise / self._signal if self._signal else 0.0
        sent = self._bytes / self._images if self._images else 0.0
        return InputCoding(self.quality, sent, distortion, self.mean, self.std)


def through_jpeg(
    inputs: InputArray, quality: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[InputArray, list[int]]:
    """Network inputs after they were sent as JPEG files, and the bytes of the files.

    Args:
        inputs: Normalized pixels, float32 of shape (N, C, H, W), C 1 or 3.
        quality: 1..95.
        mean: Per channel, of pixels from 0 to 1; shape (C,).
        std: Standard deviation per channel, of the same pixels; shape (C,).

    Returns:
        The inputs that arrive, of the same shape, and the bytes of each file.

    Raises:
        DataError: The inputs have another shape, or the quality is out of range.
    """
    pixels = to_pixels(inputs, mean, std)
    files = [encode_jpeg(picture, quality) for picture in pixels]
    decoded = np.stack([decode_jpeg(file, pixels.shape[1:]) for file in files])
    return from_pixels(decoded, mean, std), [len(file) for file in files]

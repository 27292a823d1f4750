"""The network's input as JPEG files of several qualities: their bytes, and what arrives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
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
        distortion: What the decoded input does to the network's answers, in the unit of the metric
            that was asked for, as the distortions of tensors are; at least 0.
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


@dataclass(frozen=True, slots=True)
class PictureInput:
    """A network's input that is a picture, and the qualities at which it may be sent.

    Attributes:
        qualities: JPEG qualities, 1..95.
        mean: As in ``InputCoding``.
        std: As in ``InputCoding``.
    """

    qualities: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def arrivals(self, inputs: InputArray) -> Iterator[tuple[InputArray, list[int]]]:
        """A batch of network inputs, shape (N, C, H, W), after it was sent at each quality.

        Yields:
            The inputs that arrive, of the same shape, and the bytes of each file.
        """
        pixels = to_pixels(inputs, self.mean, self.std)
        for quality in self.qualities:
            files = [encode_jpeg(picture, quality) for picture in pixels]
            decoded = np.stack([decode_jpeg(file, pixels.shape[1:]) for file in files])
            yield from_pixels(decoded, self.mean, self.std), [len(file) for file in files]


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
    return next(PictureInput((quality,), mean, std).arrivals(inputs))

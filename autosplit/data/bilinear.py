"""Bilinear resizing without antialiasing, as Darknet and OpenCV do it.

Pillow's bilinear filter averages over all pixels that a smaller picture covers.  Detectors of these
families were trained without that, and their scores change by some points with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BytePixels = NDArray[np.uint8]
"""A picture, shape (H, W) or (H, W, C)."""


def resize_by_corners(image: BytePixels, width: int, height: int) -> NDArray[np.float32]:
    """Resize so that the corner pixels stay the corner pixels (``resize_image`` of Darknet).

    Args:
        image: The picture.
        width: Width of the result, pixels.
        height: Height of the result, pixels.

    Returns:
        Values 0..255, not rounded, shape (height, width) or (height, width, C).
    """
    rows = _corners(image.shape[0], height)
    return _blend(image, rows, _corners(image.shape[1], width))


def resize_by_centres(image: BytePixels, width: int, height: int) -> NDArray[np.float32]:
    """Resize so that pixels are squares with values at their centres (``INTER_LINEAR`` of OpenCV).

    Args:
        image: The picture.
        width: Width of the result, pixels.
        height: Height of the result, pixels.

    Returns:
        Values 0..255 rounded to whole numbers, shape (height, width) or (height, width, C).
    """
    rows = _centres(image.shape[0], height)
    return np.rint(_blend(image, rows, _centres(image.shape[1], width)))


def _corners(old: int, new: int) -> NDArray[np.float64]:
    """Where the pixels of the result lie in the picture, one of its axes."""
    places: NDArray[np.float64] = np.linspace(0.0, old - 1.0, new)
    places[-1] = old - 1  # Darknet takes the last pixel for the last, even if it is the only one
    return places


def _centres(old: int, new: int) -> NDArray[np.float64]:
    places: NDArray[np.float64] = np.arange(0.5, new, dtype=np.float64) * (old / new)
    return np.clip(places - 0.5, 0.0, float(old - 1))


def _blend(
    image: BytePixels, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Values of a picture at places between its pixels."""
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    below = np.minimum(top + 1, image.shape[0] - 1)
    right = np.minimum(left + 1, image.shape[1] - 1)
    beside: tuple[int, ...] = (1,) * (image.ndim - 2)
    down = (rows - top).astype(np.float32).reshape(-1, 1, *beside)
    across = (columns - left).astype(np.float32).reshape(1, -1, *beside)
    upper, lower = (
        _between(values[:, left], values[:, right], across) for values in (image[top], image[below])
    )
    return _between(upper, lower, down)


def _between(
    first: NDArray[np.generic], second: NDArray[np.generic], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """First plus a share of the difference: exact where both are equal."""
    start, end = first.astype(np.float32), second.astype(np.float32)
    result: NDArray[np.float32] = start + (end - start) * share
    return result


def letterbox_place(
    size: tuple[int, int], style: str, width: int, height: int
) -> tuple[int, int, int, int]:
    """Where a picture lies in the input of a detector.

    Args:
        size: Height and width of the input, pixels.
        style: One of ``STYLES``; ``Letterbox`` says what each does.
        width: Width of the picture, pixels.
        height: Height of the picture, pixels.

    Returns:
        Left, top, width and height, pixels of the input.
    """
    most_height, most_width = size
    if style == "alexeyab":
        return 0, 0, most_width, most_height
    if style == "ultralytics":
        ratio = min(most_height / height, most_width / width)
        new = max(1, round(width * ratio)), max(1, round(height * ratio))
        left, top = (most_width - new[0]) / 2, (most_height - new[1]) / 2
        return round(left - 0.1), round(top - 0.1), *new
    if style == "yolox":
        ratio = min(most_height / height, most_width / width)
        return 0, 0, max(1, int(width * ratio)), max(1, int(height * ratio))
    if most_width * height < most_height * width:
        new = most_width, max(1, height * most_width // width)
    else:
        new = max(1, width * most_height // height), most_height
    return (most_width - new[0]) // 2, (most_height - new[1]) // 2, *new

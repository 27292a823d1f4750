"""Bilinear resizing without antialiasing, as Darknet and OpenCV do it.

Pillow's bilinear filter averages over all pixels that a smaller picture covers.  Detectors of these
families were trained without that, and their scores change by some points with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture, shape (H, W) or (H, W, C)."""


def resize_by_corners(image: Pixels, width: int, height: int) -> NDArray[np.float32]:
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


def resize_by_centres(image: Pixels, width: int, height: int) -> NDArray[np.float32]:
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
    places = np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0.0)
    places[-1] = old - 1  # Darknet takes the last pixel for the last, even if it is the only one
    return places


def _centres(old: int, new: int) -> NDArray[np.float64]:
    places = (np.arange(new) + 0.5) * (old / new) - 0.5
    return places.clip(0, old - 1)


def _blend(
    image: Pixels, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Values of a picture at places between its pixels."""
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    below = np.minimum(top + 1, image.shape[0] - 1)
    right = np.minimum(left + 1, image.shape[1] - 1)
    beside: tuple[int, ...] = (1,) * (image.ndim - 2)
    down = (rows - top).astype(np.float32).reshape(-1, 1, *beside)
    across = (columns - left).astype(np.float32).reshape(1, -1, *beside)
    upper, lower = (
        image[row][:, left] * (1 - across) + image[row][:, right] * across for row in (top, below)
    )
    result: NDArray[np.float32] = upper * (1 - down) + lower * down
    return result

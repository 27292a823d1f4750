"""Pictures as inputs of a network, with numpy and Pillow alone: what evaluations and devices share.

``Preprocess`` and ``Letterbox`` describe the two ways and give tensors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autosplit.data.bilinear import letterbox_place, resize_by_centres, resize_by_corners

InputPlanes = NDArray[np.float32]
"""Planes of a picture, (C, H, W)."""


def crop_picture(
    image: Image.Image,
    resize: tuple[int, int],
    crop: tuple[int, int],
    normal: tuple[tuple[float, ...], tuple[float, ...]],
    interpolation: Image.Resampling,
    *,
    bgr: bool,
) -> InputPlanes:
    """Resize a picture, crop its centre, and normalize it.

    Args:
        image: The picture.
        resize: Height and width that the picture just covers after it is resized, pixels.
        crop: Height and width of the result, pixels.
        normal: Mean and standard deviation of each channel, for pixels in 0..1; one channel makes
            the picture grey.
        interpolation: Method of resizing.
        bgr: Whether channels are blue, green, red.
    """
    mean, std = (np.array(numbers, np.float32) for numbers in normal)
    image = image.convert("L" if len(mean) == 1 else "RGB")
    size = _covering(resize, image.width, image.height)
    if size != image.size:
        image = image.resize(size, interpolation)
    height, width = crop
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    if size != (width, height):
        image = image.crop((left, top, left + width, top + height))
    pixels = np.array(image, np.float32).reshape(height, width, len(mean)) / 255
    if bgr:
        pixels = pixels[:, :, ::-1]
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))


def letterbox_picture(
    image: Image.Image,
    size: tuple[int, int],
    style: str,
    normal: tuple[tuple[float, ...], tuple[float, ...]],
    *,
    bgr: bool,
) -> InputPlanes:
    """Put the whole picture into an input, perhaps on grey, and normalize all of it.

    Args:
        image: The picture.
        size: Height and width of the result, pixels.
        style: One of ``STYLES``, which ``Letterbox`` describes.
        normal: Mean and standard deviation of each channel, for pixels in 0..1; one channel makes
            the picture grey.
        bgr: Whether channels are blue, green, red.
    """
    mean, std = (np.array(numbers, np.float32).reshape(-1, 1, 1) for numbers in normal)
    channels, centres = len(mean), style in ("ultralytics", "yolox")
    left, top, width, height = letterbox_place(size, style, image.width, image.height)
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    if (width, height) != image.size:
        resized = resize_by_centres if centres else resize_by_corners
        pixels = resized(pixels, width, height)
    inside = np.ascontiguousarray(pixels, np.float32) / np.float32(255)
    canvas = np.full((channels, *size), 114 / 255 if centres else 0.5, np.float32)
    planes = inside.reshape(height, width, channels).transpose(2, 0, 1)
    canvas[:, top : top + height, left : left + width] = planes[::-1] if bgr else planes
    return (canvas - mean) / std


def _covering(resize: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """Width and height of the same shape that just cover ``resize``."""
    least_height, least_width = resize
    if height * least_width >= width * least_height:
        return least_width, least_width * height // width
    return least_height * width // height, least_height

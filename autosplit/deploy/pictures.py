"""A picture -> an input of the network, with numpy and Pillow alone, as the manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from autosplit.data.bilinear import letterbox_place, resize_by_centres, resize_by_corners
from autosplit.errors import DataError


def prepare(image: Image.Image, record: Mapping[str, Any] | None) -> npt.NDArray[np.float32]:
    """The network's input of a picture, (C, H, W).

    Args:
        image: The picture.
        record: ``preprocess`` of a manifest.

    Raises:
        DataError: The network takes no pictures.
    """
    if record is None:
        raise DataError("source: must be arrays (.npy), this network takes no pictures")
    if record["kind"] == "letterbox":
        return _letterboxed(image, record)
    return _cropped(image, record)


def _cropped(image: Image.Image, record: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    mean, std = (np.array(record[key], np.float32) for key in ("mean", "std"))
    image = image.convert("L" if len(mean) == 1 else "RGB")
    least_height, least_width = record["resize"]
    size = (least_width, least_width * image.height // image.width)
    if image.height * least_width < image.width * least_height:
        size = (least_height * image.width // image.height, least_height)
    if size != image.size:
        image = image.resize(size, Image.Resampling[record["interpolation"].upper()])
    height, width = record["crop"]
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    image = image.crop((left, top, left + width, top + height))
    pixels = np.asarray(image, np.float32).reshape(height, width, len(mean)) / 255
    if record["bgr"]:
        pixels = pixels[:, :, ::-1]
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))


def _letterboxed(image: Image.Image, record: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    style, channels, size = record["style"], record["channels"], tuple(record["size"])
    left, top, width, height = letterbox_place(size, style, image.width, image.height)
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    if (width, height) != image.size:
        resize = resize_by_centres if style == "ultralytics" else resize_by_corners
        pixels = resize(pixels, width, height)
    inside = np.ascontiguousarray(pixels, np.float32) / np.float32(255)
    canvas = np.full((channels, *size), 114 / 255 if style == "ultralytics" else 0.5, np.float32)
    planes = inside.reshape(height, width, channels).transpose(2, 0, 1)
    canvas[:, top : top + height, left : left + width] = planes
    return canvas

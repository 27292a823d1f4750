"""A picture -> an input of the network, with numpy and Pillow alone, as the manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

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
        return _letterbox(image, *record["size"])
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
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))


def _letterbox(image: Image.Image, height: int, width: int) -> npt.NDArray[np.float32]:
    new = width, max(1, image.height * width // image.width)
    if width * image.height >= height * image.width:
        new = max(1, image.width * height // image.height), height
    left, top = (width - new[0]) // 2, (height - new[1]) // 2
    rgb = image.convert("RGB").resize(new, Image.Resampling.BILINEAR)
    canvas = np.full((3, height, width), 0.5, np.float32)
    pixels = np.asarray(rgb, np.float32).transpose(2, 0, 1) / 255
    canvas[:, top : top + new[1], left : left + new[0]] = pixels
    return canvas

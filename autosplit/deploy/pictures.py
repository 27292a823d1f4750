"""A picture -> an input of the network, with numpy and Pillow alone, as the manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from autosplit.data.picture_input import crop_picture, letterbox_picture
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
        size, channels = tuple(record["size"]), record["channels"]
        older = record.get("mean", (0.0,) * channels), record.get("std", (1.0,) * channels)
        blue_first = record.get("bgr", False)
        return letterbox_picture(image, size, record["style"], older, bgr=blue_first)
    normal = record["mean"], record["std"]
    return crop_picture(
        image,
        tuple(record["resize"]),
        tuple(record["crop"]),
        normal,
        Image.Resampling[record["interpolation"].upper()],
        bgr=record["bgr"],
    )

"""Seconds of coding by the prices of a device: entropy-coded tensors, and JPEG files.

Coding a tensor takes a time of its own, for the codes of its classes, and a time for each element,
whatever its width: ``python experiments/coding.py`` fits both.  A JPEG file takes a time for each
pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from autosplit.graph.layer import Shape


def tensor_s(prices: Mapping[str, float], elements: int) -> float:
    """Seconds to code, or to decode, one entropy-coded tensor.

    Args:
        prices: ``encode_s`` or ``decode_s`` of a device.
        elements: Elements of one sample.

    >>> tensor_s({"tensor": 0.25, "element": 0.125}, 6)
    1.0
    """
    return prices.get("tensor", 0.0) + prices.get("element", 0.0) * elements


def picture_s(prices: Mapping[str, float], shape: Shape) -> float:
    """Seconds to write, or to read, an input as a JPEG file.

    Args:
        prices: As in ``tensor_s``.
        shape: (channels, height, width).

    >>> picture_s({"pixel": 0.5}, (3, 2, 5))
    5.0
    """
    return prices.get("pixel", 0.0) * math.prod(shape[-2:])

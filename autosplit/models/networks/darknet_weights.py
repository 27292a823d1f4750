"""Darknet's ``.weights`` files: read into a network, and written from one.

A header of three int32 (major, minor, revision) and the number of images seen in training (int32
before version 0.2, int64 since), then little-endian float32, layer by layer: the bias, or with
batch normalization its shift, scale, mean and variance; then the convolution's weight.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from autosplit.errors import ModelError
from autosplit.models.networks.darknet import Darknet
from autosplit.models.networks.darknet_layers import Convolutional

VERSION = (0, 2, 0)
"""Version that is written."""
READABLE = ((0, 1), (0, 2))
"""Versions, major and minor, that can be read."""


def read_weights(network: Darknet, path: Path) -> int:
    """Fill a network with the weights of a file, all of them.

    Args:
        network: The network; its parameters and running statistics are overwritten.
        path: The file.

    Returns:
        Number of images that the weights were trained on, as the header says.

    Raises:
        ModelError: The file cannot be read, is of another version, truncated or of another
            network: it holds more or fewer numbers than the network takes.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: must be a Darknet weights file, {error.strerror}") from error
    seen, start = _header(content, path)
    body = len(content) - start
    places = list(_places(network))
    needed = sum(tensor.numel() for _, tensor in places)
    if body % 4 or body // 4 != needed:
        raise ModelError(f"{path}: {_difference(places, body, needed)}")
    numbers = torch.from_numpy(np.frombuffer(content, "<f4", offset=start).astype(np.float32))
    if not bool(numbers.isfinite().all()):
        count = int((~numbers.isfinite()).sum())
        raise ModelError(f"{path}: must hold finite numbers, {count} are not")
    parts = numbers.split([tensor.numel() for _, tensor in places])
    with torch.no_grad():
        for (_, tensor), part in zip(places, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))
    return seen


def write_weights(network: Darknet, path: Path, seen: int = 0) -> None:
    """Write a network's weights as Darknet would.

    Args:
        network: The network.
        path: The file to write.
        seen: Number of images that the network was trained on.
    """
    parts = [struct.pack("<iiiq", *VERSION, seen)]
    parts += [
        tensor.detach().cpu().contiguous().numpy().astype("<f4").tobytes()
        for _, tensor in _places(network)
    ]
    path.write_bytes(b"".join(parts))


def _header(content: bytes, path: Path) -> tuple[int, int]:
    """Read the number of images seen, and the byte at which the numbers start."""
    if len(content) < 16:
        raise ModelError(
            f"{path}: must be a Darknet weights file, has {len(content)} bytes, "
            "fewer than its header"
        )
    major, minor, revision = struct.unpack_from("<iii", content)
    if (major, minor) not in READABLE:
        known = " or ".join(f"{a}.{b}" for a, b in READABLE)
        raise ModelError(
            f"{path}: must be a Darknet weights file of version {known}, "
            f"its header says {major}.{minor}.{revision}"
        )
    form = "<q" if (major, minor) >= (0, 2) else "<i"
    end = 12 + struct.calcsize(form)
    if len(content) < end:
        raise ModelError(f"{path}: is truncated, ends inside its header of {end} bytes")
    return struct.unpack_from(form, content, 12)[0], end


def _places(network: Darknet) -> Iterator[tuple[str, Tensor]]:
    """Yield layer number and tensor of everything that a file holds, in the file's order."""
    for number, layer in network.named_children():
        if not isinstance(layer, Convolutional):
            continue
        norm = layer.norm
        if norm is None:
            assert layer.bias is not None
            yield number, layer.bias
        else:
            for tensor in (norm.bias, norm.weight, norm.running_mean, norm.running_var):
                assert tensor is not None
                yield number, tensor
        yield number, layer.weight


def _difference(places: list[tuple[str, Tensor]], body: int, needed: int) -> str:
    """Say how a file of ``body`` bytes differs from the numbers that the network takes."""
    found = body // 4
    text = f"must hold the {needed:,} numbers of this network, "
    if found >= needed:
        left = f"{found - needed:,} numbers" if found > needed else f"{body % 4} bytes"
        return f"{text}{left} are left over; it is of another network"
    ends = accumulate(tensor.numel() for _, tensor in places)
    layer = next(number for (number, _), end in zip(places, ends, strict=True) if found < end)
    return (
        f"{text}{needed - found:,} are missing, it ends in layer {layer}; "
        "it is truncated or of another network"
    )

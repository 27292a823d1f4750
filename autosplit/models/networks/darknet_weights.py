"""Darknet's ``.weights`` files, read into a network and written from one.

A header of three int32 (major, minor, revision) and the number of images seen in training (int32
before version 0.2, int64 since), then little-endian float32, layer by layer.  A convolution has its
bias, or with batch normalization its shift, scale, mean and variance; then its weight.  A connected
layer has its weight before the scale, mean and variance.  A file of a backbone, ``NAME.conv.NN``,
holds the first NN layers alone.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from autosplit.errors import ModelError
from autosplit.files import write_bytes
from autosplit.models.networks.darknet import Darknet
from autosplit.models.networks.darknet_dense import Connected, Local
from autosplit.models.networks.darknet_gates import SqueezeExcitation
from autosplit.models.networks.darknet_layers import Convolutional
from autosplit.models.networks.darknet_shape import BATCH_NORM_EPS
from autosplit.models.networks.darknet_shortcut import Shortcut

READABLE = ((0, 0), (0, 1), (0, 2))
"""Versions, major and minor, that can be read."""
BACKBONE = re.compile(r"\.conv\.(\d+)$")
"""End of the name of a file that holds the first layers of a network, and how many."""


def read_weights(network: Darknet, path: Path) -> int:
    """Fill a network with the weights of a file, or its first layers with a file of a backbone.

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
    backbone = BACKBONE.search(path.name)
    places = list(weight_places(network, int(backbone[1]) if backbone else None))
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


def write_weights(network: nn.Module, path: Path, seen: int = 0) -> None:
    """Write the weights of a network as Darknet does, version 0.2.

    What a batch normalization adds to its variances beyond Darknet's own is written into them, so
    that Darknet computes the same.

    Args:
        network: A network of a ``.cfg`` file: ``load_model("yolo:FILE.cfg", weights=...).module``.
        path: The file to write.
        seen: Number of images that the weights were trained on.

    Raises:
        ModelError: The network is another one.
        FileError: The file cannot be written.
    """
    if not isinstance(network, Darknet):
        raise ModelError(
            f"{path}: must be of a network of a .cfg file, got a {type(network).__name__}"
        )
    added = {
        id(part.running_var): part.eps - BATCH_NORM_EPS
        for part in network.modules()
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d)
    }
    content = [struct.pack("<iiiq", 0, 2, 0, seen)]
    for _, tensor in weight_places(network):
        numbers = tensor.detach().cpu() + added.get(id(tensor), 0.0)
        content.append(numbers.contiguous().numpy().astype("<f4").tobytes())
    write_bytes(path, b"".join(content))


def weights_version(path: Path) -> tuple[int, int, int]:
    """Read major, minor and revision in the header of a file that ``read_weights`` has read."""
    with path.open("rb") as file:
        major, minor, revision = struct.unpack("<iii", file.read(12))
    return major, minor, revision


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


def weight_places(network: Darknet, layers: int | None = None) -> Iterator[tuple[str, Tensor]]:
    """Yield layer number and tensor of everything that a file holds, in the file's order.

    Args:
        network: The network.
        layers: Number of layers that the file holds; None: all.
    """
    for number, layer in network.named_children():
        if layers is None or int(number) < layers:
            for tensor in _tensors(layer):
                yield number, tensor


def _tensors(layer: nn.Module) -> Iterator[Tensor]:
    """Tensors of one layer in the order of Darknet's functions ``load_..._weights``."""
    if isinstance(layer, Convolutional):
        yield from _affine(layer) if layer.norm is None else _norm(layer.norm)
        yield layer.weight
    elif isinstance(layer, Connected):
        first, *rest = _affine(layer) if layer.norm is None else _norm(layer.norm)
        yield from (first, layer.weight, *rest)
    elif isinstance(layer, Local):
        yield from (layer.bias, layer.weight)
    elif isinstance(layer, Shortcut) and layer.weights is not None:
        yield layer.weights
    elif isinstance(layer, SqueezeExcitation):
        yield from (layer.squeeze.weight, layer.excite.weight)
    elif isinstance(layer, nn.BatchNorm2d):
        yield from _norm(layer)


def _affine(layer: nn.Conv2d | nn.Linear) -> tuple[Tensor, ...]:
    assert layer.bias is not None
    return (layer.bias,)


def _norm(norm: nn.BatchNorm2d | nn.BatchNorm1d) -> tuple[Tensor, ...]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.bias, norm.weight, norm.running_mean, norm.running_var


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

"""A finished plan's codes and biases, in the safetensors file beside it.

The code of a weight is its integer, 0..2^bits - 1; what it stands for, the plan's grid says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from autosplit.errors import FileError
from autosplit.files import check_keys, sha256_of, sha256_of_file, write_bytes
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.grid.grid import ElementFormat, Grid

Codes = Mapping[str, npt.NDArray[np.uint8]]
"""Layer that stores a weight -> the codes of it, in the weight's shape."""
Biases = Mapping[str, npt.NDArray[np.float32]]
"""Layer -> its bias, one number for each output channel, shape (C,)."""


def write_codes(path: Path, codes: Codes, biases: Biases) -> dict[str, str] | None:
    """Write codes and biases beside a plan.

    Args:
        path: Path of the plan file.
        codes: Codes of the weights that have been finished.
        biases: Biases of the layers that have been finished.

    Returns:
        What the plan says of that file: its name and its SHA-256; None where there is nothing.
    """
    stored = {f"codes|{name}": np.ascontiguousarray(v) for name, v in codes.items()}
    stored |= {f"bias|{name}": np.ascontiguousarray(v) for name, v in biases.items()}
    if not stored:
        return None
    beside = path.with_suffix(".safetensors")
    data = safetensors.numpy.save(stored)
    write_bytes(beside, data)
    return {"file": beside.name, "sha256": sha256_of(data)}


def read_codes(
    path: Path, named: Any, weights: Mapping[str, ElementFormat], graph: Graph
) -> tuple[dict[str, npt.NDArray[np.uint8]], dict[str, npt.NDArray[np.float32]]]:
    """Read what ``write_codes`` wrote; nothing where the plan names no file.

    Args:
        path: Path of the plan file.
        named: What the plan says of the file beside it.
        weights: Layer that stores a weight -> its grid in the plan.
        graph: The network.

    Raises:
        FileError: It is missing, is another file than the plan was written with, or holds what
            does not fit the plan.
    """
    if named is None:
        return {}, {}
    problems = check_keys(named, ("file", "sha256"), where=f"{path}: integers")
    if problems:
        raise FileError("; ".join(problems))
    beside = path.parent / Path(str(named["file"])).name
    codes, biases = {}, {}
    for key, value in _load(beside, str(named["sha256"]), path.name).items():
        kind, _, name = key.partition("|")
        layer = graph.by_name.get(name)
        if layer is None or name not in weights or kind not in ("codes", "bias"):
            raise FileError(f"{beside}: must hold layers of the plan only, got {key!r}")
        if kind == "bias":
            biases[name] = _checked_bias(value, layer, f"{beside}: {key}")
        else:
            codes[name] = _checked_codes(value, layer, weights[name], f"{beside}: {key}")
    return codes, biases


def _checked_bias(value: npt.NDArray[Any], layer: Layer, where: str) -> npt.NDArray[np.float32]:
    """A bias of a layer.

    Raises:
        FileError: It has not one finite number for each output channel.
    """
    if value.shape != (layer.weight_channels,) or not np.isfinite(value).all():
        raise FileError(
            f"{where}: must be {layer.weight_channels} finite numbers, one per output channel, "
            f"got the shape {value.shape} of {value.dtype}"
        )
    return value.astype(np.float32)


def _checked_codes(
    value: npt.NDArray[Any], layer: Layer, stored: ElementFormat, where: str
) -> npt.NDArray[np.uint8]:
    """Codes of a layer's weight.

    Raises:
        FileError: The plan leaves the weight as floats, there is not one byte for each element, or
            a code is too large for the width.
    """
    if not isinstance(stored, Grid):
        raise FileError(f"{where}: must not be there, the plan leaves this weight as floats")
    if value.dtype != np.uint8 or value.size != layer.weight_elements:
        raise FileError(
            f"{where}: must be {layer.weight_elements} codes of one byte, got {value.size} of "
            f"{value.dtype}"
        )
    largest = int(value.max(initial=0))
    if largest > stored.steps:
        raise FileError(f"{where}: must be 0..{stored.steps} at {stored.bits} bits, got {largest}")
    return value


def _load(beside: Path, sha256: str, plan: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays of the file beside a plan.

    Raises:
        FileError: It is missing, is another file than the plan names, or holds no arrays.
    """
    found = sha256_of_file(beside)
    if found != sha256:
        raise FileError(
            f"{beside}: must have the SHA-256 {sha256:.12}... that {plan} "
            f"names, has {found:.12}...; get the file that belongs to it, or run: "
            "autosplit quantize --force"
        )
    try:
        arrays = safetensors.numpy.load_file(beside)
    except (safetensors.SafetensorError, TypeError, AttributeError) as error:
        # the last two: numpy lacks a type in it
        raise FileError(
            f"{beside}: must be a safetensors file of codes and biases, {error!s:.80}; run: "
            "autosplit quantize --force"
        ) from error
    strange = [value.dtype for value in arrays.values() if value.dtype.kind == "V"]
    if strange:  # ml_dtypes, if anything has imported it, adds types to numpy
        raise FileError(
            f"{beside}: must be a safetensors file of codes and biases, got {strange[0]}; run: "
            "autosplit quantize --force"
        )
    return arrays

"""A finished plan's integers and biases, in the safetensors file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from autosplit.errors import FileError
from autosplit.files import check_keys, sha256_of_file
from autosplit.graph.graph import Graph
from autosplit.grid.grid import ElementFormat


def read_integers(
    path: Path, named: Any, weights: Mapping[str, ElementFormat], graph: Graph
) -> tuple[dict[str, npt.NDArray[np.uint8]], dict[str, npt.NDArray[np.float32]]]:
    """Codes and biases from the file beside a plan; none where it names none.

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
    stored = _load(beside, str(named["sha256"]), path.name)
    codes, biases = {}, {}
    for key, value in stored.items():
        kind, _, name = key.partition("|")
        layer = graph.by_name.get(name)
        if layer is None or name not in weights or kind not in ("codes", "bias"):
            raise FileError(f"{beside}: must hold layers of the plan only, got {key!r}")
        if kind == "bias":
            if value.shape != (layer.weight_channels,) or not np.isfinite(value).all():
                raise FileError(
                    f"{beside}: {key}: must be {layer.weight_channels} finite numbers, one per "
                    f"output channel, got the shape {value.shape} of {value.dtype}"
                )
            biases[name] = value.astype(np.float32)
        elif value.dtype == np.uint8 and value.size == layer.weight_elements:
            if int(value.max(initial=0)) >= 2 ** weights[name].bits:
                raise FileError(
                    f"{beside}: {name}: codes must be 0..{2 ** weights[name].bits - 1} at "
                    f"{weights[name].bits} bits, got {value.max()}"
                )
            codes[name] = value
        else:
            raise FileError(
                f"{beside}: {key}: must be {layer.weight_elements} codes of one byte, got "
                f"{value.size} of {value.dtype}"
            )
    return codes, biases


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
            f"{beside}: must be a safetensors file of integers and biases, {error!s:.80}; run: "
            "autosplit quantize --force"
        ) from error
    strange = [value.dtype for value in arrays.values() if value.dtype.kind == "V"]
    if strange:  # ml_dtypes, if anything has imported it, adds types to numpy
        raise FileError(
            f"{beside}: must be a safetensors file of integers and biases, got {strange[0]}; run: "
            "autosplit quantize --force"
        )
    return arrays

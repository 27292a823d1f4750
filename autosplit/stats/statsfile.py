"""Statistics as ``stats.yaml``, ``distortion.csv`` and a file of arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from autosplit.errors import DataError, FileError
from autosplit.files import read_csv, read_yaml, write_bytes, write_csv, write_yaml
from autosplit.grid.grid import Grid
from autosplit.halves.wire.symbols import Classes, classes_from_text, classes_to_text
from autosplit.stats.coding import coding_from_dict, coding_to_dict
from autosplit.stats.stats import CodedBytes, Distortion, Role, Stats, TensorAtWidth, TensorStats

DISTORTION_HEADER = tuple(
    "tensor role width mse distortion clip_low clip_high coded_bytes coded_p95_bytes".split()
)
STATS_FILES = ("stats.yaml", "distortion.csv", "weight_grids.safetensors")


def write_stats(folder: Path, stats: Stats) -> None:
    """Write ``STATS_FILES``.

    Args:
        folder: Where the files go.
        stats: With a grid for each activation and each weight that has a distortion.
    """
    tensors = {
        name: {**asdict(record), "shape": list(record.shape)}
        for name, record in stats.tensors.items()
    }
    codings = [coding_to_dict(coding) for coding in stats.input_codings]
    classes = {name: classes_to_text(one.classes) for (name, _), one in stats.coded.items()}
    data = {"samples": stats.samples, "jpeg": codings, "tensors": tensors, "classes": classes}
    write_yaml(folder / "stats.yaml", "stats", data)
    rows = (_row(stats, key) for key in stats.distortions)
    write_csv(folder / "distortion.csv", DISTORTION_HEADER, rows)
    grids = {}
    for (layer, width), grid in stats.weight_grids.items():
        grids[f"{layer}|{width}|scale"] = np.ascontiguousarray(grid.scale)
        grids[f"{layer}|{width}|zero_point"] = np.ascontiguousarray(grid.zero_point)
    write_bytes(folder / "weight_grids.safetensors", safetensors.numpy.save(grids))


def read_stats(folder: Path) -> Stats:
    """Read what ``write_stats`` wrote.

    Args:
        folder: Where the files are.

    Raises:
        FileError: A file is missing, foreign or malformed, or the files do not fit together.
    """
    data = read_yaml(folder / "stats.yaml", "stats")
    if isinstance(data.get("jpeg"), dict):
        raise FileError(
            f"{folder / 'stats.yaml'}: jpeg: must be a list, is the one file of an older autosplit "
            "with a distortion of another unit; run: autosplit stats --force"
        )
    path = folder / "distortion.csv"
    rows = read_csv(path, DISTORTION_HEADER)
    try:
        tensors = {
            name: TensorStats(**{**record, "shape": tuple(record["shape"])})
            for name, record in data["tensors"].items()
        }
        distortions = {_key(row): _distortion(row) for row in rows}
        activations = [row for row in rows if row["role"] == "activation"]
        kept = {(row["tensor"], int(row["width"])): _activation_grid(row) for row in activations}
        classes = {name: classes_from_text(text) for name, text in data["classes"].items()}
        coded = {
            (row["tensor"], int(row["width"])): _coded_bytes(row, classes)
            for row in activations
            if row["coded_bytes"]
        }
        codings = tuple(map(coding_from_dict, data.get("jpeg") or ()))
        samples = int(data["samples"])
    except (AttributeError, DataError, KeyError, TypeError, ValueError) as error:
        raise FileError(f"{folder}: stats must be as autosplit wrote them, {error}") from error
    grids = _read_grids(folder / "weight_grids.safetensors")
    for tensor, role, width in distortions:
        if role == "weight" and (tensor, width) not in grids:
            raise FileError(
                f"{path}: {tensor} at {width} bits: must have a grid in weight_grids.safetensors, "
                "has none; run: autosplit stats --force"
            )
    return Stats(samples, tensors, distortions, kept, grids, codings, coded)


def _row(stats: Stats, key: TensorAtWidth) -> dict[str, Any]:
    """A row of ``distortion.csv``; the ends of a weight are those of all its output channels."""
    (tensor, role, width), found = key, stats.distortions[key]
    coded = stats.coded.get((tensor, width)) if role == "activation" else None
    grids = stats.activation_grids if role == "activation" else stats.weight_grids
    grid = grids[tensor, width]
    return {
        "tensor": tensor,
        "role": role,
        "width": width,
        "mse": found.mse,
        "distortion": found.distortion,
        "clip_low": float(grid.low.min()),
        "clip_high": float(grid.high.max()),
        "coded_bytes": "" if coded is None else coded.mean,
        "coded_p95_bytes": "" if coded is None else coded.p95,
    }


def _coded_bytes(row: Mapping[str, str], classes: Mapping[str, Classes]) -> CodedBytes:
    """Mean and 95th percentile of coded bytes.

    Raises:
        KeyError: There are no classes of the tensor's channels.
        ValueError: One of the two is no finite number of at least 0.
    """
    mean, p95 = float(row["coded_bytes"]), float(row["coded_p95_bytes"])
    if not (0 <= mean < math.inf and 0 <= p95 < math.inf):
        raise ValueError(
            f"{row['tensor']}: coded bytes must be finite and at least 0, got {mean} and {p95}"
        )
    return CodedBytes(classes[row["tensor"]], mean, p95)


def _key(row: Mapping[str, str]) -> TensorAtWidth:
    """Tensor, role and width of a row.

    Raises:
        ValueError: The role is neither weight nor activation, or the width is no whole number.
    """
    if row["role"] not in ("weight", "activation"):
        raise ValueError(f"role: must be weight or activation, got {row['role']!r}")
    role: Role = "weight" if row["role"] == "weight" else "activation"
    return row["tensor"], role, int(row["width"])


def _distortion(row: Mapping[str, str]) -> Distortion:
    """Error and distortion of a row.

    Raises:
        ValueError: One of them is no finite number of at least 0.
    """
    found = Distortion(float(row["mse"]), float(row["distortion"]))
    if not (0 <= found.mse < math.inf and 0 <= found.distortion < math.inf):
        raise ValueError(f"{row['tensor']}: mse and distortion must be finite and at least 0")
    return found


def _activation_grid(row: Mapping[str, str]) -> Grid:
    """The grid whose ends a row has; that of an activation is one for all of the tensor.

    Raises:
        ValueError: It is not finite, or upside down.
    """
    low, high = float(row["clip_low"]), float(row["clip_high"])
    if not -math.inf < low <= high < math.inf:
        raise ValueError(
            f"{row['tensor']}: must have a finite clip_low <= clip_high, got {low!r} and {high!r}"
        )
    return Grid.from_range(low, high, int(row["width"]))


def _read_grids(path: Path) -> dict[tuple[str, int], Grid]:
    """Layer and width -> grids of the output channels of the layer's weight.

    Raises:
        FileError: The file is missing or malformed, or holds numbers that are no grid.
    """
    try:
        arrays = safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise FileError(f"{path}: must be a safetensors file, {error}") from error
    grids = {}
    for layer, width in sorted({tuple(name.split("|")[:2]) for name in arrays}):
        place = f"{layer}|{width}"
        try:
            bits = int(width)
            scale, zero_point = arrays[f"{place}|scale"], arrays[f"{place}|zero_point"]
            grids[layer, bits] = Grid(bits, scale, zero_point)
        except (KeyError, ValueError) as error:
            raise FileError(f"{path}: {place}: must be a grid, {error}") from error
    return grids

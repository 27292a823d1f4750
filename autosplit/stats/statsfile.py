"""Statistics as ``stats.yaml``, ``distortion.csv`` and ``weight_grids.safetensors``, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from autosplit.errors import FileError
from autosplit.files import read_csv, read_yaml, write_bytes, write_csv, write_yaml
from autosplit.grid.grid import Grid
from autosplit.stats.coding import coding_from_dict, coding_to_dict
from autosplit.stats.stats import Distortion, Role, Stats, TensorAtWidth, TensorStats

DISTORTION_HEADER = ("tensor", "role", "width", "mse", "distortion", "clip_low", "clip_high")
STATS_FILES = ("stats.yaml", "distortion.csv", "weight_grids.safetensors")


def write_stats(folder: Path, stats: Stats) -> None:
    """Write ``stats.yaml``, ``distortion.csv`` and ``weight_grids.safetensors``."""
    tensors = {
        name: {**asdict(record), "shape": list(record.shape)}
        for name, record in stats.tensors.items()
    }
    coding = None if stats.input_coding is None else coding_to_dict(stats.input_coding)
    data = {"samples": stats.samples, "jpeg": coding, "tensors": tensors}
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

    Raises:
        FileError: A file is missing, foreign or malformed.
    """
    data = read_yaml(folder / "stats.yaml", "stats")
    path = folder / "distortion.csv"
    rows = read_csv(path, DISTORTION_HEADER)
    try:
        tensors = {
            name: TensorStats(**{**record, "shape": tuple(record["shape"])})
            for name, record in data["tensors"].items()
        }
        distortions = {_key(row): _distortion(row) for row in rows}
        clips = {
            (row["tensor"], int(row["width"])): (float(row["clip_low"]), float(row["clip_high"]))
            for row in rows
            if row["role"] == "activation"
        }
        coding = coding_from_dict(data["jpeg"]) if data.get("jpeg") else None
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{folder}: stats must be as autosplit wrote them, {error}") from error
    return Stats(int(data["samples"]), tensors, distortions, clips, _read_grids(folder), coding)


def _row(stats: Stats, key: TensorAtWidth) -> dict[str, Any]:
    """A row of ``distortion.csv``; the clip of a weight is over all its output channels."""
    (tensor, role, width), found = key, stats.distortions[key]
    if role == "activation":
        low, high = stats.clips[tensor, width]
    else:
        grid = stats.weight_grids[tensor, width]
        low, high = float(grid.low.min()), float(grid.high.max())
    return {
        "tensor": tensor,
        "role": role,
        "width": width,
        "mse": found.mse,
        "distortion": found.distortion,
        "clip_low": low,
        "clip_high": high,
    }


def _key(row: Mapping[str, str]) -> TensorAtWidth:
    role: Role = "weight" if row["role"] == "weight" else "activation"
    return row["tensor"], role, int(row["width"])


def _distortion(row: Mapping[str, str]) -> Distortion:
    return Distortion(float(row["mse"]), float(row["distortion"]))


def _read_grids(folder: Path) -> dict[tuple[str, int], Grid]:
    path = folder / "weight_grids.safetensors"
    try:
        arrays = safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise FileError(f"{path}: must be a safetensors file, {error}") from error
    keys = {tuple(name.split("|")[:2]) for name in arrays}
    return {
        (layer, int(width)): Grid(
            int(width), arrays[f"{layer}|{width}|scale"], arrays[f"{layer}|{width}|zero_point"]
        )
        for layer, width in sorted(keys)
    }

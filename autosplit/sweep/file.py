"""A sweep file: which networks, devices, links, methods and memory limits to try together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from autosplit.errors import AutoSplitError, FileError, OptionError, did_you_mean
from autosplit.files import check_keys, read_yaml
from autosplit.hardware.device import OF_DEVICE, Device, MemoryLimit, load_device
from autosplit.hardware.link import Link, load_link
from autosplit.runs.folder import default_folder
from autosplit.runs.option import Option, options_of, read_given
from autosplit.runs.options import USUAL_WIDTHS, QuantizeOptions, SearchOptions, StatsOptions
from autosplit.search.methods import ALL, METHODS

FIGURES = ("crossover", "latency")
"""What a sweep may draw of its table."""
REFERENCE = "cloud16"
"""The method whose latency is 1 in ``normalised_latency``."""
_STATS = options_of(StatsOptions)
_SEARCH = {one.name: one for one in options_of(SearchOptions)}
_OWN = {"model", "weights", "checkpoint", "parent"}
_SHARED = tuple(one for one in _STATS if one.name not in _OWN)
_MEMORY = _SEARCH["memory_bytes"]
_SCORED = {one.name: one for one in options_of(QuantizeOptions)}
_RULE = (_SEARCH["front"], *(_SCORED[name] for name in ("max_drop", "images", "effort")))
_AXES = {"edges", "clouds", "methods", "widths", "coding", "max_distortion", "figure"}
_CODING = SearchOptions().coding

Profile = TypeVar("Profile", Device, Link)


class SweepError(AutoSplitError, RuntimeError):
    """A sweep cannot go on; what is done is kept."""


@dataclass(frozen=True)
class Network:
    """One network of a sweep.

    Attributes:
        name: Name of the network in the table, unique.
        options: Options of the stage ``stats``.
        memory_bytes: Memory limits to try, as a ``Problem`` has them.
    """

    name: str
    options: Mapping[str, Any]
    memory_bytes: tuple[MemoryLimit, ...] = (OF_DEVICE,)


@dataclass(frozen=True)
class AccuracyRule:
    """Rows are plans whose accuracy was measured, and that lose at most so many points.

    Attributes:
        max_drop: Accuracy points that a plan may lose at most against the float network.
        images: Evaluation images at most; None: all.
        effort: Effort with which plans are finished.
        front: Plans of our front that are tried for each link; None: all.
        edge, cloud: The devices as the sweep file names them.
        links: The links likewise.
    """

    max_drop: float
    images: int | None
    effort: str
    front: int | None
    edge: str
    cloud: str
    links: tuple[str, ...]


@dataclass(frozen=True)
class SweepFile:
    """What a sweep file says, its profiles read.

    Attributes:
        networks: Networks, in the order of the file, as everything here.
        edges, clouds: Devices; every pair is tried.
        links: Link name -> link.
        methods: Names of methods.
        widths: Widths that may be used, bits.
        max_distortion: Distortion that a row may have at most if its method has a plan with less: a
            number, or the method whose least distortion it is; None: no limit.
        figure: What to draw of the table, of ``FIGURES``; empty: nothing.
        coding: Coding of the crossing tensors, as ``--coding``.
        rule: The accuracy that rows keep; None: none is measured.
    """

    networks: tuple[Network, ...]
    edges: tuple[Device, ...]
    clouds: tuple[Device, ...]
    links: Mapping[str, Link]
    methods: tuple[str, ...]
    widths: tuple[int, ...] = USUAL_WIDTHS
    max_distortion: float | str | None = None
    figure: str = ""
    coding: str = _CODING
    rule: AccuracyRule | None = None


def read_sweep_file(path: Path) -> SweepFile:
    """Read a sweep file.

    Paths in it are looked up as they would be on the command line: from the current folder.

    Raises:
        FileError: The file is missing or wrong; says everything wrong at once.
    """
    data = read_yaml(path, "sweep")
    keys = {"models", "links"} | _AXES | _keys(_SHARED) | _keys(_RULE)
    problems = check_keys(data, {"models", "links"}, keys, where=str(path))
    shared = _read_options(data, _SHARED, str(path), problems)
    networks = _networks(data.get("models", []), shared, path, problems)
    edges = _profiles(data.get("edges", ["eyeriss"]), load_device, f"{path}: edges", problems)
    clouds = _profiles(data.get("clouds", ["tpu_v1"]), load_device, f"{path}: clouds", problems)
    links = _profiles(data.get("links", ["1mbps"]), load_link, f"{path}: links", problems)
    searched = [_SEARCH[name] for name in ("methods", "widths", "coding")]
    options = _read_options({"methods": ALL, **data}, searched, str(path), problems)
    methods = tuple(options.get("methods", ()))
    methods = tuple(METHODS) if methods == (ALL,) else methods
    problems += _repeated(methods, f"{path}: methods")
    limit = data.get("max_distortion")
    problems += _limit_problems(limit, methods or tuple(METHODS), str(path))
    rule = _rule(data, networks, str(path), problems)
    figure = data.get("figure")
    if figure is not None and figure not in FIGURES:
        near = did_you_mean(str(figure), FIGURES)
        problems.append(f"{path}: figure: unknown figure {figure!r}{near}")
    if problems:
        raise FileError("; ".join(problems))
    limit = limit if limit is None or isinstance(limit, str) else float(limit)
    by_name = {link.name: link for link in links}
    widths = options.get("widths", USUAL_WIDTHS)
    coding = options.get("coding", _CODING)
    axes = by_name, methods, widths
    return SweepFile(networks, edges, clouds, *axes, limit, figure or "", coding, rule)


def _rule(
    data: Mapping[str, Any], networks: Sequence[Network], where: str, problems: list[str]
) -> AccuracyRule | None:
    """The accuracy rule of a file; what is wrong with it is added to ``problems``."""
    given = _read_options(data, _RULE, where, problems)
    if given.get("max_drop") is None:
        alone = sorted(given.keys() - {"max_drop"})
        problems += [f"{where}: {name}: needs max_drop, the accuracy rule" for name in alone]
        return None
    if "max_distortion" in data:
        problems.append(f"{where}: max_drop: cannot stand beside max_distortion")
    edges, clouds = data.get("edges", ["eyeriss"]), data.get("clouds", ["tpu_v1"])
    limits = max((len(network.memory_bytes) for network in networks), default=1)
    for key, number in (("edges", len(edges)), ("clouds", len(clouds)), ("memory", limits)):
        if number > 1:
            problems.append(f"{where}: {key}: must be one with max_drop, got {number}")
    usual = {"images": None, "effort": QuantizeOptions().effort, "front": SearchOptions().front}
    links = tuple(map(str, data.get("links", ())))
    return AccuracyRule(**{**usual, **given}, edge=edges[0], cloud=clouds[0], links=links)


def _networks(
    entries: Any, shared: Mapping[str, Any], path: Path, problems: list[str]
) -> tuple[Network, ...]:
    """The networks of a file; what is wrong with them is added to ``problems``."""
    if not isinstance(entries, list) or not entries:
        problems.append(f"{path}: models: must be a list of networks, got {entries!r:.60}")
        return ()
    networks: list[Network] = []
    for number, entry in enumerate(entries, 1):
        network = _network(entry, shared, f"{path}: models: {number}", problems)
        if network is None:
            continue
        if network.name in {other.name for other in networks}:
            where = f"{path}: models: {number}: name"
            problems.append(f"{where}: must be unique, got {network.name!r} again")
        networks.append(network)
    return tuple(networks)


def _network(
    entry: Any, shared: Mapping[str, Any], where: str, problems: list[str]
) -> Network | None:
    """One network of a file, None if its keys are wrong."""
    given = {"model": entry} if isinstance(entry, str) else entry
    optional = {"name", _MEMORY.key, _MEMORY.name} | _keys(_STATS)
    wrong = check_keys(given, {"model"}, optional, where=where)
    if wrong:
        problems += wrong
        return None
    own = _read_options(given, _STATS, where, problems)
    limits = _limits(given, where, problems)
    name = given.get("name") or default_folder(str(given["model"])).name
    if not isinstance(name, str) or not name.replace("-", "_").isidentifier():
        problems.append(f"{where}: name: must be letters, digits, _ and -, got {name!r}")
    return Network(str(name), {**shared, **own}, limits)


def _limits(given: Mapping[str, Any], where: str, problems: list[str]) -> tuple[MemoryLimit, ...]:
    """Memory limits of a network: one or a list of sizes, ``device`` or ``none``."""
    key = _MEMORY.key if _MEMORY.key in given else _MEMORY.name
    value = given.get(key, OF_DEVICE)
    entries = value if isinstance(value, list) and value else [value]
    found = []
    for entry in entries:
        try:
            found.append(_MEMORY.read(entry, f"{where}: {key}"))
        except OptionError as error:
            problems.append(str(error))
    return tuple(dict.fromkeys(found))


def _keys(options: Sequence[Option]) -> set[str]:
    """Keys of a file under which options may stand."""
    return {one.key for one in options} | {one.name for one in options}


def _read_options(
    data: Mapping[str, Any], known: Sequence[Option], where: str, problems: list[str]
) -> dict[str, Any]:
    """Options in a mapping by name; what is wrong with them is added to ``problems``."""
    found: dict[str, Any] = {}
    for key in sorted(data.keys() & _keys(known)):
        try:
            found |= read_given({key: data[key]}, known, f"{where}: ")
        except OptionError as error:
            problems.append(str(error))
    return found


def _profiles(
    names: Any, load: Callable[[str], Profile], where: str, problems: list[str]
) -> tuple[Profile, ...]:
    """Profiles by name; what is wrong with them is added to ``problems``."""
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        problems.append(f"{where}: must be a list of names, got {names!r:.60}")
        return ()
    found: list[Profile] = []
    for name in names:
        try:
            found.append(load(name))
        except AutoSplitError as error:
            problems.append(f"{where}: {error}")
    problems += _repeated([profile.name for profile in found], where)
    return tuple(found)


def _repeated(names: Sequence[str], where: str) -> list[str]:
    """What is wrong with a list in which each name must stand once."""
    again = [name for name, times in Counter(names).items() if times > 1]
    return [f"{where}: each must be listed once, got {name!r} again" for name in again]


def _limit_problems(limit: Any, methods: Sequence[str], where: str) -> list[str]:
    """What is wrong with the most distortion: a number, or the name of a method."""
    if isinstance(limit, str) and limit not in methods:
        near = did_you_mean(limit, methods)
        return [
            f"{where}: max_distortion: must be a number or one of the methods, got {limit!r}{near}"
        ]
    is_number = type(limit) in (int, float) and 0 <= limit < float("inf")
    if limit is not None and not isinstance(limit, str) and not is_number:
        return [f"{where}: max_distortion: must be a number of at least 0, got {limit!r}"]
    return []

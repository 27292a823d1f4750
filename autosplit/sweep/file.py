"""A sweep file: which networks, devices, links, methods and memory limits to try together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from autosplit.errors import AutoSplitError, FileError, did_you_mean
from autosplit.files import check_keys, read_yaml
from autosplit.grid.grid import DEFAULT_WIDTHS, WIDTHS
from autosplit.hardware.device import Device, load_device
from autosplit.hardware.link import Link, load_link
from autosplit.runs.folder import default_folder
from autosplit.runs.options import StatsOptions
from autosplit.search.methods import METHODS

FIGURES = ("crossover", "latency")
"""What a sweep may draw of its table."""
REFERENCE = "cloud16"
"""The method whose latency is 1 in ``normalised_latency``."""
_STATS = {field.name for field in fields(StatsOptions)}
_SHARED = _STATS - {"model", "weights", "checkpoint"}
_OPTIONAL = {"edges", "clouds", "methods", "widths", "max_distortion", "figure", *_SHARED}
_NUMBERS = ("input_size", "calibration_images", "batch_size", "seed", "jpeg_quality")

Profile = TypeVar("Profile", Device, Link)


class SweepError(AutoSplitError, RuntimeError):
    """A sweep cannot go on; what has finished is kept."""


@dataclass(frozen=True)
class Network:
    """One network of a sweep.

    Attributes:
        name: Its name in the table, unique.
        options: What ``stages.run_stats`` is given.
        memory_bytes: Limits to try; None is as much as the edge device has.
    """

    name: str
    options: Mapping[str, Any]
    memory_bytes: tuple[int | None, ...] = (None,)


@dataclass(frozen=True)
class Sweep:
    """What a sweep file says, its profiles read.

    Attributes:
        networks: Networks, in the order of the file, as everything here.
        edges, clouds: Devices; every pair is tried.
        links: Link name -> link.
        methods: Names of methods.
        widths: Widths that may be used, bits.
        max_distortion: Most distortion that a row may have if its method has a plan with less:
            a number, or the method whose least distortion it is; None: any.
        figure: What to draw of the table, of ``FIGURES``; empty: nothing.
    """

    networks: tuple[Network, ...]
    edges: tuple[Device, ...]
    clouds: tuple[Device, ...]
    links: Mapping[str, Link]
    methods: tuple[str, ...]
    widths: tuple[int, ...] = DEFAULT_WIDTHS
    max_distortion: float | str | None = None
    figure: str = ""


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file.

    Paths in it are looked up as they would be on the command line: from the current folder.

    Raises:
        FileError: The file is missing or wrong; says everything wrong at once.
    """
    data = read_yaml(path, "sweep")
    problems = check_keys(data, {"models", "links"}, _OPTIONAL, where=str(path))
    data = {key: data[key] for key in data.keys() & (_OPTIONAL | {"models", "links"})}
    shared = {key: data[key] for key in data.keys() & _SHARED}
    problems += _option_problems(shared, str(path))
    networks = _networks(data.get("models", []), shared, path, problems)
    edges = _profiles(data.get("edges", ["eyeriss"]), load_device, f"{path}: edges", problems)
    clouds = _profiles(data.get("clouds", ["tpu_v1"]), load_device, f"{path}: clouds", problems)
    links = _profiles(data.get("links", ["1mbps"]), load_link, f"{path}: links", problems)
    methods = data.get("methods", "all")
    methods = list(METHODS) if methods == "all" else methods
    problems += _method_problems(methods, path)
    problems += _value_problems(data, methods, path)
    if problems:
        raise FileError("; ".join(problems))
    widths = tuple(sorted(data.get("widths", DEFAULT_WIDTHS)))
    limit = data.get("max_distortion")
    limit = limit if limit is None or isinstance(limit, str) else float(limit)
    by_name = {link.name: link for link in links}
    return Sweep(
        networks, edges, clouds, by_name, tuple(methods), widths, limit, data.get("figure") or ""
    )


def _networks(
    entries: Any, shared: Mapping[str, Any], path: Path, problems: list[str]
) -> tuple[Network, ...]:
    """The networks of a file; what is wrong with them is added to ``problems``."""
    if not isinstance(entries, list) or not entries:
        problems.append(f"{path}: models: must be a list of networks, got {entries!r:.60}")
        return ()
    networks: list[Network] = []
    for number, entry in enumerate(entries, 1):
        where = f"{path}: models: {number}"
        given = {"model": entry} if isinstance(entry, str) else entry
        wrong = check_keys(given, {"model"}, _STATS | {"name", "memory_bytes"}, where=where)
        if wrong:
            problems += wrong
            continue
        own = {key: given[key] for key in given.keys() & _STATS}
        wrong = _option_problems(own, where)
        limits = given.get("memory_bytes")
        limits = limits if isinstance(limits, list) and limits else [limits]
        if not all(limit is None or _is_count(limit, 1) for limit in limits):
            wrong.append(f"{where}: memory_bytes: must be whole numbers >= 1, got {limits!r:.60}")
        name = given.get("name") or default_folder(str(given["model"])).name
        if not isinstance(name, str) or not name.replace("-", "_").isidentifier():
            wrong.append(f"{where}: name: must be letters, digits, _ and -, got {name!r}")
        if name in {network.name for network in networks}:
            wrong.append(f"{where}: name: must be unique, got {name!r} again")
        problems += wrong
        networks.append(Network(str(name), {**shared, **own}, tuple(dict.fromkeys(limits))))
    return tuple(networks)


def _option_problems(options: Mapping[str, Any], where: str) -> list[str]:
    """What is wrong with options of ``autosplit stats``."""
    problems = []
    for key, value in sorted(options.items()):
        if key in _NUMBERS and not _is_count(value, 0):
            problems.append(f"{where}: {key}: must be a whole number >= 0, got {value!r}")
        if key not in _NUMBERS and not (isinstance(value, str) and value):
            problems.append(f"{where}: {key}: must be text, got {value!r}")
    return problems


def _profiles(
    names: Any, load: Callable[[str], Profile], where: str, problems: list[str]
) -> tuple[Profile, ...]:
    """Profiles by name; what is wrong with them is added to ``problems``."""
    if not _is_list_of_text(names):
        problems.append(f"{where}: must be a list of names, got {names!r:.60}")
        return ()
    found: list[Profile] = []
    for name in names:
        try:
            found.append(load(name))
        except AutoSplitError as error:
            problems.append(f"{where}: {error}")
    repeated = {
        profile.name for profile in found if [p.name for p in found].count(profile.name) > 1
    }
    problems += [f"{where}: each must be listed once, got {name!r} again" for name in repeated]
    return tuple(found)


def _method_problems(methods: Any, path: Path) -> list[str]:
    if not _is_list_of_text(methods):
        return [f"{path}: methods: must be all or a list of names, got {methods!r:.60}"]
    unknown = [name for name in methods if name not in METHODS]
    problems = [
        f"{path}: methods: unknown method {name!r}{did_you_mean(name, METHODS)}" for name in unknown
    ]
    if len(set(methods)) < len(methods):
        problems.append(f"{path}: methods: each must be listed once, got {', '.join(methods)}")
    return problems


def _value_problems(data: Mapping[str, Any], methods: Any, path: Path) -> list[str]:
    """What is wrong with the widths, the most distortion and the figure."""
    problems = []
    widths = data.get("widths", list(DEFAULT_WIDTHS))
    if not isinstance(widths, list) or not widths or not all(width in WIDTHS for width in widths):
        known = ", ".join(map(str, WIDTHS))
        problems.append(
            f"{path}: widths: must be a list of widths from {known}, got {widths!r:.60}"
        )
    elif len(set(widths)) < len(widths):
        problems.append(f"{path}: widths: each must be listed once, got {widths}")
    limit = data.get("max_distortion")
    known_methods = methods if _is_list_of_text(methods) else METHODS
    if isinstance(limit, str) and limit not in known_methods:
        problems.append(
            f"{path}: max_distortion: must be a number or one of the methods, got {limit!r}"
            f"{did_you_mean(limit, known_methods)}"
        )
    elif limit is not None and not isinstance(limit, str) and not _is_limit(limit):
        problems.append(f"{path}: max_distortion: must be a number >= 0, got {limit!r}")
    figure = data.get("figure")
    if figure is not None and figure not in FIGURES:
        problems.append(
            f"{path}: figure: unknown figure {figure!r}{did_you_mean(str(figure), FIGURES)}"
        )
    return problems


def _is_limit(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < float("inf")


def _is_count(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def _is_list_of_text(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and all(isinstance(name, str) for name in value)
    )

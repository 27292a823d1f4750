"""The problem of a search, from statistics, names of profiles, and sizes as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from autosplit.errors import DataError, ProfileError
from autosplit.graph.graph import Graph
from autosplit.hardware.device import Device, load_device
from autosplit.hardware.link import Link, load_link
from autosplit.plan.int8_weights import stats_for
from autosplit.runs.option import options_of
from autosplit.runs.options import SearchOptions
from autosplit.search import problem as record
from autosplit.stats.stats import Stats

USUAL = SearchOptions()
_OPTIONS = {one.name: one for one in options_of(SearchOptions)}


class _TypeOfProblem(type):
    """Makes ``isinstance(problem, autosplit.Problem)`` true of the record that is made."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, record.Problem)


class Problem(record.Problem, metaclass=_TypeOfProblem):
    """What to search: a network, its statistics, two devices, the links, the memory.

    A call gives the record that every search method reads.

    Args:
        graph: The network's layers, ``net.graph``.
        stats: What ``autosplit.measure`` found.
        edge: The edge device: the name of a shipped profile, a file, or a ``Device``.
        cloud: The cloud device, likewise.
        links: One link or more: names, files, rates such as ``3mbps``, or ``Link``.
        memory: What the edge half may use: bytes, a size such as ``4MiB`` or ``512KB``, or
            ``device`` for as much as the edge device has.  0 is no memory at all; None is no limit.
        widths: Widths that weights and activations may have, 1..8 bits.
        coding: Coding of the crossing tensors, as ``--coding``: ``entropy``, ``packed``, ``none``.

    Raises:
        ProfileError: A device or link is unknown or wrong.
        OptionError: The memory or the widths are no such thing.
        DataError: The statistics are of another network.
        InfeasibleError: The edge device supports none of the widths.
    """

    def __new__(  # type: ignore[misc]
        cls,
        graph: Graph,
        stats: Stats,
        *,
        edge: str | Path | Device = USUAL.edge,
        cloud: str | Path | Device = USUAL.cloud,
        links: str | Link | Sequence[str | Link] = USUAL.links,
        memory: int | str | None = USUAL.memory_bytes,
        widths: Sequence[int] = USUAL.widths,
        coding: str = USUAL.coding,
    ) -> record.Problem:
        """Make the record that every search method reads."""
        if not isinstance(graph, Graph):
            raise DataError(f"graph: must be that of a network, net.graph, got {_kind(graph)}")
        if not isinstance(stats, Stats):
            raise DataError(f"stats: must be what autosplit.measure gives, got {_kind(stats)}")
        device = _device(edge, "edge")
        stats = stats_for(device, graph, stats)
        return record.Problem(
            graph,
            stats.distortions,
            device,
            _device(cloud, "cloud"),
            _links(links),
            _OPTIONS["memory_bytes"].check(memory, "memory"),
            _OPTIONS["widths"].check(widths),
            input_codings=stats.input_codings,
            coded=stats.sent(_OPTIONS["coding"].check(coding)),
            stats=stats,
        )


def _device(device: str | Path | Device, side: str) -> Device:
    if isinstance(device, Device):
        return device
    if not isinstance(device, str | Path):
        raise ProfileError(
            f"{side}: must be the name of a device, a file or a Device, got {device!r}"
        )
    return load_device(device)


def _links(links: str | Link | Sequence[str | Link]) -> dict[str, Link]:
    """Link name -> link, in the order of ``links``."""
    if isinstance(links, str):
        links = [word.strip() for word in links.split(",")]
    listed = [links] if isinstance(links, Link) else links
    if not isinstance(listed, Iterable):
        raise ProfileError(f"links: must be names, files or rates of links, got {links!r}")
    found: dict[str, Link] = {}
    for link in listed:
        if not isinstance(link, str | Path | Link):
            raise ProfileError(f"links: must be names, files or rates of links, got {link!r}")
        profile = link if isinstance(link, Link) else load_link(link)
        if profile.name in found:
            raise ProfileError(f"links: each must be listed once, got {profile.name!r} twice")
        found[profile.name] = profile
    return found


def _kind(value: object) -> str:
    return type(value).__name__

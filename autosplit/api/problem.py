"""The problem of a search, from statistics, names of profiles, and sizes as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path

from autosplit.errors import DataError, ProfileError
from autosplit.graph.graph import Graph
from autosplit.hardware.device import Device, load_device
from autosplit.hardware.link import Link, load_link
from autosplit.runs.option import options_of
from autosplit.runs.options import SearchOptions
from autosplit.search import problem as record
from autosplit.stats.stats import Stats


class Memory(Enum):
    """What is meant where no memory is given."""

    OF_DEVICE = "as much as the edge device has"


USUAL = SearchOptions()
_OPTIONS = {one.name: one for one in options_of(SearchOptions)}


def Problem(  # noqa: N802 - it stands for the record of that name, which it makes
    graph: Graph,
    stats: Stats,
    *,
    edge: str | Path | Device = USUAL.edge,
    cloud: str | Path | Device = USUAL.cloud,
    links: str | Link | Sequence[str | Link] = USUAL.links,
    memory: int | str | Memory | None = Memory.OF_DEVICE,
    widths: Sequence[int] = USUAL.widths,
    coding: str = USUAL.coding,
) -> record.Problem:
    """State what to search: a network, its statistics, two devices, the links, the memory.

    Args:
        graph: The network's layers, ``net.graph``.
        stats: What ``autosplit.measure`` found.
        edge: The edge device: the name of a shipped profile, a file, or a ``Device``.
        cloud: The cloud device, likewise.
        links: One link or more: names, files, rates such as ``3mbps``, or ``Link``.
        memory: What the edge half may use: bytes, or a size such as ``4MiB`` or ``512KB``.  0 is no
            memory at all; None is no limit; left out, it is what the edge device has.
        widths: Widths that weights and activations may have, 1..8 bits.
        coding: Of the crossing tensors, as ``--coding``: ``packed`` or ``entropy``.

    Returns:
        The record that every search method reads.

    Raises:
        ProfileError: A device or link is unknown or wrong.
        OptionError: The memory or the widths are no such thing.
        DataError: The statistics are of another network.
        InfeasibleError: The edge device supports none of the widths.
    """
    if not isinstance(graph, Graph):
        raise DataError(f"graph: must be that of a network, net.graph, got {_kind(graph)}")
    if not isinstance(stats, Stats):
        raise DataError(f"stats: must be what autosplit.measure gives, got {_kind(stats)}")
    device = _device(edge, "edge")
    if memory is None:
        device = replace(device, memory_bytes=None)
    return record.Problem(
        graph,
        stats.distortions,
        device,
        _device(cloud, "cloud"),
        _links(links),
        _bytes(memory),
        _OPTIONS["widths"].check(widths),
        input_coding=stats.input_coding,
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
    """Link name -> link, in the order given."""
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


def _bytes(memory: int | str | Memory | None) -> int | None:
    """Bytes of a limit; None for what the device has, or for no limit."""
    if memory is None or isinstance(memory, Memory):
        return None
    bytes_: int = _OPTIONS["memory_bytes"].check(memory, "memory")
    return bytes_


def _kind(value: object) -> str:
    return type(value).__name__

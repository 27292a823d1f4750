"""The hardware that a stage is asked for: two devices, the links between them, their SHA-256."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TypeVar

from autosplit.errors import warn
from autosplit.files import parse_yaml, sha256_of, write_text, write_yaml
from autosplit.hardware.device import OF_DEVICE, Device, load_device, memory_limit
from autosplit.hardware.link import Link, load_link
from autosplit.plainfile import exists, read_text
from autosplit.runs.hashes import hash_profile
from autosplit.runs.options import LatencyOptions, SearchOptions
from autosplit.runs.stamps import Stamp, read_stamp, resolve

Known = TypeVar("Known", Device, Link)


@dataclass(frozen=True, slots=True)
class Hardware:
    """Profiles that a stage uses.

    Attributes:
        edge, cloud: Devices.
        links: Link name -> link, in the order asked for.
    """

    edge: Device
    cloud: Device
    links: Mapping[str, Link]

    def hashes(self) -> dict[str, str]:
        """Use of each profile, such as ``edge`` or ``link 3mbps`` -> SHA-256 of what it says."""
        found = {"edge": hash_profile(self.edge), "cloud": hash_profile(self.cloud)}
        return found | {f"link {name}": hash_profile(link) for name, link in self.links.items()}

    def warn_of_runtimes(self) -> None:
        """Warn of devices that were measured with another version than is installed here."""
        for device in dict.fromkeys((self.edge, self.cloud)):
            name, _, version = device.runtime.partition(" ")
            with suppress(PackageNotFoundError, ValueError):
                here = installed_version(name)
                if here != version:
                    warn(
                        f"{device.name}: was measured with {device.runtime}, version {here} is "
                        "installed here; measure again if the device runs another version too"
                    )


def load_hardware(
    edge: str, cloud: str, links: Iterable[str], folder: Path | None = None
) -> Hardware:
    """Profiles by name or file.

    Args:
        edge: Edge device.
        cloud: Cloud machine.
        links: Links.
        folder: Run folder, whose copy of a file is taken where the file is not found.

    Raises:
        ProfileError: One is unknown or wrong.
    """
    profiles = [_load(load_link, name, folder) for name in links]
    by_name = {profile.name: profile for profile in profiles}
    return Hardware(_load(load_device, edge, folder), _load(load_device, cloud, folder), by_name)


def timed_hardware(folder: Path) -> Hardware:
    """Hardware of the stage ``latency``: its own, else that of the search."""
    searched = resolve({}, read_stamp(folder, "search"), SearchOptions())
    asked = resolve({}, read_stamp(folder, "latency"), LatencyOptions())
    return load_hardware(
        searched.edge if asked.edge is None else asked.edge,
        searched.cloud if asked.cloud is None else asked.cloud,
        searched.links if asked.links is None else asked.links,
        folder,
    )


def edge_device(searched: Stamp, folder: Path | None = None) -> Device:
    """The edge device that a search was asked for.

    Args:
        searched: Stamp of ``search``.
        folder: Run folder, as of ``load_hardware``.
    """
    return _load(load_device, resolve({}, searched, SearchOptions()).edge, folder)


def keep_profiles(folder: Path, names: Iterable[str]) -> list[str]:
    """Copy profiles that are a person's files into a run folder, which may be moved.

    Args:
        folder: Run folder.
        names: Names or files of profiles.

    Returns:
        Names of the copies, relative to the run folder.
    """
    kept = []
    for name in names:
        source = Path(name)
        if not source.is_file():
            kept += [copy for copy in _copies(name) if (folder / copy).is_file()]
            continue
        copy, table = _copies(name)
        data = parse_yaml(source)
        if isinstance(data.get("table"), str):
            write_text(folder / table, read_text(source.parent / data["table"]))
            data["table"] = Path(table).name
            kept.append(table)
        schema = data.pop("schema").split("/")
        write_yaml(folder / copy, schema[1], data, int(schema[2]))
        kept.append(copy)
    return kept


def _copies(name: str) -> tuple[str, str]:
    """Names, in a run folder, of the copy of a profile and of its table."""
    stem = f"profiles/{sha256_of(name)[:16]}"
    return f"{stem}.yaml", f"{stem}.csv"


def _load(load: Callable[[str | Path], Known], name: str, folder: Path | None) -> Known:
    """A profile, or the copy of it in a run folder that was moved away from it."""
    copy = None if folder is None else folder / _copies(name)[0]
    moved = copy is not None and not exists(Path(name)) and copy.is_file()
    return load(copy if moved and copy is not None else name)


def limit_bytes(searched: Stamp, folder: Path | None = None) -> int | None:
    """Memory that an edge half may use as the search was asked; None: it is not limited.

    Args:
        searched: Stamp of ``search``.
        folder: Run folder, as of ``load_hardware``.
    """
    options = resolve({}, searched, SearchOptions())
    asked = options.memory_bytes
    if asked == OF_DEVICE:
        return memory_limit(asked, edge_device(searched, folder))
    return asked

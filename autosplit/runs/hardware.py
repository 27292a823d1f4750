"""The hardware that a stage is asked for: two devices, the links between them, their SHA-256."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autosplit.hardware.device import Device, load_device
from autosplit.hardware.link import Link, load_link
from autosplit.runs.hashes import hash_profile
from autosplit.runs.options import SearchOptions
from autosplit.runs.stamps import Stamp, resolve


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


def load_hardware(edge: str, cloud: str, links: Iterable[str]) -> Hardware:
    """Profiles by name or file.

    Raises:
        ProfileError: One is unknown or wrong.
    """
    profiles = [load_link(name) for name in links]
    by_name = {profile.name: profile for profile in profiles}
    return Hardware(load_device(edge), load_device(cloud), by_name)


def limit_bytes(searched: Stamp) -> int | None:
    """Memory that an edge half may use as the search was asked; None: it is not limited.

    Args:
        searched: Stamp of ``search``.
    """
    options = resolve({}, searched, SearchOptions())
    asked = options.memory_bytes
    return load_device(options.edge).memory_bytes if asked is None else asked

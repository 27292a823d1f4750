"""The command ``profiles``."""

from __future__ import annotations

import textwrap


def profiles_command() -> None:
    """List the shipped devices and links, and the sources of their numbers."""
    from autosplit.hardware.device import device_names, load_device
    from autosplit.hardware.link import link_names, load_link

    print("devices")
    for device in map(load_device, device_names()):
        print(_line(device.name, device.source))
    print("links")
    for link in map(load_link, link_names()):
        print(_line(link.name, link.source))


def _line(name: str, source: str) -> str:
    return f"  {name:<18}{textwrap.shorten(source, 90, placeholder=' ...')}"

"""The link between edge and cloud: rates and round trip, from a profile that cites its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autosplit.files import check_keys, read_yaml
from autosplit.hardware.checks import refuse, set_fields, value_problems
from autosplit.hardware.shipped import find, folder

_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kmg])bps", re.IGNORECASE)
_RATE_BPS = {"k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network link between the edge and the cloud.

    Attributes:
        name: Name in tables and errors.
        source: Where each number comes from.
        uplink_bps: Sustained rate to the cloud, bits per second (1 Mbit = 10^6 bits).
        downlink_bps: Sustained downlink rate; None: the answer's way back costs nothing.
        rtt_s: Round-trip time, seconds; each transfer pays half of it.
        message_bytes: Bytes of a message beside its tensors, such as headers of the protocol.
        reply_bytes: Bytes of an answer beside its numbers; they need a downlink to cost anything.
        message_s: Seconds of both ends for a message beside the halves and the link: packing, the
            request, reading the answer.
        jpeg_s: Seconds of both ends, in addition, to write and read an input as a JPEG file.
        byte_s: Seconds of both ends for each byte of the tensors: to code it and to decode it.
        radio_byte_j: Joules of the edge device for a byte that it sends or receives; None: not
            known.

    Raises:
        ProfileError: A value is out of range.
    """

    name: str
    source: str
    uplink_bps: float
    downlink_bps: float | None = None
    rtt_s: float = 0.0
    message_bytes: float = 0
    reply_bytes: float = 0
    message_s: float = 0.0
    jpeg_s: float = 0.0
    byte_s: float = 0.0
    radio_byte_j: float | None = None

    def __post_init__(self) -> None:
        refuse(_link_problems(set_fields(self), str(self.name)))

    def transfer_s(self, bits: float) -> float:
        """Seconds to send ``bits`` to the cloud: half a round trip, then the bits at the rate.

        The bytes and the seconds that a message has of its own are added.

        >>> Link(name="3mbps", source="doc", uplink_bps=3.0e6, rtt_s=0.02).transfer_s(300_000)
        0.11
        """
        sent = bits + 8 * self.message_bytes
        coding_s = self.byte_s * bits / 8
        return self.rtt_s / 2 + self.message_s + coding_s + sent / self.uplink_bps

    @property
    def sent_byte_s(self) -> float:
        """Seconds of one byte more, on the link and at both ends."""
        return 8 / self.uplink_bps + self.byte_s

    def answer_s(self, bits: int) -> float:
        """Seconds until ``bits`` are back on the edge; 0 if the link has no downlink."""
        if self.downlink_bps is None:
            return 0.0
        return self.rtt_s / 2 + (bits + 8 * self.reply_bytes) / self.downlink_bps


def load_link(name_or_path: str | Path) -> Link:
    """Read the link of this name, or of this file, or make one of this rate.

    Args:
        name_or_path: Name of a shipped profile, a file, or any ``<number>kbps``,
            ``<number>mbps`` or ``<number>gbps``: an uplink of that rate without round-trip time.

    Raises:
        ProfileError: There is no such name, or the profile is wrong; says everything wrong at once.
        FileError: There is no such file, or it is not a link profile.
    """
    rate = _RATE.fullmatch(str(name_or_path))
    if rate and not Path(name_or_path).is_file() and str(name_or_path) not in link_names():
        uplink_bps = float(rate[1]) * _RATE_BPS[rate[2].lower()]
        return Link(name=rate[0].lower(), source="rate as typed", uplink_bps=uplink_bps)
    path = find(name_or_path, "link")
    data = read_yaml(path, "link")
    refuse(_link_problems(data, str(path)))
    return Link(**data)


def link_names() -> tuple[str, ...]:
    """Names of the shipped links, sorted."""
    return tuple(sorted(path.stem for path in folder("link").glob("*.yaml")))


def _link_problems(data: Mapping[str, Any], where: str) -> list[str]:
    required = {"name", "source", "uplink_bps"}
    optional = {"downlink_bps", "rtt_s", "message_bytes", "reply_bytes", "message_s"}
    optional |= {"jpeg_s", "byte_s", "radio_byte_j"}
    problems = check_keys(data, required, optional, where=where)
    return problems + value_problems(data, where)

"""Two network namespaces with a rate-limited link between them; needs root and iproute2."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

BURST_BYTES = 1600
"""What the shaper lets through at once: one packet, the least that it can."""
HEADERS_BYTES, FRAME_BYTES = 66, 1514
"""Ethernet, IPv4 and TCP with timestamps before the bytes of a packet; the largest packet."""
SHARE = 1 - HEADERS_BYTES / FRAME_BYTES
"""Share of the shaper's rate that is left for the bytes of TCP."""
EDGE, CLOUD = "192.0.2.1", "192.0.2.2"
"""Addresses inside the namespaces, of a block that is for documentation alone."""


@dataclass(frozen=True)
class Counted:
    """Bytes of TCP that the edge's interface sent and got, without the headers of packets."""

    up_bytes: float
    down_bytes: float


@dataclass(frozen=True)
class Ends:
    """The two ends of a link.

    Attributes:
        edge, cloud: Names of the namespaces.
    """

    edge: str
    cloud: str

    def shape(self, bps: float | None) -> None:
        """Limit the rate of the link both ways; None: no limit."""
        for place, device in ((self.edge, "edge0"), (self.cloud, "cloud0")):
            run(["tc", "-n", place, "qdisc", "del", "dev", device, "root"], check=False)
            if bps is not None:
                limit = f"tbf rate {round(bps)}bit burst {BURST_BYTES} latency 2s"
                run(["tc", "-n", place, "qdisc", "add", "dev", device, "root", *limit.split()])

    def cut(self, down: bool = True) -> None:
        """Cut the link, or join it again."""
        run(["ip", "-n", self.edge, "link", "set", "edge0", "down" if down else "up"])

    def counted(self) -> Counted:
        """What crossed the link so far."""
        script = "cat /sys/class/net/edge0/statistics/{tx,rx}_{bytes,packets}"
        done = subprocess.run(  # noqa: S603 - of this file
            self.within(self.edge, ["bash", "-c", script]),
            check=True,
            capture_output=True,
            text=True,
        )
        up, sent, down, got = map(int, done.stdout.split())
        return Counted(up - HEADERS_BYTES * sent, down - HEADERS_BYTES * got)

    def within(self, side: str, command: Sequence[str]) -> list[str]:
        """A command that runs at one end."""
        return ["ip", "netns", "exec", side, *command]


def can_shape() -> bool:
    """Whether this process may make namespaces and links."""
    return os.geteuid() == 0 and None not in (shutil.which("ip"), shutil.which("tc"))


@contextmanager
def link() -> Iterator[Ends]:
    """A link between two namespaces, which are gone afterwards."""
    ends = Ends(f"edge-{os.getpid()}", f"cloud-{os.getpid()}")
    made = []
    try:
        for name in (ends.edge, ends.cloud):
            run(["ip", "netns", "add", name])
            made.append(name)
        pair = f"ip -n {ends.edge} link add edge0 type veth peer name cloud0 netns {ends.cloud}"
        run(pair.split())
        for name, device, address in ((ends.edge, "edge0", EDGE), (ends.cloud, "cloud0", CLOUD)):
            run(f"ip -n {name} address add {address}/24 dev {device}".split())
            run(f"ip -n {name} link set {device} up".split())
            run(f"ip -n {name} link set lo up".split())
        yield ends
    finally:
        for name in made:
            run(["ip", "netns", "del", name], check=False)


def run(command: Sequence[str], *, check: bool = True) -> None:
    """A command that says nothing unless it fails."""
    subprocess.run(command, check=check, capture_output=True)  # noqa: S603 - of this file

"""The profile of a link to a running server: both rates and the round trip, measured.

    round trip    the median of the seconds that connecting takes, which no program answers
    rate          8 bytes / (seconds of a long message - seconds of an empty one), the median

What an empty message takes, the median of those before the long ones, is the round trip and both
ends' own work; without it the rate is of the bytes of TCP alone.  Messages grow until they take
``LONG_S``.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from autosplit.deploy.connection import Connection, ServerError, UnreachableError
from autosplit.deploy.link_probe import PATH, PROBE_BYTES, probe_bytes
from autosplit.deploy.measure_models import half_interval
from autosplit.errors import warn
from autosplit.files import write_yaml
from autosplit.hardware.link import Link

CONNECTIONS = 15
"""Times that the server is connected to, for the round trip."""
FIRST_BYTES = 1 << 14
LONG_S = 0.2
"""Seconds of a long message, as far as ``PROBE_BYTES`` allows."""
FEWEST, MOST_RUNS = 7, 30
"""Long messages in each direction."""
NARROW, NOISY = 0.03, 0.25
"""Half of the 95 % interval of a median, over it, at which measuring ends, or is warned of."""
MOST_BASE = 0.9
"""Most of a long message's seconds that an empty one is taken to have, on a noisy machine."""
MOST_S = 15.0
"""Seconds for the messages of one direction."""
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """The rate of one direction.

    Attributes:
        bps: Median rate, bits per second.
        spread: Half of the 95 % confidence interval of ``bps`` over ``bps``.
        runs: Messages that were counted.
        size_bytes: Bytes of each.
    """

    bps: float
    spread: float
    runs: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MeasuredLink:
    """What was measured of a link.

    Attributes:
        up, down: The rates.
        rtt_s: Median round trip, seconds.
        message_s: Median seconds of an empty message and its answer beside the round trip.
    """

    up: MeasuredRate
    down: MeasuredRate
    rtt_s: float
    message_s: float


@dataclass
class _Probe:
    """Asks a server for messages, and takes their seconds."""

    server: Connection
    empty_s: list[float] = field(default_factory=list)

    def sent(self, count: int) -> float:
        """Seconds until the server has taken so many bytes and said so."""
        body = probe_bytes(count)
        start = time.perf_counter()
        self.server.ask(PATH, TIMEOUT_S, body)
        return time.perf_counter() - start

    def got(self, count: int) -> float:
        """Seconds until so many bytes are here."""
        start = time.perf_counter()
        content, _ = self.server.ask(f"{PATH}/{count}", TIMEOUT_S)
        seconds = time.perf_counter() - start
        if len(content) != count:
            raise ServerError(
                f"{self.server.server}: must give {count} bytes, gave {len(content)}; something "
                "between here and the server changes what is sent"
            )
        return seconds

    def rate(self, moved: Callable[[int], float]) -> MeasuredRate:
        """The rate at which messages are moved."""
        size, empty_s = FIRST_BYTES, moved(0)
        while size < PROBE_BYTES and moved(size) - empty_s < LONG_S:
            size *= 2
        empty, rates = [empty_s], list[float]()
        until = time.monotonic() + MOST_S
        while len(rates) < FEWEST or (len(rates) < MOST_RUNS and time.monotonic() < until):
            empty.append(moved(0))
            long_s = moved(size)
            base_s = min(statistics.median(empty), MOST_BASE * long_s)
            rates.append(8 * size / (long_s - base_s))
            if len(rates) >= FEWEST and half_interval(rates) < NARROW:
                break
        self.empty_s += empty
        return MeasuredRate(statistics.median(rates), half_interval(rates), len(rates), size)


def measure_link(server: Connection) -> MeasuredLink:
    """Measure the link to a server.

    Args:
        server: A running ``autosplit serve``; its connection is closed afterwards.

    Raises:
        ServerError: The server cannot be reached, refuses, or is none that measures links.
    """
    probe = _Probe(server)
    connecting = []
    try:
        try:
            probe.sent(0)
        except UnreachableError:
            raise
        except ServerError as error:
            if ": 404," not in str(error) and ": 405," not in str(error):
                raise
            raise ServerError(
                f"{server.server}: must be an autosplit serve that measures links (0.2.0 or newer),"
                f" has no {PATH}"
            ) from error
        for _ in range(CONNECTIONS):
            server.close()
            probe.sent(0)
            connecting.append(server.connect_s)
        up, down = probe.rate(probe.sent), probe.rate(probe.got)
    finally:
        server.close()
    rtt_s = statistics.median(connecting)
    beside_s = max(statistics.median(probe.empty_s) - rtt_s, 0.0)
    for way, one in (("up", up), ("down", down)):
        if one.spread > NOISY:
            warn(
                f"profile: the rate {way} is known within {100 * one.spread:.0f} % only after "
                f"{one.runs} messages; stop other traffic on the link, and measure again"
            )
    return MeasuredLink(up, down, rtt_s, beside_s)


def profile_link(server: Connection, out: Path) -> MeasuredLink:
    """Measure the link to a server, and write its profile.

    Args:
        server: A running ``autosplit serve``.
        out: The profile, a YAML file, whose name is the link's.
    """
    found = measure_link(server)
    host = urlsplit(server.server).hostname
    about = {
        "name": out.stem,
        "source": f"Measured by autosplit profile --link to {host}: medians of "
        f"{_counted(found.up)} up, {_counted(found.down)} down, and {CONNECTIONS} connections. "
        "Rates are of the bytes in TCP; message_s is what an empty request takes beside the round "
        "trip.",
        "uplink_bps": _rounded(found.up.bps),
        "downlink_bps": _rounded(found.down.bps),
        "rtt_s": _rounded(found.rtt_s),
        "message_s": _rounded(found.message_s),
    }
    Link(**about)  # type: ignore[arg-type]  # refuses what cannot be read again
    write_yaml(out, "link", about)
    return found


def link_words(found: MeasuredLink) -> str:
    """What was measured, in two lines."""
    ways = [
        f"{way} {one.bps / 1e6:.3g} Mbit/s (within {100 * one.spread:.1f} % after {one.runs} "
        f"messages of {one.size_bytes:,} bytes)"
        for way, one in (("up", found.up), ("down", found.down))
    ]
    return (
        f"{ways[0]}, {ways[1]}\nround trip {1e3 * found.rtt_s:.3g} ms, and "
        f"{1e3 * found.message_s:.3g} ms more of both ends for each message"
    )


def _counted(one: MeasuredRate) -> str:
    return f"{one.runs} messages of {one.size_bytes} bytes (within {100 * one.spread:.1f} %)"


def _rounded(value: float) -> float:
    """Four digits, more than any such measurement has."""
    return 0.0 if not value else round(value, 3 - math.floor(math.log10(abs(value))))

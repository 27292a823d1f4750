"""What a device knows of its link and of its plans, from its own messages; no clock, no network.

    seconds of a message = round trip + 8 bytes / rate

The round trip is that of connecting, the rate an exponentially weighted mean over the messages
(EWMA, weight ``WEIGHT`` of the newest).  So are the seconds of each plan's two halves, which begin
with what the search promised.  A plan is left for another one that takes less than ``MARGIN`` of
its seconds, so that noise alone moves nothing (hysteresis).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

WEIGHT = 0.3
"""Weight of the newest measurement in a mean."""
MARGIN = 0.85
"""Share of the present plan's seconds that another one must stay below."""


def mixed(old: float, new: float, weight: float = WEIGHT) -> float:
    """The exponentially weighted mean after one more value; the first value stands alone."""
    return new if math.isnan(old) else (1 - weight) * old + weight * new


@dataclass
class LinkEstimate:
    """The link as the last messages found it.

    Attributes:
        rtt_s: Round trip, seconds; NaN: unknown.
        uplink_bps: Rate, bits per second; NaN: unknown.
    """

    rtt_s: float = math.nan
    uplink_bps: float = math.nan

    def connected(self, seconds: float) -> None:
        """Note the seconds of connecting."""
        self.rtt_s = mixed(self.rtt_s, seconds)

    def sent(self, size_bytes: int, seconds: float) -> None:
        """Note a message and the seconds that the link took for it, there and back."""
        rtt_s = 0.0 if math.isnan(self.rtt_s) else min(self.rtt_s, 0.9 * seconds)
        spent = max(seconds - rtt_s, 1e-6)
        old = math.nan if math.isnan(self.uplink_bps) else 1 / self.uplink_bps
        self.uplink_bps = 1 / mixed(old, spent / (8 * size_bytes))

    def seconds(self, size_bytes: float) -> float:
        """Seconds that a message takes; 0 while nothing is known."""
        if math.isnan(self.uplink_bps) or not size_bytes:
            return 0.0
        return (0.0 if math.isnan(self.rtt_s) else self.rtt_s) + 8 * size_bytes / self.uplink_bps


@dataclass
class PlanTimes:
    """What one plan takes beside the link.

    Attributes:
        edge_s, cloud_s: Seconds of the halves; the cloud's with the server's own.
        size_bytes: Bytes of its message; 0: it answers on the edge.
    """

    edge_s: float
    cloud_s: float
    size_bytes: float

    def noted(self, edge_s: float, cloud_s: float, size_bytes: int) -> None:
        """Note one answer."""
        self.edge_s = mixed(self.edge_s, edge_s)
        self.cloud_s = mixed(self.cloud_s, cloud_s)
        self.size_bytes = mixed(self.size_bytes, size_bytes)


@dataclass
class PlanChoice:
    """Which plan answers next.

    Attributes:
        times: Plan -> what it takes.
        link: The link.
        present: The plan that answers now.
        margin: Share of the present plan's seconds that another one must stay below.
    """

    times: Mapping[str, PlanTimes]
    link: LinkEstimate
    present: str
    margin: float = MARGIN
    reachable: bool = field(default=True)

    def seconds(self, plan: str) -> float:
        """Seconds that a plan is expected to take; infinite where the server is out of reach."""
        one = self.times[plan]
        if one.size_bytes and not self.reachable:
            return math.inf
        return one.edge_s + one.cloud_s + self.link.seconds(one.size_bytes)

    def choose(self) -> str:
        """The plan that answers next; the present one unless another is faster by the margin."""
        best = min(self.times, key=self.seconds)
        now = self.seconds(self.present)
        if self.seconds(best) < self.margin * now or math.isinf(now):
            self.present = best
        return self.present

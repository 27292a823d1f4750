"""What a server counts: requests, bytes and seconds of each plan, in the text format of Prometheus.

The format is https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper ends of the histogram of seconds."""
_RECENT = 256


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """One answered request.

    Attributes:
        protocol: ``http`` or ``grpc``.
        plan: Plan that answered.
        samples: Samples of its batch.
        request_bytes, response_bytes: Bytes of both bodies.
        server_s: Seconds from the last byte of the request to the answer.
        run_s: Seconds of the cloud half among them.
    """

    protocol: str
    plan: str
    samples: int
    request_bytes: int
    response_bytes: int
    server_s: float
    run_s: float


@dataclass
class PlanCounts:
    """What was counted of one plan.

    Attributes:
        requests: Protocol -> answered requests.
        samples: Samples of these.
        request_bytes, response_bytes: Bytes of all bodies.
        server_s, run_s: Seconds, summed up.
        buckets: Requests whose ``server_s`` is in each interval of ``BUCKETS_S``, and beyond.
        recent: ``server_s`` of the last requests.
        last: When the last answer was given, by ``time.monotonic``.
    """

    requests: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    server_s: float = 0.0
    run_s: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    last: float = 0.0

    @property
    def median_s(self) -> float:
        """Median seconds of the last requests."""
        return statistics.median(self.recent)

    @property
    def p95_s(self) -> float:
        """Fewest seconds within which at least 95 % of the last requests were answered."""
        rank = -(-95 * len(self.recent) // 100)
        return sorted(self.recent)[rank - 1]


@dataclass
class ServerMetrics:
    """Counts of a server.

    Attributes:
        log: Takes a line of JSON for each request; None: nothing is logged.
        plans: Plan -> its counts, in the order of the first requests.
        refused: Protocol and status -> requests that got no answer.
    """

    log: Callable[[str], None] | None = None
    plans: dict[str, PlanCounts] = field(default_factory=dict)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def answered(self, one: AnsweredRequest) -> None:
        """Note an answered request."""
        with self._lock:
            counts = self.plans.setdefault(one.plan, PlanCounts())
            counts.requests[one.protocol] += 1
            counts.samples += one.samples
            counts.request_bytes += one.request_bytes
            counts.response_bytes += one.response_bytes
            counts.server_s += one.server_s
            counts.run_s += one.run_s
            counts.buckets[bisect_left(BUCKETS_S, one.server_s)] += 1
            counts.recent.append(one.server_s)
            counts.last = time.monotonic()
        if self.log is not None:
            self._say({"event": "infer", "status": "ok", **asdict(one)})

    def refuse(self, protocol: str, status: str, error: str) -> None:
        """Note a request that got an error."""
        with self._lock:
            self.refused[protocol, status] += 1
        self._say({"event": "infer", "status": status, "protocol": protocol, "error": error})

    def _say(self, entry: dict[str, object]) -> None:
        if self.log is not None:
            self.log(json.dumps({"time_s": round(time.time(), 3), **entry}))

    def text(self) -> str:
        """All counts in the text format of Prometheus."""
        with self._lock:
            return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield from _head("autosplit_requests_total", "counter", "Answered requests.")
        for plan, one in self.plans.items():
            for protocol, count in sorted(one.requests.items()):
                yield _sample("autosplit_requests_total", count, plan=plan, protocol=protocol)
        yield from _head("autosplit_refusals_total", "counter", "Requests that got an error.")
        for (protocol, status), count in sorted(self.refused.items()):
            yield _sample("autosplit_refusals_total", count, protocol=protocol, status=status)
        for name, attribute, about in (
            ("samples", "samples", "Samples in answered requests."),
            ("request_bytes", "request_bytes", "Bytes of answered requests."),
            ("response_bytes", "response_bytes", "Bytes of answers."),
            ("run_seconds", "run_s", "Seconds that cloud halves computed."),
        ):
            yield from _head(f"autosplit_{name}_total", "counter", about)
            for plan, one in self.plans.items():
                yield _sample(f"autosplit_{name}_total", getattr(one, attribute), plan=plan)
        name = "autosplit_server_seconds"
        yield from _head(name, "histogram", "Seconds from a whole request to its answer.")
        for plan, one in self.plans.items():
            yield from _histogram(name, plan, one.buckets, one.server_s)


def _head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"


def _histogram(name: str, plan: str, buckets: Sequence[int], total: float) -> Iterator[str]:
    below = 0
    for end, count in zip((*map(str, BUCKETS_S), "+Inf"), buckets, strict=True):
        below += count
        yield _sample(f"{name}_bucket", below, plan=plan, le=end)
    yield _sample(f"{name}_sum", total, plan=plan)
    yield _sample(f"{name}_count", below, plan=plan)


def _sample(name: str, value: float, **labels: str) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

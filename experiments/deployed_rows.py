"""A row of what was promised beside what was measured, of one plan over one link."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from deployed_links import BURST_BYTES
from deployed_side import Row

from autosplit.graph.graph import Graph
from autosplit.hardware.link import Link
from autosplit.hardware.prediction import ANSWER_BITS
from autosplit.plan.plan import Plan

OPENING = 2
"""First answers of a process, whose times are left out."""
TIMES = ("edge_ms", "link_ms", "cloud_ms", "own_ms", "total_ms")
HEADER = (
    *("network", "link", "plan", "kind", "answers", "table_bytes", "sent_bytes"),
    *(f"{name}_{word}" for name in TIMES for word in ("median", "p95")),
    *("promised_ms", "predicted_ms", "ratio"),
)


def is_jpeg(plan: Row) -> bool:
    """Whether a plan sends its input as a JPEG file."""
    return plan["method"] == "cloud-jpeg"


@dataclass(frozen=True)
class Promise:
    """What the search promised of a plan over a link.

    Attributes:
        sent_bytes: Bytes of the crossing tensors.
        halves_s: Seconds of both halves.
        beside_s: Seconds of both ends for a message.
        up_s, down_s: Seconds of the message and of the answer on the link.
    """

    sent_bytes: float
    halves_s: float
    beside_s: float
    up_s: float
    down_s: float

    @classmethod
    def of(cls, row: Row, link: Link, plan: Plan, graph: Graph) -> Promise:
        """The parts of a row of ``summary_full.csv``."""
        halves_s, transfer_s = (
            float(row["edge_s"]) + float(row["cloud_s"]),
            float(row["transfer_s"]),
        )
        if not transfer_s:
            return cls(0.0, halves_s, 0.0, 0.0, 0.0)
        beside_s = link.message_s + (link.jpeg_s if is_jpeg(row) else 0.0)
        elements = sum(graph.elements(name) for name in graph.cut(plan.edge).answers)
        down_s = link.answer_s(ANSWER_BITS * elements)
        up_s = transfer_s - beside_s - down_s
        return cls(float(row["cut_bytes"]), halves_s, beside_s, up_s, down_s)


def row(
    about: Sequence[str], promise: Promise, pieces: Sequence[Sequence[Row]], bps: float | None
) -> dict[str, Any]:
    """One row of the table; the first answers, which open the connection, have no times in it.

    The bytes are the mean over pictures that differ, as the table's are: some come more often.
    """
    timed = [one for piece in pieces for one in piece[OPENING:]]
    bytes_of = {one["picture"]: float(one["sent_bytes"]) for piece in pieces for one in piece}
    found: dict[str, Any] = dict(zip(HEADER[:4], about, strict=True))
    found |= {"answers": len(timed), "table_bytes": promise.sent_bytes}
    found["sent_bytes"] = statistics.mean(bytes_of.values())
    for name in TIMES:
        values = [float(one[name]) for one in timed]
        found[f"{name}_median"] = statistics.median(values)
        found[f"{name}_p95"] = float(np.percentile(values, 95))
    rest_s = promise.halves_s + promise.beside_s
    found["promised_ms"] = 1e3 * (rest_s + promise.up_s + promise.down_s)
    crossing_s = 0.0
    if bps is not None:
        crossing_s = shaped_s(promise.up_s, promise.down_s, rest_s, 8 * BURST_BYTES / bps)
    found["predicted_ms"] = 1e3 * (rest_s + crossing_s)
    found["ratio"] = found["total_ms_median"] / found["predicted_ms"]
    return found


def shaped_s(up_s: float, down_s: float, rest_s: float, burst_s: float) -> float:
    """Seconds that an answer spends on a shaped link, one answer right after the other.

    A token bucket saves up, at the link's rate and up to its burst, while nothing is sent, so that
    a part of each message passes at once.

    Args:
        up_s, down_s: Seconds of the message and of the answer at the rate of the link.
        rest_s: Seconds of an answer beside these.
        burst_s: Seconds of a full bucket.
    """
    going_s, coming_s = up_s, down_s
    for _ in range(50):
        going_s = max(up_s - min(burst_s, rest_s + coming_s), 0.0)
        coming_s = max(down_s - min(burst_s, rest_s + going_s), 0.0)
    return going_s + coming_s

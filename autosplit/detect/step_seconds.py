"""Seconds that the steps of a detection took on this machine, and a table of their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from autosplit.report.aligned import aligned

TIMES_HEADER = (
    "picture frame network read_s edge_s wire_s cloud_s boxes_s total_s wire_bytes".split()
)
"""Columns of ``times.csv``."""


@dataclass(frozen=True, slots=True)
class StepSeconds:
    """What one picture took in one network.

    Attributes:
        read_s: To read the picture and make an input of it, seconds.
        cloud_s: To run the cloud half, or the whole float network.
        boxes_s: To decode boxes and suppress overlapping ones.
        edge_s: To run the edge half; None for the float network.
        wire_s: To write the crossing tensors as bytes and read them back; None likewise.
        wire_bytes: Bytes that crossed; None likewise.
    """

    read_s: float
    cloud_s: float
    boxes_s: float
    edge_s: float | None = None
    wire_s: float | None = None
    wire_bytes: int | None = None

    @property
    def total_s(self) -> float:
        """Seconds of all steps, without a link."""
        steps = (self.read_s, self.edge_s, self.wire_s, self.cloud_s, self.boxes_s)
        return sum(step for step in steps if step is not None)

    def row(self) -> dict[str, Any]:
        """The columns of ``times.csv`` from ``read_s`` on."""
        steps = {name: getattr(self, name) for name in TIMES_HEADER[3:-1]}
        rounded = {name: None if s is None else round(s, 6) for name, s in steps.items()}
        return {**rounded, "wire_bytes": self.wire_bytes}


def mean_seconds(taken: Sequence[StepSeconds]) -> StepSeconds:
    """Mean of each step over pictures; bytes are rounded.

    >>> mean_seconds([StepSeconds(1, 2, 3), StepSeconds(3, 2, 5)])
    StepSeconds(read_s=2.0, cloud_s=2.0, boxes_s=4.0, edge_s=None, wire_s=None, wire_bytes=None)
    """

    def mean(name: str) -> float | None:
        values = [getattr(one, name) for one in taken]
        return None if None in values else fmean(values)

    sent = mean("wire_bytes")
    read_s, cloud_s, boxes_s = (mean(name) or 0.0 for name in ("read_s", "cloud_s", "boxes_s"))
    return StepSeconds(
        read_s,
        cloud_s,
        boxes_s,
        mean("edge_s"),
        mean("wire_s"),
        None if sent is None else round(sent),
    )


def times_table(taken: Mapping[str, Sequence[StepSeconds]]) -> str:
    """Lay out the mean times of networks side by side; without a plan no steps of halves.

    Args:
        taken: Name of a network -> what each picture took.
    """
    means = {name: mean_seconds(each) for name, each in taken.items()}
    rows = [
        [title, *(_ms(getattr(mean, name)) for mean in means.values())]
        for title, name in _STEPS.items()
        if any(getattr(mean, name) is not None for mean in means.values())
    ]
    rows.append(["pictures per second", *(f"{1 / mean.total_s:.1f}" for mean in means.values())])
    sent = [mean.wire_bytes for mean in means.values()]
    if any(one is not None for one in sent):
        rows.append(["wire, bytes", *("-" if one is None else f"{one:,}" for one in sent)])
    return aligned(["ms per picture, this machine", *means], rows)


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.2f}"


_STEPS = {
    "read and prepare": "read_s",
    "edge half": "edge_s",
    "write and read bytes": "wire_s",
    "cloud half or whole": "cloud_s",
    "boxes and suppression": "boxes_s",
    "total without link": "total_s",
}
"""Title of a line of the table -> the attribute."""

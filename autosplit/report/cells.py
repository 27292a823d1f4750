"""Cells of the table of a pick: their labels, and how they show their numbers."""

from __future__ import annotations

from autosplit.report.candidate import Candidate

NO_VALUE = "-"
"""What a cell without a value shows."""
ACCURACY = "accuracy, %"
LABELS = (
    "plan",
    "tensors at the cut",
    "layers on the edge",
    "sent as",
    "bytes sent",
    "edge, ms",
    "link, ms",
    "cloud, ms",
    "total, ms",
    "edge memory, bytes",
    ACCURACY,
    "  95 % interval",
    "points lost",
    "  95 % interval",
    "keeps the limits",
    "speed-up of the pick",
)
"""Labels of the lines of the table."""


SENT_ON = ("answered on the edge, %", "  95 % take, ms", "  95 % send, bytes")
"""Labels of further lines of a table with an escalation, whose bytes and seconds are means."""


def sent_on_cells(one: Candidate) -> list[str]:
    """Cells of one plan, in the order of ``SENT_ON``."""
    if one.sent_on is None:
        return [NO_VALUE] * len(SENT_ON)
    more = one.sent_on
    return [percent(more.share), in_ms(more.latency_s), f"{more.bytes:,}"]


def in_ms(seconds: float) -> str:
    """Seconds as milliseconds with two digits behind the point."""
    return f"{seconds * 1e3:,.2f}"


def percent(share: float) -> str:
    """A share of 0..1 as percent with two digits behind the point."""
    return f"{100 * share:.2f}"

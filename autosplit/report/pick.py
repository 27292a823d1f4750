"""The pick, and why it was picked, in words."""

from __future__ import annotations

from collections.abc import Sequence

from autosplit.graph.graph import Graph
from autosplit.plan.plan import Plan
from autosplit.report.tables import Row


def pick(rows: Sequence[Row], max_drop: float) -> Row | None:
    """The fastest plan that fits and whose measured drop is at most ``max_drop`` points.

    Ties go to the smaller drop, the smaller memory, our own method, and the name.
    """
    allowed = [r for r in rows if r.fits and r.measured and (r.drop or 0.0) <= max_drop + 1e-9]
    return min(
        allowed,
        key=lambda r: (
            r.latency_s,
            r.drop or 0.0,
            r.plan.edge_memory_bytes,
            r.plan.method != "autosplit",
            r.plan.name,
        ),
        default=None,
    )


def describe(
    graph: Graph, rows: Sequence[Row], chosen: Row, max_drop: float, limit_bytes: int | None
) -> str:
    """One paragraph: where the pick cuts, why, and what it gains over all-edge and all-cloud."""
    plan, link = chosen.plan, chosen.link
    cut = graph.cut(plan.edge)
    parts = [f"Over {link}, {plan.name} {_where(graph, plan)}."]
    p = chosen.prediction
    parts.append(
        f"An answer takes {_ms(p.latency_s)}: {_ms(p.edge_s)} on the edge, "
        f"{_ms(p.transfer_s)} on the link, {_ms(p.cloud_s)} in the cloud."
    )
    if cut.crossing:
        sent = "+".join(f"{t} at {plan.activation_bits[t]} bits" for t in cut.crossing)
        if plan.input_coding is not None:
            quality = plan.input_coding.quality
            sent = f"{cut.crossing[0]} as a JPEG file of quality {quality}, on average"
        parts.append(f"What crosses is {sent}: {plan.crossing_bytes:,} bytes.")
    limit = f" of {limit_bytes:,} allowed" if limit_bytes else ""
    parts.append(f"The edge half takes {plan.edge_memory_bytes:,} bytes{limit}.")
    parts.append(
        f"Measured accuracy {_change(chosen.drop or 0.0)}, a fall of {max_drop:g} is allowed; no "
        "plan that was measured within that limit and the memory is faster."
    )
    stopped = sum(row.stopped and row.latency_s <= chosen.latency_s for row in rows)
    if stopped:
        parts.append(
            f"{stopped} faster {'plan' if stopped == 1 else 'plans'} had lost more than that after "
            "a part of the images, beyond a doubt of 5 %."
        )
    parts += [
        _against(rows, chosen, max_drop, "all-cloud", 0),
        _against(rows, chosen, max_drop, "all-edge", len(graph.layers)),
    ]
    return " ".join(part for part in parts if part)


def _change(drop: float) -> str:
    """What happened to accuracy, in words."""
    if drop == 0:
        return "stays the same"
    return f"{'falls' if drop > 0 else 'rises'} by {abs(drop):.2f} points"


def _where(graph: Graph, plan: Plan) -> str:
    if not plan.edge:
        return "sends the input and runs the whole network in the cloud"
    if len(plan.edge) == len(graph.layers):
        return f"runs all {len(graph.layers)} layers on the edge"
    return (
        f"runs the first {len(plan.edge)} of {len(graph.layers)} layers on the edge, up to "
        f"{plan.edge[-1]}, and the rest in the cloud"
    )


def _against(rows: Sequence[Row], chosen: Row, max_drop: float, what: str, count: int) -> str:
    """What the pick gains over the best plan with ``count`` layers on the edge."""
    if len(chosen.plan.edge) == count:
        return ""
    others = [row for row in rows if len(row.plan.edge) == count and row.link == chosen.link]
    best = pick(others, max_drop)
    if best is not None:
        gain = best.latency_s / chosen.latency_s
        return (
            f"That is {gain:.2f} times as fast as {what} ({best.plan.name}, {_ms(best.latency_s)})."
        )
    fitting = [row for row in others if row.fits]
    if fitting and all(row.drop is None for row in fitting):
        return f"No {what} plan was measured."
    if fitting:
        drops = [row.drop for row in fitting if row.measured and row.drop is not None]
        lost = f", the best of them loses {min(drops):.1f} points" if drops else ""
        return f"No {what} plan keeps the accuracy{lost}."
    if others:
        need = min(row.plan.edge_memory_bytes for row in others)
        return f"No {what} plan fits the memory, the smallest takes {need:,} bytes."
    return ""


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"

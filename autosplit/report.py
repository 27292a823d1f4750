"""Tables, the pick and its paragraph, and the Pareto figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autosplit.graph.graph import Graph
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan

PLANS_HEADER = (
    "name method link cut edge_layers weight_bits_avg activation_bits_avg cut_bits cut_bytes "
    "edge_memory_bytes distortion optimality_gap edge_s transfer_s cloud_s latency_s pareto"
).split()
LATENCY_HEADER = ("name", "edge", "cloud", "link", "edge_s", "transfer_s", "cloud_s", "latency_s")
LAYER_LATENCY_HEADER = ("name", "layer", "side", "device", "seconds")


@dataclass(frozen=True, slots=True)
class Row:
    """One plan over one link, with what was measured of it.

    Attributes:
        plan: The plan.
        link: Name of the link.
        prediction: Seconds over this link.
        fits: Whether the edge half keeps the memory limit.
        drop: Accuracy points lost, measured; None if it was not measured.
        accuracy: By the task's metric, 0..1, or agreement with the float network without labels.
        stopped: Whether it was measured on a part of the images only, for it must lose too much.
    """

    plan: Plan
    link: str
    prediction: Prediction
    fits: bool
    drop: float | None = None
    accuracy: float | None = None
    stopped: bool = False

    @property
    def measured(self) -> bool:
        """Whether its accuracy is known on all images."""
        return self.drop is not None and not self.stopped

    @property
    def latency_s(self) -> float:
        """Seconds from the input to the answer."""
        return self.prediction.latency_s


def plan_row(graph: Graph, plan: Plan, link: str, *, pareto: bool) -> dict[str, Any]:
    """One row of ``plans.csv``: a plan over one link."""
    cut = graph.cut(plan.edge)
    prediction = plan.predictions[link]
    return {
        "name": plan.name,
        "method": plan.method,
        "link": link,
        "cut": "+".join(cut.crossing),
        "edge_layers": len(plan.edge),
        "weight_bits_avg": _average(
            {name: graph.by_name[name].weight_elements for name in plan.weight_bits},
            plan.weight_bits,
        ),
        "activation_bits_avg": _average(
            {name: graph.elements(name) for name in plan.edge}, plan.activation_bits
        ),
        "cut_bits": "+".join(str(plan.activation_bits[name]) for name in cut.crossing),
        "cut_bytes": plan.crossing_bytes,
        "edge_memory_bytes": plan.edge_memory_bytes,
        "distortion": plan.distortion,
        "optimality_gap": plan.optimality_gap,
        "edge_s": prediction.edge_s,
        "transfer_s": prediction.transfer_s,
        "cloud_s": prediction.cloud_s,
        "latency_s": prediction.latency_s,
        "pareto": int(pareto),
    }


def _average(elements: Mapping[str, int], bits: Mapping[str, int]) -> float | None:
    """Mean width over elements, None where there are none."""
    total = sum(elements.values())
    return sum(count * bits[name] for name, count in elements.items()) / total if total else None


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


def draw(
    path: Path, rows: Sequence[Row], picks: Mapping[str, Row], title: str, measured: str
) -> None:
    """Draw accuracy against latency, one panel per link.

    Args:
        path: PNG file to write.
        rows: Plans that were measured; others are left out.
        picks: Link -> the pick.
        title: Network and hardware.
        measured: What the vertical axis is, with its unit.
    """
    import io

    from matplotlib.figure import Figure

    from autosplit.files import write_bytes

    links = list(dict.fromkeys(row.link for row in rows))
    columns = min(2, len(links))
    lines = -(-len(links) // columns)
    figure = Figure(figsize=(6.2 * columns, 4.2 * lines + 0.4), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False, sharey=True)
    seconds = [row.latency_s for row in rows if row.accuracy is not None]
    wide = bool(seconds) and max(seconds) > WIDE * min(seconds)
    for place, axis in enumerate(axes.flat):
        if place >= len(links):
            axis.set_visible(False)
            continue
        chosen = picks.get(links[place])
        _panel(axis, [row for row in rows if row.link == links[place]], chosen)
        if wide:
            _plain_log(axis)
        picked = "no pick" if chosen is None else f"pick: {chosen.plan.name}"
        axis.set_title(f"{links[place]}, {picked}", fontsize=10)
        if place % columns == 0:
            axis.set_ylabel(measured)
        if place + columns >= len(links):
            axis.set_xlabel("predicted latency (ms)")
    for link, axis in zip(links, axes.flat, strict=False):  # the limits of all are known now
        _label(axis, [row for row in rows if row.link == link])
    figure.suptitle(title, fontsize=11)
    handles = {
        label: handle
        for axis in axes.flat
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, fontsize=8
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def _plain_log(axis: Any) -> None:
    """Make the horizontal axis logarithmic, with plain numbers at 1, 2 and 5 of each decade.

    At every digit where there are fewer than two such in sight.
    """
    from matplotlib.ticker import FuncFormatter

    def label(value: float, _: int) -> str:
        low, high = axis.get_xlim()
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        plain = [n * 10.0**power for power in decades for n in (1, 2, 5)]
        digits = "125" if sum(low <= tick <= high for tick in plain) > 1 else "123456789"
        return f"{value:g}" if f"{value:.0e}"[0] in digits else ""

    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(FuncFormatter(label))
    axis.xaxis.set_minor_formatter(FuncFormatter(label))


def _panel(axis: Any, rows: Sequence[Row], chosen: Row | None) -> None:
    """One link: measured plans, the front among them, the baselines and the pick."""
    seen = [row for row in rows if row.accuracy is not None and not row.stopped]
    stopped = [row for row in rows if row.accuracy is not None and row.stopped]
    if stopped:
        axis.scatter(
            *_points(stopped), s=14, facecolor="none", edgecolor="#9aa4b0", label="stopped early"
        )
    ours = [row for row in seen if row.plan.method == "autosplit"]
    x, y = _points([row for row in ours if row.fits])
    axis.scatter(x, y, s=14, color="#9db7d5", label="autosplit plans", zorder=2)
    front = _front([row for row in seen if row.fits])
    x, y = _points(front)
    axis.step(x, y, where="post", color="#1f5fa8", lw=1.4, label="best measured", zorder=3)
    for row in seen:
        if row.plan.method != "autosplit":
            axis.scatter(
                *_points([row]), marker="s" if row.fits else "x", s=34, color="#d1702a", zorder=4
            )
    axis.scatter([], [], marker="s", color="#d1702a", label="baselines")
    if chosen is not None:
        axis.scatter(
            *_points([chosen]),
            marker="*",
            s=190,
            color="#c2185b",
            edgecolor="white",
            label="pick",
            zorder=5,
        )
    axis.grid(alpha=0.25)
    axis.margins(y=0.12)


WIDE = 10
"""Ratio of the largest latency to the least from which every panel's axis is logarithmic."""
LINE = 0.04
"""Height of a label's line, as a share of the axis."""


def _label(axis: Any, rows: Sequence[Row]) -> None:
    """Write the names of baselines beside their points, away from the right edge and each other.

    A method with several plans has no name of one plan, and is not written.
    """
    axis.get_xlim(), axis.get_ylim()  # makes matplotlib settle them
    taken: list[tuple[float, float]] = []
    named = [row for row in rows if row.accuracy is not None and row.plan.name == row.plan.method]
    for row in sorted(named, key=lambda r: (r.latency_s, r.accuracy or 0.0, r.plan.name)):
        point = (row.latency_s * 1e3, 100 * (row.accuracy or 0.0))
        across, up = axis.transAxes.inverted().transform(axis.transData.transform(point))
        left = bool(across > 0.7)
        up += 0.8 * LINE
        while up > LINE and any(abs(across - x) < 0.2 and abs(up - y) < LINE for x, y in taken):
            up -= 0.4 * LINE
        taken.append((across, up))
        axis.text(
            across - 0.015 if left else across + 0.015,
            up,
            row.plan.name + ("" if row.fits else " (too large)"),
            transform=axis.transAxes,
            fontsize=7,
            ha="right" if left else "left",
            va="center",
        )


def _points(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    return [row.latency_s * 1e3 for row in rows], [100 * (row.accuracy or 0.0) for row in rows]


def _front(rows: Sequence[Row]) -> list[Row]:
    """Rows with more accuracy than every faster one, by latency."""
    front: list[Row] = []
    for row in sorted(rows, key=lambda r: (r.latency_s, -(r.accuracy or 0.0), r.plan.name)):
        if not front or (row.accuracy or 0.0) > (front[-1].accuracy or 0.0):
            front.append(row)
    return front

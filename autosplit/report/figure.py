"""The Pareto figure: accuracy against latency, one panel per link."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autosplit.report.tables import Row


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

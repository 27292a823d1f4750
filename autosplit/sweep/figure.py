"""Figures of a sweep's table: what each method takes, and which cut wins at which rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from autosplit.files import write_bytes
from autosplit.hardware.device import memory_limit
from autosplit.report.figure import Drawing
from autosplit.search.front.front import OURS
from autosplit.sweep.file import REFERENCE, SweepFile
from autosplit.sweep.job import AXES, keeps_distortion

OUR_COLOUR, GREY = "#1f5fa8", "#9a9a9a"
COLOURS = (
    "#d1702a #3a8f5c #8c5fb0 #c9a227 #4bb3c4 #b0413e #7a6a53 #9fc45a #d98cb3 #55607a "
    "#e3a587 #1f6f6b #c94fa0 #222222 #a08fd0"
).split()
MARKERS = "osD^vP<>Xph8dH."
BANDS = ("#dce7f3", "#fbe9db", "#e0f0e5", "#efe5f6", "#f8f0d2", "#dff2f5")
"""Backgrounds of the ranges that one cut wins."""
DOTS_PER_INCH = 130
TableRows = Sequence[Mapping[str, str]]


def draw_sweep(path: Path, sweep: SweepFile, rows: TableRows) -> None:
    """Draw what a sweep asks for into a PNG file."""
    write_bytes(path, sweep_figure(sweep, rows).png())


def sweep_figure(sweep: SweepFile, rows: TableRows) -> Drawing:
    """The figure that a sweep asks for; ``latency`` if it asks for none."""
    return _FIGURES[sweep.figure or "latency"](sweep, rows)


def latency_figure(sweep: SweepFile, rows: TableRows) -> Drawing:
    """Normalised latency per network and method, one panel per link.

    Args:
        sweep: The sweep.
        rows: Rows of its table.
    """
    links = list(dict.fromkeys((float(row["link_mbps"]), row.get("link", "")) for row in rows))
    groups = list(dict.fromkeys(map(row_group, rows)))
    methods = [name for name in sweep.methods if name in {row["method"] for row in rows}]
    columns = min(2, len(links))
    lines = -(-len(links) // columns)
    width = max(4.0, 1.0 + 0.9 * len(groups))
    size = width * columns, 3.9 * lines + 1.0
    figure = Drawing(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False, sharey=True, sharex=True)
    for axis in axes.flat[len(links) :]:
        axis.set_visible(False)
    for axis, link in zip(axes.flat, sorted(links), strict=False):
        here = [row for row in rows if (float(row["link_mbps"]), row.get("link", "")) == link]
        _dots(axis, sweep, here, groups, methods)
        axis.set_title(f"{link[0]:g} Mbit/s {link[1]}".strip(), fontsize=10)
    for axis in axes[:, 0]:
        axis.set_ylabel(f"latency / {REFERENCE}")
    figure.suptitle(f"Latency over {REFERENCE}; hollow: breaks a limit", fontsize=11)
    _legend(figure, axes, 6)
    return figure


def _dots(
    axis: Any, sweep: SweepFile, rows: TableRows, groups: list[str], methods: Sequence[str]
) -> None:
    """One link: a column per network, a mark per method."""
    step = 0.8 / max(len(methods), 1)
    for place, method in enumerate(methods):
        colour, marker = _style(method, methods)
        axis.scatter([], [], s=30, color=colour, marker=marker, label=method)
        for row in rows:
            if row["method"] == method:
                across = groups.index(row_group(row)) + step * (place - (len(methods) - 1) / 2)
                keeping = keeps_limits(sweep, row, rows)
                axis.scatter(
                    across,
                    float(row["normalised_latency"]),
                    s=80 if method == OURS else 26,
                    marker=marker,
                    facecolor=colour if keeping else "white",
                    edgecolor=colour,
                    linewidth=0.9,
                    zorder=4 if method == OURS else 3,
                )
    axis.axhline(1.0, color=GREY, lw=0.8, zorder=1)
    for place in range(1, len(groups)):
        axis.axvline(place - 0.5, color=GREY, lw=0.4, alpha=0.5)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xticks(range(len(groups)), groups, rotation=30, ha="right", fontsize=8)
    axis.grid(axis="y", alpha=0.25)


def crossover_figure(sweep: SweepFile, rows: TableRows) -> Drawing:
    """Latency over the link's rate, and which cut wins where, one panel per network.

    The winner is the fastest row that keeps the limits; where cuts change, between two rates that
    were tried, the border is drawn half-way on the logarithmic axis.

    Args:
        sweep: The sweep.
        rows: Rows of its table.
    """
    groups = list(dict.fromkeys(map(row_group, rows)))
    size = 9.0, 3.8 * len(groups) + 0.8
    figure = Drawing(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots(len(groups), 1, squeeze=False, sharex=True)
    for axis, group in zip(axes.flat, groups, strict=True):
        here = [row for row in rows if row_group(row) == group]
        _lines(axis, sweep, here)
        _bands(axis, winners(sweep, here), {row["cut"] for row in here if _is_cloud(row)})
        axis.set_title(group, fontsize=10)
        axis.set_ylabel("latency (ms)")
    axes[-1, 0].set_xlabel("uplink (Mbit/s)")
    figure.suptitle("Which cut wins at which rate; dotted: breaks a limit", fontsize=11)
    _legend(figure, axes, 5)
    return figure


def _lines(axis: Any, sweep: SweepFile, rows: TableRows) -> None:
    """Latency of each method over the rate."""
    for method in sweep.methods:
        own = [row for row in rows if row["method"] == method]
        if not own:
            continue
        broken = not all(keeps_limits(sweep, row, rows) for row in own)
        ours = method == OURS
        axis.plot(
            [float(row["link_mbps"]) for row in own],
            [1e3 * float(row["latency_s"]) for row in own],
            color=_style(method, sweep.methods)[0],
            lw=2.6 if ours else 1.2,
            ls=":" if broken else "-",
            zorder=4 if ours else 3,
            label=method,
        )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.grid(alpha=0.25)


def _bands(axis: Any, won: TableRows, clouds: set[str]) -> None:
    """Backgrounds and names of the ranges that one cut wins."""
    rates = [float(row["link_mbps"]) for row in won]
    if not rates:
        return
    borders = [(low * high) ** 0.5 for low, high in pairwise(rates)]
    edges = [rates[0], *borders, rates[-1]]
    cuts = list(dict.fromkeys(row["cut"] for row in won))
    for cut, run in groupby(range(len(won)), key=lambda place: won[place]["cut"]):
        places = list(run)
        low, high = edges[places[0]], edges[places[-1] + 1]
        axis.axvspan(low, high, color=BANDS[cuts.index(cut) % len(BANDS)], zorder=0, lw=0)
        name = "all-edge" if not cut else "all-cloud" if cut in clouds else cut.replace("+", "\n+")
        axis.text(
            (low * high) ** 0.5,
            0.98,
            name,
            transform=axis.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=7,
            rotation=90,
        )
    axis.set_xlim(rates[0], rates[-1])


def winners(sweep: SweepFile, rows: TableRows) -> list[Mapping[str, str]]:
    """The fastest row that keeps the limits at each rate, by rising rate; ours among equals."""
    found = []
    rates = sorted({float(row["link_mbps"]) for row in rows})
    for rate in rates:
        here = [row for row in rows if float(row["link_mbps"]) == rate]
        keeping = [row for row in here if keeps_limits(sweep, row, here)]
        if keeping:
            found.append(min(keeping, key=lambda row: (float(row["latency_s"]), _place(row))))
    return found


def keeps_limits(sweep: SweepFile, row: Mapping[str, str], rows: TableRows) -> bool:
    """Whether a row keeps the memory and the distortion that its sweep allows.

    Args:
        sweep: The sweep.
        row: The row.
        rows: Rows with the same network and hardware, or more: ``max_distortion`` may name a method
            among them.
    """
    if "keeps" in row:
        return row["keeps"] == "yes"
    limit = row.get("memory_bytes")
    if limit is None:
        network = next(network for network in sweep.networks if network.name == row["model"])
        device = next(edge for edge in sweep.edges if row.get("edge", edge.name) == edge.name)
        most_bytes = memory_limit(network.memory_bytes[0], device)
        limit = "" if most_bytes is None else str(most_bytes)
    if limit and int(row["edge_memory_bytes"]) > int(limit):
        return False
    most = sweep.max_distortion
    if isinstance(most, str):
        same = [r for r in rows if r["method"] == most and row_group(r) == row_group(row)]
        most = min((float(r["distortion"]) for r in same), default=None)
    return keeps_distortion(float(row["distortion"]), most)


def row_group(row: Mapping[str, str]) -> str:
    """Network and whatever else tells its rows apart beside link and method."""
    return " ".join([row["model"], *(row[axis] for axis in AXES[:3] if axis in row)])


def _place(row: Mapping[str, str]) -> tuple[bool, str]:
    return row["method"] != OURS, row["method"]


def _is_cloud(row: Mapping[str, str]) -> bool:
    return row["method"] == REFERENCE


def _style(method: str, methods: Sequence[str]) -> tuple[str, str]:
    """Colour and marker of a method, by its place among the others."""
    if method == OURS:
        return OUR_COLOUR, "*"
    place = [name for name in methods if name != OURS].index(method)
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def _legend(figure: Drawing, axes: Any, columns: int) -> None:
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)


_FIGURES = {"crossover": crossover_figure, "latency": latency_figure}

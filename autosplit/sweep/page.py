"""The page of a sweep: networks, devices and links side by side, one HTML file.

First stands what wins where: the fastest plan within the limits, of each network on each pair of
devices over each link.  Then every method is drawn, a panel for each link, or for each network
where a sweep has many links; the mouse shows the row.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from bokeh.models import FactorRange, HoverTool
from bokeh.plotting import figure
from bokeh.transform import dodge

from autosplit.errors import FileError, counted
from autosplit.files import sha256_of_file, write_bytes
from autosplit.hardware.seconds import KIND_OF_SECONDS
from autosplit.plainfile import open_plain
from autosplit.report.page.page import CSV_LINK, html_file, method_boxes
from autosplit.report.page.panels import HEIGHT, method_marks, plain_numbers, source_of
from autosplit.report.page.words import table_of
from autosplit.sweep.figure import keeps_limits, row_group, winners
from autosplit.sweep.file import REFERENCE, SweepFile, read_sweep_file
from autosplit.sweep.table import SweepTable, default_table, read_sweep

PANELS = 6
"""Links up to which each has a panel of its own."""
_TIP = (
    ("network", "@group"),
    ("method", "@method"),
    ("link", "@link"),
    ("latency", "@total_ms{0,0.00} ms, @normalised{0.000} of @reference"),
    ("edge + link + cloud", "@edge_ms{0,0.00} + @link_ms{0,0.00} + @cloud_ms{0,0.00} ms"),
    ("cut", "@cut"),
    ("memory", "@memory_bytes{0,0} bytes"),
    ("limits", "@limits"),
)
Row = Mapping[str, str]


def write_sweep_page(file: Path, out: Path, table: Path | None = None) -> int:
    """Write the page of a sweep that is done; gives its bytes.

    Args:
        file: The sweep file.
        out: The page.
        table: The table that ``autosplit sweep`` wrote; ``results/NAME.csv`` if None.

    Raises:
        FileError: The sweep file is wrong, or the table is missing or is that of another sweep.
    """
    read_sweep_file(file)
    path = default_table(file) if table is None else table
    if not path.is_file():
        raise FileError(f"{path}: must be the table of the sweep, run: autosplit sweep {file}")
    found = read_sweep(file, path)
    data = sweep_page(found, file).encode()
    write_bytes(out, data)
    return len(data)


def sweep_page(found: SweepTable, file: Path) -> str:
    """The page.

    Args:
        found: The sweep and its rows.
        file: The sweep file, for the foot of the page.
    """
    rows, sweep = found.rows, found.sweep
    panels = _panels(sweep, rows)
    plots = "".join(f'<div class=plot id="sweep-{place}"></div>' for place in range(len(panels)))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    title = f"{file.stem}: {_counts(sweep, methods)}"
    with open_plain(found.path) as opened:
        csv = b64encode(opened.read()).decode()
    hashes = [(str(path), sha256_of_file(path)) for path in (file, found.path)]
    sections = {
        "What wins": f"<p>The fastest plan that keeps the memory{_allowed(sweep)}.</p>"
        f"<div class='wide tall'>{_winners(sweep, rows)}</div>",
        "Every method": f"<form class=filters>{method_boxes(methods)}</form>"
        f"<div class=grid>{plots}</div><p>{_axes(sweep)}</p>",
        "Devices and links": f"<div class=wide>{_hardware(sweep)}</div>",
        "All rows": f"<div class='wide tall'>{_all_rows(rows)}</div>"
        f"<p>{CSV_LINK.format(name=escape(found.path.name), data=csv)}, with all digits</p>",
        "Where it comes from": f"<p><code>autosplit sweep {escape(str(file))}</code></p>"
        f"{table_of(('file', 'SHA-256'), hashes)}",
    }
    body = "".join(f"<h2>{name}</h2>{part}" for name, part in sections.items())
    roots = {f"sweep-{place}": plot for place, plot in enumerate(panels)}
    return html_file(title, f"<main><h1>{escape(title)}</h1>{body}</main>", roots)


def _counts(sweep: SweepFile, methods: Sequence[str]) -> str:
    pairs = len(sweep.edges) * len(sweep.clouds)
    networks = counted(len(sweep.networks), "network")
    return (
        f"{networks}, {counted(pairs, 'pair')} of devices, {counted(len(sweep.links), 'link')}, "
        f"{counted(len(methods), 'method')}"
    )


def _allowed(sweep: SweepFile) -> str:
    most = sweep.max_distortion
    if most is None:
        return ""
    least = f"the least of {escape(most)}" if isinstance(most, str) else f"{most:g}"
    return f" and has a distortion of at most {least}"


def _links(rows: Sequence[Row]) -> list[tuple[float, str]]:
    """Rate in Mbit/s and name of every link, by rising rate; no name where the rate tells it."""
    return sorted(set(map(_link_of, rows)))


def _link_of(row: Row) -> tuple[float, str]:
    return float(row["link_mbps"]), row.get("link", "")


def _link_name(link: tuple[float, str]) -> str:
    return f"{link[0]:g} Mbit/s {link[1]}".strip()


def _over(rows: Sequence[Row], link: tuple[float, str]) -> list[Row]:
    return [row for row in rows if _link_of(row) == link]


def _winners(sweep: SweepFile, rows: Sequence[Row]) -> str:
    """A line for each network, limit and pair of devices over each link: the row that wins."""
    lines = []
    for group in dict.fromkeys(map(row_group, rows)):
        for link in _links(rows):
            here = [row for row in _over(rows, link) if row_group(row) == group]
            won = winners(sweep, here)
            cells = _won(won[0], here) if won else ("none keeps the limits", "", "", "", "")
            lines.append((group, _link_name(link), *cells))
    head = ("latency, ms", f"times as fast as {REFERENCE}", "method", "cut", "memory, bytes")
    return table_of(("network", "link", *head), lines)


def _won(row: Row, here: Sequence[Row]) -> tuple[str, ...]:
    seconds = float(row["latency_s"])
    alone = [float(one["latency_s"]) for one in here if one["method"] == REFERENCE]
    faster = f"{alone[0] / seconds:.2f}" if alone else "-"
    memory = f"{int(row['edge_memory_bytes']):,}"
    return f"{1e3 * seconds:,.2f}", faster, row["method"], _cut(row), memory


def _cut(row: Row) -> str:
    """Where a row cuts; nothing runs on the edge in no seconds and in no memory."""
    if not float(row["edge_s"]) and not int(row["edge_memory_bytes"]):
        return "all-cloud"
    return row["cut"] or "all-edge"


def _panels(sweep: SweepFile, rows: Sequence[Row]) -> list[Any]:
    links, groups = _links(rows), list(dict.fromkeys(map(row_group, rows)))
    if len(links) <= PANELS:
        return [_over_groups(_link_name(link), sweep, groups, _over(rows, link)) for link in links]
    return [
        _over_rates(group, sweep, [row for row in rows if row_group(row) == group])
        for group in groups
    ]


def _over_groups(title: str, sweep: SweepFile, groups: Sequence[str], rows: Sequence[Row]) -> Any:
    """One link: a place for each network, a mark for each method, beside each other."""
    plot = _plot(title, x_range=FactorRange(factors=list(groups)))
    plot.xaxis.major_label_orientation = 0.6
    plot.yaxis.axis_label = f"latency over {REFERENCE}"
    methods = list(method_marks([row["method"] for row in rows]))
    for place, method in enumerate(methods):
        beside = dodge("group", 0.8 * ((place + 0.5) / len(methods) - 0.5), range=plot.x_range)
        own = [_shown(sweep, row, rows) for row in rows if row["method"] == method]
        _marks(plot, own, methods, (beside, "normalised"))
    return plot


def _over_rates(title: str, sweep: SweepFile, rows: Sequence[Row]) -> Any:
    """One network: latency against the rate of the link, both on logarithmic axes."""
    plot = _plot(title, x_axis_type="log", y_axis_type="log")
    plot.xaxis.axis_label, plot.yaxis.axis_label = "link, Mbit/s", "latency, ms"
    plain_numbers(plot.xaxis)
    plain_numbers(plot.yaxis)
    methods = list(method_marks([row["method"] for row in rows]))
    _marks(plot, [_shown(sweep, row, rows) for row in rows], methods, ("mbps", "total_ms"))
    return plot


def _plot(title: str, **axes: Any) -> Any:
    plot: Any = figure(
        height=HEIGHT,
        sizing_mode="stretch_width",
        tools="pan,box_zoom,wheel_zoom,reset",
        toolbar_location="above",
        title=title,
        output_backend="canvas",
        **axes,
    )
    plot.toolbar.logo = None
    plot.toolbar.active_scroll = None
    return plot


def _marks(
    plot: Any,
    shown: Sequence[Mapping[str, Any]],
    methods: Sequence[str],
    places: tuple[Any, str],
) -> None:
    """Marks of some rows; the script of the page finds their source by its name."""
    marks = method_marks(methods)
    columns: dict[str, list[Any]] = {}
    for one in shown:
        mark, _, colour = marks[one["method"]]
        for key, value in {"mark": mark, "colour": colour, **one}.items():
            columns.setdefault(key, []).append(value)
    source = source_of(columns, name=f"plans {plot.title.text} {shown[0]['method']}")
    look = {"marker": "mark", "size": 9, "fill_color": "colour", "line_color": "colour"}
    drawn = plot.scatter(*places, source=source, **look, fill_alpha="filled")
    plot.add_tools(HoverTool(tooltips=list(_TIP), renderers=[drawn]))


def _shown(sweep: SweepFile, row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    """What the mouse shows of a row, and how far its mark is filled."""
    keys = {"total_ms": "latency_s", "edge_ms": "edge_s", "link_ms": "transfer_s"}
    keys["cloud_ms"] = "cloud_s"
    keeps = keeps_limits(sweep, row, rows)
    return {
        "name": row["method"],
        "method": row["method"],
        "group": row_group(row),
        "link": _link_name(_link_of(row)),
        "mbps": float(row["link_mbps"]),
        "normalised": float(row["normalised_latency"] or "nan"),
        "reference": REFERENCE,
        "cut": _cut(row),
        "memory_bytes": int(row["edge_memory_bytes"]),
        "limits": "kept" if keeps else "broken",
        "filled": 0.8 if keeps else 0.0,
        **{shown: 1e3 * float(row[key]) for shown, key in keys.items()},
    }


def _axes(sweep: SweepFile) -> str:
    many = len(sweep.links) > PANELS
    axes = "Both axes are logarithmic." if many else f"1 is the latency of {REFERENCE}."
    return f"{axes} A hollow mark breaks a limit."


def _hardware(sweep: SweepFile) -> str:
    """Every device with the kind of its seconds, every link with its rates, and their sources."""
    rows = [
        (side, one.name, f"seconds {KIND_OF_SECONDS.get(one.model, one.model)}", one.source)
        for side, devices in (("edge", sweep.edges), ("cloud", sweep.clouds))
        for one in devices
    ]
    rows += [
        ("link", name, f"{one.uplink_bps / 1e6:g} Mbit/s up, {1e3 * one.rtt_s:g} ms", one.source)
        for name, one in sweep.links.items()
    ]
    return table_of(("", "name", "what it is", "source"), rows)


def _all_rows(rows: Sequence[Row]) -> str:
    """All rows, numbers with four digits that count."""
    header = list(rows[0]) if rows else []
    return table_of(header, [[_short(value) for value in row.values()] for row in rows])


def _short(value: str) -> str:
    try:
        return value if value.isdigit() else f"{float(value):.4g}"
    except ValueError:
        return value

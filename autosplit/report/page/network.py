"""The network under a cut: widths of the pick by layer, bytes at every cut, seconds of every cut.

The place k on the horizontal axis is the cut behind k layers, so layer k - 1 (from 0) lies between
the places k - 1 and k.  Edges of the graph that pass over other layers are arcs above the layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.models import HoverTool, Range1d
from bokeh.plotting import figure

from autosplit.errors import counted
from autosplit.graph.graph import Graph
from autosplit.plan.plan import Plan
from autosplit.report.page.cuts import CutBars, prefix_place
from autosplit.report.page.panels import LINE_COLOUR, PICK_COLOUR, source_of
from autosplit.report.page.view import PageView
from autosplit.report.pick import Pick

WIDTH_COLOURS = {
    1: "#440154",
    2: "#46327e",
    3: "#365c8d",
    4: "#277f8e",
    5: "#1fa187",
    6: "#4ac16d",
    7: "#85d349",
    8: "#b8de29",
}
"""Width, bits -> colour: the steps of viridis, dark for few bits."""
_WIDER, _CLOUD = "#fde725", "#e3e6ea"
ANSWER_PARTS = {"edge_ms": "#0072B2", "link_ms": "#E69F00", "cloud_ms": "#8fa3b3"}
"""Part of an answer's time -> colour."""
_ARC_POINTS = 16


def network_plots(view: PageView, bars: Sequence[CutBars], link: str) -> dict[str, figure]:
    """The three plots of the network: ``layers``, ``bytes`` and ``seconds``.

    Args:
        view: The page.
        bars: Every prefix cut at some widths; those of the last one are shown first.
        link: Link that is shown first.
    """
    length = len(view.graph.layers)
    across = Range1d(start=-0.6, end=length + 0.6, bounds=(-1, length + 1))
    return {
        "layers": _layers(view, link, across),
        "bytes": _bytes(view, bars[-1], link, across),
        "seconds": _seconds(view, bars[-1], link, across),
    }


def network_choices(view: PageView, bars: Sequence[CutBars]) -> dict[str, Any]:
    """What the page puts into the sources of the plots when another link or width is chosen.

    Returns:
        ``bars``: width -> link -> columns of the cuts; ``layers`` and ``picks``: link -> columns.
    """
    return {
        "bars": {
            str(one.bits): {link: bar_columns(view.graph, one, link) for link in view.links}
            for one in bars
        },
        "layers": {link: layer_columns(view.graph, view.picks.get(link)) for link in view.links},
        "picks": {link: pick_columns(view.picks.get(link)) for link in view.links},
    }


def layer_columns(graph: Graph, pick: Pick | None) -> dict[str, list[Any]]:
    """Columns of the layers: two rows of boxes, weights and outputs, coloured by their widths."""
    plan = None if pick is None else pick.plan
    found: dict[str, list[Any]] = {
        key: []
        for key in ("x", "row", "name", "kind", "bits", "text", "colour", "ink", "shape", "macs")
    }
    for place, layer in enumerate(graph.layers):
        for row in ("weights", "outputs"):
            bits = _bits_of(plan, layer.name, layer.owner if layer.weight_elements else None, row)
            text, colour = "float, in the cloud", _CLOUD
            if bits:
                text, colour = f"{bits} bits", WIDTH_COLOURS.get(bits, _WIDER)
            elif plan is not None and layer.name in plan.edge:
                text, colour = "no weight", "#ffffff"
            values = (
                place + 0.5,
                row,
                layer.name,
                layer.kind,
                bits or "",
                text,
                colour,
                "white" if bits and bits < 5 else "black",
                "x".join(map(str, layer.output_shape)),
                layer.macs,
            )
            for key, value in zip(found, values, strict=True):
                found[key].append(value)
    return found


def _bits_of(plan: Plan | None, name: str, owner: str | None, row: str) -> int | None:
    """Width of a layer's weight or output in a plan; None in the cloud, or without a weight."""
    if plan is None or name not in plan.edge:
        return None
    if row == "outputs":
        return plan.activation_bits[name]
    return None if owner is None else plan.weight_bits[owner]


def bar_columns(graph: Graph, bars: CutBars, link: str) -> dict[str, list[Any]]:
    """Columns of the L + 1 cuts over a link: bytes that cross, and milliseconds of each part."""
    behind = ["all-cloud", *(f"behind {layer.name}" for layer in graph.layers[:-1]), "all-edge"]
    parts = bars.edge_s, bars.link_s[link], bars.cloud_s
    edge, sent, cloud = ([1e3 * seconds for seconds in part] for part in parts)
    return {
        "cut": list(range(len(behind))),
        "behind": behind,
        "sent_bytes": list(bars.sent_bytes),
        "edge_ms": edge,
        "link_ms": sent,
        "cloud_ms": cloud,
        "total_ms": [sum(each) for each in zip(edge, sent, cloud, strict=True)],
    }


def pick_columns(pick: Pick | None) -> dict[str, list[Any]]:
    """Columns of the mark of the pick, with its own widths; empty where there is none."""
    if pick is None:
        return {key: [] for key in ("cut", "name", "total_ms", "sent_bytes", "words")}
    count, is_prefix = prefix_place(pick.graph.cut(pick.plan.edge))
    words = f"{counted(count, 'layer')} on the edge" + (
        "" if is_prefix else ", which are no prefix"
    )
    return {
        "cut": [count],
        "name": [pick.plan.name],
        "total_ms": [1e3 * pick.latency_s],
        "sent_bytes": [pick.plan.crossing_bytes],
        "words": [words],
    }


def _plot(height: int, across: Range1d, **about: Any) -> Any:
    plot: Any = figure(
        height=height,
        sizing_mode="stretch_width",
        x_range=across,
        tools="xpan,xwheel_zoom,reset",
        toolbar_location=None,
        output_backend="canvas",
        **about,
    )
    plot.toolbar.active_scroll = None
    plot.xgrid.grid_line_color = None
    plot.min_border_left = 70
    return plot


def _layers(view: PageView, link: str, across: Range1d) -> Any:
    """Layers in order, with the widths of the pick as colour, and skips as arcs above."""
    plot = _plot(190, across, y_range=["outputs", "weights", "skips"], title="layers and widths")
    source = source_of(layer_columns(view.graph, view.picks.get(link)), name="network layers")
    boxes = plot.rect(
        "x",
        "row",
        width=0.96,
        height=0.9,
        source=source,
        fill_color="colour",
        line_color="#9aa4b0",
        line_width=0.5,
    )
    if len(view.graph.layers) <= 40:
        plot.text(
            "x",
            "row",
            text="bits",
            source=source,
            text_align="center",
            text_baseline="middle",
            text_font_size="10px",
            text_color="ink",
        )
    arcs = skip_arcs(view.graph)
    plot.multi_line(xs=arcs["xs"], ys=arcs["ys"], line_color=LINE_COLOUR, line_alpha=0.7)
    tips = [("layer", "@name (@kind)"), ("@row", "@text"), ("output", "@shape"), ("MACs", "@macs")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=[boxes]))
    plot.ygrid.grid_line_color = None
    return plot


def skip_arcs(graph: Graph) -> Mapping[str, list[list[Any]]]:
    """Arcs of the edges that pass over other layers, from the writer's place to the reader's."""
    xs, ys = [], []
    for reader, layer in enumerate(graph.layers):
        for tensor in layer.inputs:
            writer = graph.rank.get(tensor, -1)
            if reader - writer <= 1:
                continue
            steps = [k / _ARC_POINTS for k in range(_ARC_POINTS + 1)]
            height = 0.8 * min(1.0, 0.35 + (reader - writer) / 20)
            xs.append([writer + 0.5 + t * (reader - writer) for t in steps])
            ys.append([("skips", -0.45 + 4 * height * t * (1 - t)) for t in steps])
    return {"xs": xs, "ys": ys}


def _bytes(view: PageView, bars: CutBars, link: str, across: Range1d) -> Any:
    """Bytes that cross at every cut."""
    plot = _plot(170, across, title="bytes that cross at every cut")
    source = source_of(bar_columns(view.graph, bars, link), name="network bytes")
    colour = ANSWER_PARTS["link_ms"]
    drawn = plot.vbar(x="cut", top="sent_bytes", width=0.8, source=source, color=colour)
    _mark(plot, view, link, "sent_bytes")
    plot.yaxis.formatter.use_scientific = False
    plot.add_tools(
        HoverTool(tooltips=[("cut", "@behind"), ("bytes", "@sent_bytes{0,0}")], renderers=[drawn])
    )
    plot.y_range.start = 0
    return plot


def _seconds(view: PageView, bars: CutBars, link: str, across: Range1d) -> Any:
    """Milliseconds of every cut as stacked bars."""
    plot = _plot(280, across, title="time of an answer at every cut, ms")
    source = source_of(bar_columns(view.graph, bars, link), name="network seconds")
    drawn = plot.vbar_stack(
        list(ANSWER_PARTS),
        x="cut",
        width=0.8,
        source=source,
        color=list(ANSWER_PARTS.values()),
    )
    _mark(plot, view, link, "total_ms")
    tips = [
        ("cut", "@behind"),
        ("total", "@total_ms{0,0.00} ms"),
        ("edge", "@edge_ms{0,0.00} ms"),
        ("link", "@link_ms{0,0.00} ms"),
        ("cloud", "@cloud_ms{0,0.00} ms"),
    ]
    plot.add_tools(HoverTool(tooltips=tips, renderers=list(drawn)))
    plot.xaxis.axis_label = "layers on the edge"
    plot.yaxis.formatter.use_scientific = False
    plot.y_range.start = 0
    return plot


def _mark(plot: Any, view: PageView, link: str, column: str) -> None:
    """The pick at its own widths."""
    source = source_of(pick_columns(view.picks.get(link)), name=f"network pick {column}")
    drawn = plot.scatter(
        "cut",
        column,
        source=source,
        marker="star",
        size=20,
        fill_color=PICK_COLOUR,
        line_color="white",
    )
    unit = "ms" if column == "total_ms" else "bytes"
    digits = "0,0.00" if column == "total_ms" else "0,0"
    tips = [("pick", "@name"), ("cut", "@words"), ("value", f"@{column}{{{digits}}} {unit}")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=[drawn]))

"""Accuracy against latency, a panel of bokeh for each link, with all that is known under the mouse.

Methods differ by colour and by shape: colours are those of Okabe and Ito, which people who see few
colours can tell apart.  The marks have no names beside them, so none lies over another one; the
legend of the page names them and takes them away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bokeh.models import ColumnDataSource, CustomJSTickFormatter, HoverTool, LogTicker
from bokeh.plotting import figure

from autosplit.report.candidate import Candidate
from autosplit.report.figure import WIDE
from autosplit.report.page.view import PageView
from autosplit.report.points import FAR, Points, far_points_of
from autosplit.search.front.front import OURS

OUR_COLOUR, PICK_COLOUR, LINE_COLOUR = "#0072B2", "#D55E00", "#4d4d4d"
"""Colours of our plans, of the pick, and of lines that are limits."""
_COLOURS = ("#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8c6d1f", "#000000")
_SHAPES = {
    "square": "■",
    "triangle": "▲",
    "diamond": "◆",
    "inverted_triangle": "▼",
    "hex": "⬢",
    "plus": "✚",
    "x": "✖",
}
"""Mark of bokeh -> a character that looks like it."""
_PLAIN_TICK = """
    const text = String(Number(tick.toPrecision(6)));
    const digit = tick.toExponential()[0];
    return ticks.length > 5 && !["1", "2", "5"].includes(digit) ? "" : text;
"""
HEIGHT = 360
"""Height of a panel, pixels."""
_TIP = (
    ("plan", "@name"),
    ("accuracy", "@accuracy_text"),
    ("points lost", "@drop_text"),
    ("total", "@total_ms{0,0.00} ms"),
    ("edge + link + cloud", "@edge_ms{0,0.00} + @link_ms{0,0.00} + @cloud_ms{0,0.00} ms"),
    ("cut", "@cut (@edge_layers on the edge)"),
    ("bits", "weights @weight_bits{0.0}, activations @activation_bits{0.0}"),
    ("sent", "@sent_bytes{0,0} bytes as @sent_bits bits"),
    ("memory", "@memory_bytes{0,0} bytes"),
    ("proven gap", "@gap_text"),
)


def method_marks(methods: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Method -> its mark of bokeh, the character of that mark, and its colour; ours first."""
    methods = list(dict.fromkeys(methods))
    found = {OURS: ("circle", "●", OUR_COLOUR)} if OURS in methods else {}
    shapes = list(_SHAPES.items())
    for place, method in enumerate(sorted(set(methods) - {OURS})):
        shape, character = shapes[place % len(shapes)]
        found[method] = shape, character, _COLOURS[place % len(_COLOURS)]
    return found


def front_panels(view: PageView) -> dict[str, figure]:
    """Link -> its panel."""
    points = Points(view.candidates, view.title, view.float_score, far_points_of(view.max_drop))
    return {link: _panel(view, points, link) for link in view.links}


def _panel(view: PageView, points: Points, link: str) -> Any:
    """One link: every measured plan, the best among them, the float line, the limit, the pick."""
    every = points.over(link)
    seconds = [one.latency_s for one in every]
    wide = bool(seconds) and max(seconds) > WIDE * min(seconds)
    plot: Any = figure(
        height=HEIGHT,
        sizing_mode="stretch_width",
        x_axis_type="log" if wide else "linear",
        tools="pan,box_zoom,wheel_zoom,reset",
        toolbar_location="above",
        title=f"over {link}",
        output_backend="canvas",
    )
    plot.toolbar.logo = None
    plot.toolbar.active_scroll = None
    plot.xaxis.axis_label = "predicted latency, ms"
    plot.yaxis.axis_label = f"{view.float_score.metric}, %"
    plain_numbers(plot.xaxis, wide=wide)
    _limit_lines(plot, view)
    front = points.front([one for one in every if one.fits and not one.stopped])
    places = [points.place(one) for one in front]
    plot.step(
        [x for x, _ in places],
        [y for _, y in places],
        mode="after",
        line_color=OUR_COLOUR,
        line_width=1.5,
        legend_label="best measured",
    )
    _draw_plans(plot, view, points, link, every)
    plot.legend.location = "bottom_right"
    plot.legend.background_fill_alpha = 0.7
    plot.legend.label_text_font_size = "10px"
    return plot


def _draw_plans(
    plot: Any, view: PageView, points: Points, link: str, every: Sequence[Candidate]
) -> None:
    """The marks of the plans, of the pick, and what is shown under the mouse."""
    source = source_of(plan_columns(view, points, every), name=f"plans {link}")
    drawn = plot.scatter(
        "x",
        "y",
        source=source,
        marker="mark",
        size=9,
        fill_color="colour",
        line_color="colour",
        fill_alpha="alpha",
    )
    pick = view.picks.get(link)
    if pick is not None:
        chosen = source_of(plan_columns(view, points, [pick.candidate]), name=f"pick {link}")
        plot.scatter(
            "x",
            "y",
            source=chosen,
            marker="star",
            size=22,
            fill_color=PICK_COLOUR,
            line_color="white",
            legend_label=f"pick: {pick.plan.name}",
        )
    plot.add_tools(HoverTool(tooltips=list(_TIP), renderers=[drawn]))


def source_of(columns: Any, name: str) -> ColumnDataSource:
    """A source of marks that the script of the page finds by its name."""
    return ColumnDataSource(columns, name=name)


def plan_columns(
    view: PageView, points: Points, every: Sequence[Candidate]
) -> dict[str, list[Any]]:
    """Columns of the marks of some measured plans: places, looks, and what the mouse shows."""
    rows = {(row["name"], row["link"]): row for row in view.rows}
    marks = method_marks(one.plan.method for one in view.candidates)
    found: dict[str, list[Any]] = {}
    for one in every:
        x, y = points.place(one)
        mark, _, colour = marks[one.plan.method]
        values = {"x": x, "y": y, "mark": mark, "colour": colour}
        values["alpha"] = 0.15 if one.stopped or not one.fits else 0.8
        values |= _shown(one, rows[one.plan.name, one.link])
        for key, value in values.items():
            found.setdefault(key, []).append(value)
    return found


def _shown(one: Candidate, row: Mapping[str, str]) -> dict[str, Any]:
    """What the mouse shows of a plan, each number as in its row of ``summary_full.csv``."""
    assert one.accuracy is not None
    accuracy = f"{100 * one.accuracy:.2f} %"
    if one.interval is not None:
        low, high = one.interval
        accuracy += f" ({100 * low:.2f} to {100 * high:.2f})"
    if one.stopped:
        accuracy += ", on a part of the samples"
    if not one.fits:
        accuracy += ", does not fit the memory"
    gap = row["optimality_gap"]
    return {
        "name": row["name"],
        "method": row["method"],
        "accuracy_text": accuracy,
        "drop_text": "-" if one.drop is None else f"{one.drop:.2f}",
        "total_ms": 1e3 * float(row["latency_s"]),
        "edge_ms": 1e3 * float(row["edge_s"]),
        "link_ms": 1e3 * float(row["transfer_s"]),
        "cloud_ms": 1e3 * float(row["cloud_s"]),
        "cut": row["cut"] or "none",
        "edge_layers": int(row["edge_layers"]),
        "weight_bits": float(row["weight_bits_avg"] or "nan"),
        "activation_bits": float(row["activation_bits_avg"] or "nan"),
        "sent_bits": row["cut_bits"] or "0",
        "sent_bytes": int(row["cut_bytes"]),
        "memory_bytes": int(row["edge_memory_bytes"]),
        "gap_text": f"{100 * float(gap):.1f} %" if gap else "not known",
    }


def _limit_lines(plot: Any, view: PageView) -> None:
    """The float network's accuracy, and the least that a pick may have."""
    best = 100 * view.float_score.accuracy
    plot.hspan(
        y=[best], line_color=LINE_COLOUR, line_dash="dashed", legend_label=f"float: {best:.2f} %"
    )
    if abs(view.max_drop) <= FAR:
        words = f"{view.max_drop:g} {'point' if view.max_drop == 1 else 'points'} lost"
        plot.hspan(
            y=[best - view.max_drop],
            line_color=LINE_COLOUR,
            line_dash="dotted",
            legend_label=words,
        )


def plain_numbers(axis: Any, *, wide: bool = True) -> None:
    """Plain numbers; on a logarithmic (wide) axis at 1, 2 and 5 of each decade."""
    if wide:
        axis.ticker = LogTicker(mantissas=[1, 2, 5])
    axis.formatter = CustomJSTickFormatter(code=_PLAIN_TICK)

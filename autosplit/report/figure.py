"""The Pareto figure: accuracy (or distortion) against latency, one panel per link."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from autosplit.report.candidate import Candidate
from autosplit.report.choice import sends_jpeg
from autosplit.report.labels import place_labels
from autosplit.report.pick import Pick
from autosplit.report.points import Points
from autosplit.search.front.front import OURS

PLANS, FRONT, BASELINES, PICKED = "#9db7d5", "#1f5fa8", "#d1702a", "#c2185b"
"""Colours of the plans of autosplit, of the best plans, of baselines, and of the pick."""
JPEG_INPUT = "#4f9a68"
"""Colour of the plans that send the input as a JPEG file and run everything in the cloud."""
GREY, STOPPED = "#555555", "#9aa4b0"
WIDE = 10
"""Ratio of the largest latency to the smallest from which the latency axis is logarithmic."""
DPI = 130
_ALONG = 60
"""Places on a line across a panel that names keep away from."""


class Drawing(Figure):
    """A figure that a notebook shows, and that always gives the same bytes."""

    def png(self) -> bytes:
        """The figure as a PNG file's bytes."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi="figure", metadata={"Software": None})
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()


def front_figure(
    points: Points, picks: Mapping[str, Pick] | None = None, max_drop: float | None = None
) -> Drawing:
    """Draw the plans of autosplit, JPEG plans, baselines by name, the best plans, and the pick.

    Accuracy is drawn if the float network's score is known, else distortion.  Plans without a
    value are left out.

    Args:
        points: The plans.
        picks: Link -> its pick.
        max_drop: Accuracy points that a pick may lose at most, drawn as a line.
    """
    links, picks = points.links, picks or {}
    points = replace(points, picked_s={link: pick.latency_s for link, pick in picks.items()})
    columns = min(2, len(links))
    lines = -(-len(links) // columns)
    size = 6.4 * columns, 4.2 * lines + 0.6
    drawing = Drawing(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(drawing)
    axes = drawing.subplots(lines, columns, squeeze=False, sharey=True)
    for axis in axes.flat[len(links) :]:
        axis.set_visible(False)
    panels = list(zip(links, axes.flat, strict=False))
    for place, (link, axis) in enumerate(panels):
        pick = picks.get(link)
        _panel(axis, points, link, None if pick is None else pick.candidate)
        _lines(axis, points, max_drop)
        if place % columns == 0:
            axis.set_ylabel(points.label)
        if place + columns >= len(links):
            axis.set_xlabel("predicted latency (ms)")
    _scales(axes, points)
    drawing.suptitle(points.title, fontsize=11)
    _legend(drawing, axes)
    engine = drawing.get_layout_engine()
    assert engine is not None
    engine.execute(drawing)
    drawing.set_layout_engine("none")  # names are placed in pixels: nothing may move any more
    for link, axis in panels:
        _names(axis, points, link)
    return drawing


def _panel(axis: Any, points: Points, link: str, chosen: Candidate | None) -> None:
    """One link: plans of autosplit, JPEG plans, baselines, the best of all and the pick."""
    every = points.over(link)
    far = [one for one in every if points.far(one)]
    seen = [one for one in every if not one.stopped and one not in far]
    slow = [one for one in every if points.slow(one) and one not in far]
    near = [one for one in seen if one not in slow]
    stopped = [one for one in every if one.stopped and one not in far and one not in slow]
    split = [one for one in near if not sends_jpeg(one.plan)]
    marks: list[tuple[list[Candidate], dict[str, Any]]] = [
        (far, {"s": 22, "color": STOPPED, "marker": "v", "label": "far below"}),
        (slow, {"s": 26, "color": STOPPED, "marker": ">", "label": "slower"}),
        (stopped, {"s": 14, "facecolor": "none", "edgecolor": STOPPED, "label": "stopped early"}),
        (
            [one for one in split if one.plan.method == OURS and one.fits],
            {"s": 16, "color": PLANS, "label": "plans of autosplit"},
        ),
        (
            [one for one in near if sends_jpeg(one.plan)],
            {"s": 26, "color": JPEG_INPUT, "marker": "D", "label": "input sent as JPEG"},
        ),
    ]
    others = [one for one in split if one.plan.method != OURS]
    for fits, marker, label in ((True, "s", "baselines"), (False, "x", "baselines, too large")):
        style = {"s": 34, "color": BASELINES, "marker": marker, "label": label, "zorder": 4}
        marks.append(([one for one in others if one.fits == fits], style))
    for some, style in marks:
        if some:
            axis.scatter(*_columns(points, some), **style)
    front = points.front([one for one in seen if one.fits])
    label = "best of all" if points.float_score is None else "best measured"
    step = {"where": "post", "color": FRONT, "lw": 1.4, "label": label, "zorder": 3}
    axis.step(*_columns(points, front), **step)
    if chosen is not None:
        star = {"s": 190, "color": PICKED, "marker": "*", "edgecolor": "white", "label": "pick"}
        axis.scatter(*_columns(points, [chosen]), **star, zorder=5)
    title = link if chosen is None else f"{link}, pick: {chosen.plan.name}"
    axis.set_title(title, fontsize=10)
    axis.grid(alpha=0.25)
    axis.margins(x=0.06, y=0.12)


def _lines(axis: Any, points: Points, max_drop: float | None) -> None:
    """The float network's accuracy, and the least that a pick may have."""
    if points.float_score is None:
        return
    accuracy = 100 * points.float_score.accuracy
    axis.axhline(accuracy, color=GREY, lw=1.0, ls="--", label="float network", zorder=1)
    if max_drop is not None and math.isfinite(max_drop):
        label = f"{max_drop:g} {'point' if max_drop == 1 else 'points'} lost"
        axis.axhline(accuracy - max_drop, color=GREY, lw=1.0, ls=":", label=label, zorder=1)


def _scales(axes: Any, points: Points) -> None:
    """Logarithmic axes where values are far apart, always with plain numbers."""
    across = [points.place(one)[0] for link in points.links for one in points.over(link)]
    for axis in axes.flat:
        if across and max(across) > WIDE * min(across):
            axis.set_xscale("log")
            _plain_log(axis.xaxis)
        if points.float_score is None:
            axis.set_yscale("symlog", linthresh=_least(points))
            axis.yaxis.set_major_formatter("{x:.3g}")
            axis.yaxis.set_minor_formatter(NullFormatter())


def _least(points: Points) -> float:
    """The smallest distortion above 0."""
    found = [one.plan.distortion for one in points.candidates if one.plan.distortion > 0]
    return min(found, default=1.0)


def _plain_log(axis: Any) -> None:
    """Plain numbers at 1, 2 and 5 of each decade; at every digit if fewer than two are in sight."""

    def label(value: float, _: int) -> str:
        low, high = axis.get_view_interval()
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        plain = [n * 10.0**power for power in decades for n in (1, 2, 5)]
        digits = "125" if sum(low <= tick <= high for tick in plain) > 1 else "123456789"
        return f"{value:g}" if f"{value:.0e}"[0] in digits else ""

    axis.set_major_formatter(FuncFormatter(label))
    axis.set_minor_formatter(FuncFormatter(label))


def _legend(drawing: Drawing, axes: Any) -> None:
    handles = {
        label: handle
        for axis in axes.flat
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    drawing.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, fontsize=8
    )


def _names(axis: Any, points: Points, link: str) -> None:
    """Names of the baselines that have one plan, beside their points."""
    every = points.over(link)
    named = []
    for one in every:
        value = points.value(one)
        if one.plan.name == one.plan.method and value is not None:
            beyond = [f"{value:.0f} %"] if points.far(one) else []
            beyond += [f"{1e3 * one.latency_s:.3g} ms"] if points.slow(one) else []
            words = f" ({', '.join(beyond)})" if beyond else ""
            named.append((*points.place(one), f"{one.plan.name}{words}"))
    places = np.array([points.place(one) for one in every]).reshape(-1, 2)
    left, right = axis.get_xlim()
    lines = [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() in {"--", ":"}]
    across = np.linspace(left, right, _ALONG)
    along = [np.stack([across, np.full(_ALONG, height)], axis=1) for height in lines]
    place_labels(axis, named, np.concatenate([places, *along]))


def _columns(points: Points, candidates: Sequence[Candidate]) -> tuple[list[float], list[float]]:
    """Horizontal and vertical places of some plans."""
    places = [points.place(one) for one in candidates]
    return [x for x, _ in places], [y for _, y in places]

"""The page of a run: one HTML file with bokeh inside, which asks no network for anything.

The same run gives the same bytes: bokeh numbers its models as they come in a process, so they are
numbered anew here.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from bokeh import __version__ as bokeh_version
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.models import Model
from bokeh.resources import Resources

from autosplit import __version__
from autosplit.errors import LatencyError
from autosplit.report.page import words
from autosplit.report.page.cuts import CutBars, cut_bars
from autosplit.report.page.network import ANSWER_PARTS, network_choices, network_plots
from autosplit.report.page.panels import PICK_COLOUR, front_panels, method_marks
from autosplit.report.page.pictures import pictures_words
from autosplit.report.page.view import PageView
from autosplit.report.points import far_points_of

CSV_LINK = '<a download="{name}" href="data:text/csv;base64,{data}">{name}</a>'
"""A link that gives a table which is in the page."""
PAGE_WIDTHS = (8, 4, 2)
"""Widths whose bars of every cut can be chosen, if plans may use them."""


def html_page(view: PageView) -> str:
    """The page.

    Args:
        view: What is shown.
    """
    shown = next((link for link in view.links if link in view.picks), view.links[0])
    bars = _bars(view)
    panels = front_panels(view)
    plots = network_plots(view, bars, shown) if bars else {}
    roots = {f"front-{place}": plot for place, plot in enumerate(panels.values())}
    roots |= {f"network-{name}": plot for name, plot in plots.items()}
    choices = network_choices(view, bars) if bars else None
    return html_file(view.title, _body(view, len(panels), bars, shown), roots, choices)


def html_file(title: str, body: str, roots: Mapping[str, Model], choices: Any = None) -> str:
    """One HTML file with bokeh, the style and the script of the page inside.

    Args:
        title: Title of the page.
        body: HTML, with an element for each plot.
        roots: Id of an element -> the plot that stands there.
        choices: What the choices of the network's picture show; None without it.
    """
    data = {
        "document": _document(list(roots.values())),
        "places": list(roots),
        "network": choices,
    }
    bokeh = Resources(mode="inline", components=["bokeh"], minified=True).render_js()
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_text('page.css')}</style></head><body>{body}"
        f'<script type="application/json" id="data">{_json(data)}</script>\n'
        f"{bokeh}\n<script>{_text('page.js')}</script></body></html>\n"
    )


def _bars(view: PageView) -> list[CutBars]:
    """Bars of every cut at each width at which the devices know all layers, the widest last."""
    hardware, found = view.hardware, []
    usable = [bits for bits in PAGE_WIDTHS if bits in hardware.widths] or hardware.widths[-1:]
    for bits in sorted(usable):
        try:
            about = hardware.edge, hardware.cloud, hardware.links
            found.append(cut_bars(view.graph, *about, bits))
        except LatencyError:
            continue
    return found


def _body(view: PageView, panels: int, bars: Sequence[CutBars], shown: str) -> str:
    fronts = "".join(f'<div class=plot id="front-{place}"></div>' for place in range(panels))
    unmeasured = len({one.plan.name for one in view.candidates if one.accuracy is None})
    absent = f" {unmeasured} plans were not measured and are in the tables alone." * (
        unmeasured > 0
    )
    csv = b64encode(view.summary_csv).decode()
    sections = {
        "Answer": f"<p>{escape(_float_line(view))}</p>{words.answer_words(view)}"
        "<h3>Simulated and measured</h3>"
        f"<div class=wide>{words.known_words(view)}</div>",
        "Accuracy against latency": f"{_filters(view)}<div class=grid>{fronts}</div>"
        f"<p>Plans that lose more than {far_points_of(view.max_drop):g} points stand at the lower "
        f"border; pale marks do not fit the memory or were stopped early.{absent}</p>",
        "The network": _network(view, bars, shown),
        "Proof": words.proof_words(view),
        "Promised against measured": words.answered_words(view),
        **({"Pictures": pictures_words(view.pictures)} if view.pictures else {}),
        "All plans": f"{words.plans_words(view)}<p>"
        f"{CSV_LINK.format(name='summary_full.csv', data=csv)}, with all digits</p>",
        "Where it comes from": f"{words.provenance_words(view)}<p>Page by autosplit {__version__} "
        f"and bokeh {bokeh_version}.</p>",
    }
    text = "".join(f"<h2>{title}</h2>{part}" for title, part in sections.items())
    return f"<main><h1>{escape(view.title)}</h1>{text}</main>"


def _float_line(view: PageView) -> str:
    score = view.float_score
    same = ", which also served for calibration" if score.calibrated else ""
    return f"Float network: {score.metric} {score.percent} on {score.images:,} samples{same}."


def _filters(view: PageView) -> str:
    """Boxes that are legend and filter at once, and the most memory that is shown."""
    boxes = method_boxes([one.plan.method for one in view.candidates])
    most = max(one.plan.edge_memory_bytes for one in view.candidates)
    return (
        f"<form class=filters>{boxes}<label>memory at most <input type=range id=memory min=0 "
        f'max={most} value={most} step=1 aria-label="memory"> <output id=memory-shown>{most:,} '
        "bytes</output></label></form>"
    )


def method_boxes(methods: Sequence[str]) -> str:
    """A box for each method, which is its legend too."""
    return "".join(
        f'<label><input type=checkbox class=method value="{escape(method)}" checked>'
        f'<span style="color:{colour}">{character}</span> {escape(method)}</label>'
        for method, (_, character, colour) in method_marks(methods).items()
    )


def _network(view: PageView, bars: Sequence[CutBars], shown: str) -> str:
    if not bars:
        return "<p>The edge device has no seconds for a whole network at one width.</p>"
    links = "".join(
        f'<option value="{escape(link)}"{" selected" * (link == shown)}>{escape(link)}</option>'
        for link in view.links
    )
    widths = "".join(
        f"<option value={one.bits}{' selected' * (one is bars[-1])}>{one.bits} bits</option>"
        for one in bars
    )
    plots = "".join(
        f'<div class=plot id="network-{name}"></div>' for name in ("layers", "bytes", "seconds")
    )
    key = " ".join(
        f'<span style="color:{colour}">■</span> {part.removesuffix("_ms")}'
        for part, colour in ANSWER_PARTS.items()
    )
    key += f' <span style="color:{PICK_COLOUR}">★</span> pick, at its own widths'
    return (
        f"<form class=filters><label>link <select id=link>{links}</select></label><label>bars: "
        f"the whole edge half at <select id=bits>{widths}</select></label></form>"
        f"{plots}<p>{key}</p>"
    )


def _document(roots: Sequence[Model]) -> Any:
    """Bokeh's document of the plots, with its models numbered from 1."""
    document = Document()
    with document.models.freeze():  # else every root has all models looked through again
        for root in roots:
            document.add_root(root)
    return _numbered(json.loads(serialize_json(document.to_json())), {})


def _numbered(value: Any, known: dict[str, str]) -> Any:
    """A copy of what bokeh wrote, in which every id is its place in order of appearance."""
    if isinstance(value, Mapping):
        found = {}
        for key, inner in value.items():
            if key == "id" and isinstance(inner, str):
                found[key] = known.setdefault(inner, f"p{len(known) + 1}")
            else:
                found[key] = _numbered(inner, known)
        return found
    if isinstance(value, list | tuple):
        return [_numbered(inner, known) for inner in value]
    return value


def _json(data: Any) -> str:
    """JSON that ends no script, whatever names are in it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _text(name: str) -> str:
    return files("autosplit.report.page").joinpath(name).read_text("utf-8")

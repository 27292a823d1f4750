"""Words and tables of the page, as HTML; every name in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import isinf

from autosplit.errors import counted, plural
from autosplit.hardware.seconds import KIND_OF_SECONDS
from autosplit.report.aligned import html
from autosplit.report.choice import ALL_CLOUD, ALL_EDGE
from autosplit.report.page.view import Answered, PageView
from autosplit.report.pick import Pick
from autosplit.search.front.front import OURS

_SECONDS_ARE = {
    "systolic": "cycles of a systolic array",
    "roofline": "the roofline of the device, a lower bound",
    "table": "seconds of every layer on the device",
    "fitted": "predicted from other layers that were measured on the device",
}
"""Latency model of a device -> what the seconds of its kind are."""


def answer_words(view: PageView) -> str:
    """The pick of every link: a sentence, the table beside the ways not to split, and why."""
    parts = []
    for link in view.links:
        pick = view.picks.get(link)
        if pick is None:
            text = f"<p>No pick: {escape(view.refused.get(link, ''))}</p>"
            parts.append(f"<section><h3>Over {escape(link)}</h3>{text}</section>")
            continue
        table = html(pick.header(), pick.rows())
        why = f"{escape(pick.reason)} {escape(pick.timed)}"
        parts.append(
            f"<section><h3>Over {escape(link)}</h3><p class=answer>{escape(sentence(pick))}</p>"
            f"<div class=wide>{table}</div><p>{why}</p></section>"
        )
    return f"<div class=cards>{''.join(parts)}</div>"


def sentence(pick: Pick) -> str:
    """The answer in words: where to cut, how long it takes, what it loses, how much is gained."""
    edge, layers = len(pick.plan.edge), len(pick.graph.layers)
    if edge == layers:
        where = f"Run all {layers} layers on the edge"
    elif edge == 0:
        where = "Run the whole network in the cloud"
    else:
        where = f"Run {edge} of {layers} layers on the edge and the rest in the cloud"
    lost = f"loses {pick.drop:.2f}" if pick.drop >= 0 else f"gains {-pick.drop:.2f}"
    gains = [
        f"{one.candidate.latency_s / pick.latency_s:.2f} times as fast as {way}"
        for one in pick.contenders[1:]
        for way in one.titles
        if one.allowed and way in (ALL_CLOUD, ALL_EDGE)
    ]
    faster = f", {' and '.join(gains)}" if gains else ""
    return (
        f"{where}: an answer takes {1e3 * pick.latency_s:,.2f} ms{faster}. It {lost} points of "
        f"{pick.float_score.metric} and takes {pick.plan.edge_memory_bytes:,} bytes on the edge."
    )


def known_words(view: PageView) -> str:
    """The float network's score, the limits, and which numbers were measured or computed."""
    score, hardware = view.float_score, view.hardware
    samples = counted(score.images, "sample")
    limit = "not limited" if view.limit_bytes is None else f"{view.limit_bytes:,} bytes"
    drop = (
        "not limited"
        if isinf(view.max_drop)
        else f"{view.max_drop:g} {plural(view.max_drop, 'point')}"
    )
    timed = [
        (
            f"{side} seconds ({device.name})",
            f"{KIND_OF_SECONDS[device.model]}: {_SECONDS_ARE[device.model]}",
        )
        for side, device in (("edge", hardware.edge), ("cloud", hardware.cloud))
    ]
    links = ", ".join(
        f"{name}: {link.uplink_bps / 1e6:g} Mbit/s up, round trip {1e3 * link.rtt_s:g} ms"
        for name, link in hardware.links.items()
    )
    coded = "packed to their widths, or coded as on calibration data where the plan codes them"
    rows = [
        ("float network", f"{score.metric} {score.percent}, measured on {samples}"),
        ("accuracy of plans", f"measured: every plan was run with its integers on {samples}"),
        *timed,
        ("link seconds", f"computed from the rates of the links ({links})"),
        ("bytes sent", f"counted: tensors that cross, {coded}"),
        ("memory", "counted: packed weights and the largest set of live tensors"),
        ("memory limit", limit),
        ("allowed drop", drop),
    ]
    return table_of(("", "where the number comes from"), rows)


def proof_words(view: PageView) -> str:
    """Bound and gap of each of our plans, and how many are proven to be the best."""
    ours = {one.plan.name: one.plan for one in view.candidates if one.plan.method == OURS}
    proven = sum(plan.optimality_gap == 0 for plan in ours.values())
    rows = [
        (
            name,
            f"{len(plan.edge)}",
            f"{plan.edge_memory_bytes:,}",
            f"{plan.distortion:.4g}",
            f"{plan.lower_bound:.4g}",
            f"{100 * plan.optimality_gap:.1f} %",
        )
        for name, plan in ours.items()
    ]
    heads = ("plan", "layers on the edge", "memory, bytes", "distortion", "lower bound", "gap")
    return (
        f"<p>{proven} of {len(ours)} plans are proven to have the least distortion of all widths "
        "of their cut within their memory; the gap of the others is how much less distortion "
        "might be possible at most.</p>"
        f"<div class=tall>{table_of(heads, rows)}</div>"
    )


def answered_words(view: PageView) -> str:
    """Promised seconds beside those that a bundle took; nothing where none was run."""
    if not view.answered:
        return (
            "<p>No bundle of this run was measured: run <code>autosplit export</code>, "
            "<code>autosplit serve</code> and <code>autosplit infer --out answers.csv</code>, then "
            "<code>autosplit report --measured answers.csv</code>.</p>"
        )
    rows = [row for one in view.answered for row in _beside(view, one)]
    heads = ("plan", "part", "promised", "measured", "measured / promised")
    return f"<div class=wide>{table_of(heads, rows)}</div>"


def _beside(view: PageView, one: Answered) -> Iterable[tuple[str, ...]]:
    """Promise and median of each part of a plan's answer; the link for each link of the run."""
    known = {c.link: c for c in view.candidates if c.plan.name == one.plan}
    name = f"{one.plan} ({one.answers} answers)"
    for place, (link, found) in enumerate(known.items()):
        if place == 0:
            yield _ratio(name, "edge, ms", 1e3 * found.prediction.edge_s, one.edge_ms)
            yield _ratio(name, "cloud, ms", 1e3 * found.prediction.cloud_s, one.cloud_ms)
            yield _ratio(name, "bytes sent", found.plan.crossing_bytes, one.sent_bytes)
        sent = 1e3 * found.prediction.transfer_s
        yield _ratio(name, f"link as {link}, ms", sent, one.link_ms)
        yield _ratio(name, f"total over {link}, ms", 1e3 * found.latency_s, one.total_ms)


def _ratio(name: str, part: str, promised: float, measured: float) -> tuple[str, ...]:
    ratio = f"{measured / promised:.2f}" if promised else "-"
    return name, part, f"{promised:,.2f}", f"{measured:,.2f}", ratio


def plans_words(view: PageView) -> str:
    """Every row of ``summary_full.csv`` as a table for each link."""
    parts = []
    for link in view.links:
        rows = [_plan_cells(row) for row in view.rows if row["link"] == link]
        parts.append(
            f"<details><summary>{counted(len(rows), 'plan')} over {escape(link)}</summary>"
            f"<div class=tall>{table_of(_PLAN_HEADS, rows)}</div></details>"
        )
    return "".join(parts)


_PLAN_HEADS = (
    "plan",
    "method",
    "layers on the edge",
    "bytes sent",
    "memory, bytes",
    "edge, ms",
    "link, ms",
    "cloud, ms",
    "total, ms",
    "points lost",
)


def _plan_cells(row: Mapping[str, str]) -> tuple[str, ...]:
    seconds = (1e3 * float(row[key]) for key in ("edge_s", "transfer_s", "cloud_s", "latency_s"))
    drop = row.get("drop", "")
    return (
        row["name"],
        row["method"],
        row["edge_layers"],
        f"{int(row['cut_bytes']):,}",
        f"{int(row['edge_memory_bytes']):,}",
        *(f"{value:,.2f}" for value in seconds),
        f"{float(drop):.2f}" if drop else "not measured",
    )


def provenance_words(view: PageView) -> str:
    """Commands, versions and hashes of every stage."""
    parts = []
    for name, stage in view.stages.items():
        hashes = [("read", key, value) for key, value in stage.inputs.items()]
        hashes += [("written", key, value) for key, value in stage.outputs.items()]
        parts.append(
            f"<p><b>{escape(name)}</b>, {escape(stage.made_by)}: "
            f"<code>{escape(stage.command)}</code></p><details><summary>{len(hashes)} "
            f"SHA-256</summary><div class=tall>{table_of(('', 'what', 'SHA-256'), hashes)}"
            "</div></details>"
        )
    return "".join(parts)


def table_of(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with all of its cells escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    lines = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"

"""Rows of a sweep with an accuracy rule: each method's fastest plan that keeps it as measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autosplit.progress import Progress
from autosplit.report.candidate import Candidate
from autosplit.runs.folder import read_graph
from autosplit.runs.hardware import limit_bytes
from autosplit.runs.stages.latency import LATENCY
from autosplit.runs.stages.quantize import QUANTIZE
from autosplit.runs.stages.search import SEARCH
from autosplit.runs.stamps import read_stamp
from autosplit.runs.summary import Summary, summarize
from autosplit.search.methods import standing_for
from autosplit.search.tolerance import keeps_drop
from autosplit.sweep.file import REFERENCE, AccuracyRule, Network, SweepFile

RANDOM_KINDS = ("torchvision", "torchvision-backbone", "timm", "yolo")
"""Kinds of networks that have random weights where none are given."""


def weights_of(options: Mapping[str, Any]) -> str:
    """Say whether a network has ``trained`` weights or ``random`` ones.

    >>> weights_of({"model": "torchvision:resnet18"}), weights_of({"model": "fashion-resnet"})
    ('random', 'trained')
    """
    kind, colon, _ = str(options["model"]).partition(":")
    given = options.get("weights") or options.get("checkpoint")
    return "random" if colon and kind in RANDOM_KINDS and not given else "trained"


def measured_rows(
    sweep: SweepFile,
    rule: AccuracyRule,
    network: Network,
    folder: Path,
    *,
    force: bool,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Search, finish and measure the plans of a network; the rows of its methods.

    Args:
        sweep: The sweep.
        rule: Its accuracy rule.
        network: A network of the sweep.
        folder: Run folder in which the network is measured.
        force: Whether to do again what was done before.
        progress: Shows how far a stage is.

    Returns:
        Rows under ``MEASURED_HEADER``: for each link, by rising rate, those of the methods.

    Raises:
        AutoSplitError: What a stage refuses.
    """
    searched = {
        "edge": rule.edge,
        "cloud": rule.cloud,
        "links": rule.links,
        "memory_bytes": network.memory_bytes[0],
        "widths": sweep.widths,
        "methods": tuple(dict.fromkeys((*sweep.methods, REFERENCE))),
        "coding": sweep.coding,
        "front": rule.front,
    }
    scored = {"max_drop": rule.max_drop, "images": rule.images, "effort": rule.effort}
    scored |= {"plans": "all", "each_method": True}
    about: dict[str, Any] = {"force": force, "progress": progress}
    SEARCH.run(folder, searched, **about)
    LATENCY.run(folder, dict.fromkeys(("edge", "cloud", "links")), **about)
    QUANTIZE.run(folder, scored, **about)
    stamp = read_stamp(folder, "search")
    assert stamp is not None
    limit = limit_bytes(stamp, folder)
    summary = summarize(folder, read_graph(folder), limit)
    rates = {name: sweep.links[name].uplink_bps for name in summary.links}
    rows = []
    for link in sorted(rates, key=lambda name: (rates[name], name)):
        own: dict[str, Any] = {"model": network.name, "weights": weights_of(network.options)}
        own |= {"link_mbps": rates[link] / 1e6, "link": link}
        rows += [own | row for row in rows_over(summary, link, sweep.methods, rule.max_drop)]
    return rows


def rows_over(
    summary: Summary, link: str, methods: Sequence[str], max_drop: float
) -> list[dict[str, Any]]:
    """Rows of methods over one link, without what names the network and the link."""
    candidates = summary.over(link)
    table = {row["name"]: row for row in summary.table if row["link"] == link}
    base = next(one.latency_s for one in candidates if one.plan.method == REFERENCE)
    rows = []
    for method in methods:
        own = [one for one in candidates if one.plan.method == method]
        named = standing_for(method, link, [one.plan.name for one in own])
        own = [one for one in own if one.plan.name in named]
        if not own:
            continue
        one = representative(own, max_drop)
        plan, low_high = table[one.plan.name], one.drop_interval or ("", "")
        seconds = ("edge_s", "transfer_s", "cloud_s", "latency_s")
        rows.append(
            {
                "method": method,
                "plan": one.plan.name,
                **{key: plan[key] for key in ("cut", "cut_bits", "cut_bytes")},
                **{key: getattr(one.prediction, key) for key in seconds},
                "normalised_latency": one.latency_s / base,
                "metric": summary.float_score.metric,
                "accuracy": "" if one.accuracy is None else one.accuracy,
                "drop": "" if one.drop is None else one.drop,
                "drop_low": low_high[0],
                "drop_high": low_high[1],
                "images": plan.get("images", ""),
                "keeps": kept_limits(one, max_drop),
                "edge_memory_bytes": one.plan.edge_memory_bytes,
                "distortion": one.plan.distortion,
                "gap": one.plan.optimality_gap,
                "seconds": summary.timed.removeprefix("Seconds: ").rstrip("."),
            }
        )
    return rows


def representative(own: Sequence[Candidate], max_drop: float) -> Candidate:
    """The plan that stands for a method over one link.

    It is the fastest that fits the memory and keeps the accuracy, else the fastest that keeps the
    accuracy, else, of the plans that were measured on all images, that of the least drop, else the
    fastest.

    Args:
        own: Plans of the method over the link, at least one.
        max_drop: Accuracy points that a plan may lose at most.
    """
    fitting = [one for one in own if one.keeps(max_drop)]
    accurate = [one for one in own if one.measured and keeps_drop(one.drop or 0.0, max_drop)]
    if fitting or accurate:
        return min(fitting or accurate, key=lambda one: (one.latency_s, one.plan.name))
    measured = [one for one in own if one.drop is not None]
    whole = [one for one in measured if one.measured] or measured
    return min(whole or own, key=lambda one: (one.drop or 0.0, one.latency_s, one.plan.name))


def kept_limits(one: Candidate, max_drop: float) -> str:
    """Which limit a plan breaks: ``accuracy``, ``memory``, both; ``yes`` if none."""
    if one.drop is None:
        return "not measured" if one.fits else "not measured, memory"
    lost = [] if one.measured and keeps_drop(one.drop, max_drop) else ["accuracy"]
    return " and ".join([*lost, *([] if one.fits else ["memory"])]) or "yes"

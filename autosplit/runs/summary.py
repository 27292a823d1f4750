"""What the stages found, joined: one row per plan and link, and the picks among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autosplit.errors import DataError, did_you_mean
from autosplit.evaluate.scorefile import read_scores
from autosplit.files import read_csv, read_header, sha256_of_file
from autosplit.graph.graph import Graph
from autosplit.graph.memory import fits_memory
from autosplit.hardware.energy import radio_j
from autosplit.hardware.link import Link
from autosplit.hardware.prediction import Prediction, transfer_s
from autosplit.hardware.seconds import timed_by
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.report import tables
from autosplit.report.candidate import Candidate, FloatScore, candidate
from autosplit.report.choice import no_pick
from autosplit.report.confidence import judge_drops
from autosplit.report.pick import Pick, pick_from
from autosplit.report.summary_rows import same_columns, summary_rows
from autosplit.runs.escalated import (
    ESCALATION_COLUMNS,
    FOLDER,
    Joined,
    candidates_of,
    escalation_names,
)
from autosplit.runs.finished import Quantized
from autosplit.runs.folder import plan_names, read_plans
from autosplit.runs.hardware import timed_hardware
from autosplit.runs.inputs import shares_samples
from autosplit.runs.options import CollectOptions
from autosplit.runs.stamps import read_stamp
from autosplit.search.methods import standing_for

FULL_TABLE = "summary_full.csv"
"""The table of a run folder with all digits, which programs read; ``summary.csv`` is for people."""


@dataclass(frozen=True)
class Summary:
    """Everything that is known of every plan over every link.

    Attributes:
        candidates: To pick from, by link in the order of ``latency.csv``, then by latency.
        table: Rows of ``summary_full.csv``, one for each candidate.
        header: Columns of the table.
        network: Name of the network.
        hardware: Names of the edge device and the cloud device.
        float_score: What the float network scored.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
        by_traffic: Plan -> layers that are priced by their traffic alone -> seconds.
        timed: What kind of seconds the devices have, a sentence.
        same: Columns of ``summary.csv`` that all plans have in common.
    """

    candidates: tuple[Candidate, ...]
    table: tuple[dict[str, Any], ...]
    header: tuple[str, ...]
    network: str
    hardware: tuple[str, str]
    float_score: FloatScore
    limit_bytes: int | None
    by_traffic: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    timed: str = ""
    same: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Network and hardware."""
        return f"{self.network}: {' + '.join(self.hardware)}"

    @property
    def links(self) -> tuple[str, ...]:
        """Names of the links, in order."""
        return tuple(dict.fromkeys(one.link for one in self.candidates))

    def short(self, picks: Mapping[str, str], max_drop: float | None) -> list[dict[str, Any]]:
        """Rows of ``summary.csv``; picks are link -> name of a plan."""
        same = {**self.same, "allowed_drop_points": max_drop}
        return summary_rows(self.candidates, self.table, self.float_score, same, picks)

    def over(self, link: str) -> list[Candidate]:
        """The candidates over one link, the fastest first."""
        return [one for one in self.candidates if one.link == link]


def summarize(folder: Path, graph: Graph, limit_bytes: int | None) -> Summary:
    """Join the plans of a run folder with their latencies and scores.

    Args:
        folder: Run folder.
        graph: Graph of the network.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
    """
    lines = read_csv(folder / "latency.csv", tables.LATENCY_HEADER)
    task, scores = read_scores(folder / "scores.csv")
    plans = read_csv(folder / "plans.csv", tables.PLANS_HEADER)
    best = {(row["name"], row["link"]) for row in plans if row["pareto"] == "1"}
    files = read_plans(folder, graph, plan_names(folder))
    links = list(dict.fromkeys(line["link"] for line in lines))
    more = escalation_names(folder)
    found = []
    coded = recoded_plans(folder, graph, files)
    hardware = timed_hardware(folder)
    searched = read_stamp(folder, "search")
    asked = {} if searched is None else searched.options
    max_energy_j = asked.get("max_energy_j")
    for line in lines:
        link, plan = line["link"], coded.get(line["name"], files[line["name"]].plan)
        seconds = Prediction(*(float(line[key]) for key in ("edge_s", "transfer_s", "cloud_s")))
        if line["energy_j"]:
            seconds = replace(seconds, energy_j=float(line["energy_j"]))
        if line["name"] in coded:
            seconds = _recoded(graph, seconds, files[plan.name].plan, plan, hardware.links[link])
        one = candidate(plan, link, seconds, limit_bytes, task, scores, max_energy_j)
        score = scores.get(plan.name, {})
        measured = {key: score.get(key, "") for key in task.measured}
        table = tables.plan_row(graph, one.plan, link, pareto=(plan.name, link) in best) | measured
        found.append((one, table))
    if more:
        edge_s = {line["name"]: float(line["edge_s"]) for line in lines}
        edge_j = {line["name"]: float(line["energy_j"]) for line in lines if line["energy_j"]}
        about = (graph, files, edge_s, edge_j, hardware, limit_bytes, task, scores)
        for one, row in candidates_of(folder, more, Joined(*about)):
            score = scores[one.plan.name]
            found.append((one, row | {key: score.get(key, "") for key in task.measured}))
    found.sort(key=lambda pair: (links.index(pair[0].link), pair[0].latency_s))
    return Summary(
        tuple(one for one, _ in found),
        tuple(table for _, table in found),
        (*tables.PLANS_HEADER, *task.measured, *(ESCALATION_COLUMNS if more else ())),
        graph.name,
        (lines[0]["edge"], lines[0]["cloud"]),
        replace(FloatScore.of(task, scores), calibrated=shares_samples(folder)),
        limit_bytes,
        _by_traffic(folder),
        timed_by(hardware.edge, hardware.cloud),
        same_columns(hardware.edge, hardware.cloud, limit_bytes, asked),
    )


def _recoded(graph: Graph, before: Prediction, old: Plan, plan: Plan, link: Link) -> Prediction:
    """Seconds and joules of a plan over a link with the bytes that were measured in the end."""
    cut = graph.cut(plan.edge)
    found = replace(
        before, transfer_s=transfer_s(cut, link, plan.activation_bits, plan.crossing_bytes)
    )
    if before.energy_j is None:
        return found
    more_j = radio_j(link, plan.crossing_bytes - old.crossing_bytes)
    return replace(found, energy_j=before.energy_j + more_j)


def _by_traffic(folder: Path) -> dict[str, dict[str, float]]:
    """Plan -> layers that are priced by their traffic alone -> seconds, as ``latency`` found."""
    found: dict[str, dict[str, float]] = {}
    path = folder / "layer_latency.csv"
    for row in read_csv(path, read_header(path)):
        if row.get("priced_by") == tables.TRAFFIC:
            found.setdefault(row["name"], {})[row["layer"]] = float(row["seconds"])
    return found


def recoded_plans(folder: Path, graph: Graph, files: Mapping[str, PlanFile]) -> dict[str, Plan]:
    """Plans that are entropy-coded, with the bytes that were measured when they were finished.

    Args:
        folder: Run folder.
        graph: Graph of the network.
        files: Plans by name, as they were searched.
    """
    quantized = Quantized(folder / "quantized", graph)
    found = {}
    for name, file in files.items():
        if file.wire is None or not any(one.coding == "entropy" for one in file.wire.tensors):
            continue
        finished = quantized.find(file)
        if finished is not None:
            found[name] = replace(file.plan, crossing_bytes=finished.plan.crossing_bytes)
    return found


def fastest_first(
    folder: Path,
    files: Mapping[str, PlanFile],
    limit_bytes: int | None,
    *,
    each_method: bool = False,
) -> list[list[str]]:
    """Names of the plans that fit, the fastest first, for each link.

    Seconds are those of ``latency.csv`` where that stage is done, else those of ``plans.csv``.

    Args:
        folder: Run folder.
        files: The plans to order, by name.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
        each_method: Whether each method has an order of its own for each link: of its plan that is
            made for the link, if there is one; and of all its plans if none of them fits.
    """
    timed = read_stamp(folder, "latency") is not None
    path = folder / ("latency.csv" if timed else "plans.csv")
    header = tables.LATENCY_HEADER if timed else tables.PLANS_HEADER
    orders: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for line in read_csv(path, header):
        if line["name"] in files:
            method = files[line["name"]].plan.method if each_method else ""
            entry = float(line["latency_s"]), line["name"]
            orders.setdefault((line["link"], method), []).append(entry)
    found = []
    for (link, method), order in orders.items():
        names = [name for _, name in sorted(order)]
        asked = standing_for(method, link, names) if each_method else names
        fitting = [n for n in asked if fits_memory(files[n].plan.edge_memory_bytes, limit_bytes)]
        found.append(fitting or (asked if each_method else []))
    return [order for order in found if order]


def count_fitting(folder: Path, limit_bytes: int | None) -> int:
    """Plans of a run folder that fit the memory, at least 1: those that a pick accounts for."""
    rows = read_csv(folder / "plans.csv", tables.PLANS_HEADER)
    names = {row["name"] for row in rows if fits_memory(int(row["edge_memory_bytes"]), limit_bytes)}
    return max(len(names), 1)


def pick_all(
    graph: Graph, summary: Summary, max_drop: float, confidence: float | None = None
) -> dict[str, Pick]:
    """Link -> its pick, of the links that have one.

    Args:
        graph: The network.
        summary: From ``summarize``.
        max_drop: Accuracy points that a pick may lose at most; below 0 it must gain.
        confidence: As in ``pick_from``.

    Raises:
        InfeasibleError: No link has one.
    """
    about = max_drop, summary.limit_bytes, summary.float_score, confidence
    found = {link: pick_from(graph, summary.over(link), *about) for link in summary.links}
    picks = {
        link: replace(
            pick, by_traffic=summary.by_traffic.get(pick.plan.name, {}), timed=summary.timed
        )
        for link, pick in found.items()
        if pick is not None
    }
    if not picks:
        first = summary.over(summary.links[0])
        raise no_pick(judge_drops(first, max_drop, confidence), max_drop)
    return picks


def headline(asked: str | None, picks: Mapping[str, Pick]) -> str:
    """The link whose pick is taken where one plan is asked for.

    Raises:
        DataError: The one that was asked for has no pick.
    """
    if asked is not None and asked not in picks:
        raise DataError(f"link {asked!r}: must be one with a pick{did_you_mean(asked, picks)}")
    return asked or ("3mbps" if "3mbps" in picks else next(iter(picks)))


def pick_file(
    folder: Path, picks: Mapping[str, Pick], chosen: str, options: CollectOptions
) -> dict[str, Any]:
    """What ``pick.yaml`` holds: the pick of every link, and the link of the headline."""
    entries = {}
    for link, pick in picks.items():
        plan = pick.plan
        place = "plans" if pick.candidate.sent_on is None else FOLDER
        file = f"{place}/{plan.name}.yaml"
        entries[link] = {
            "plan": plan.name,
            "file": file,
            "sha256": sha256_of_file(folder / file),
            "edge_layers": len(plan.edge),
            "edge_memory_bytes": plan.edge_memory_bytes,
            "crossing_bytes": plan.crossing_bytes,
            "latency_s": pick.latency_s,
            "drop": pick.drop,
        }
    asked = {"max_drop": options.max_drop, "confidence": options.confidence}
    return {"headline": chosen, **asked, "picks": entries}

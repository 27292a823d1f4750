"""Escalations of a run folder as candidates of a link, beside all other plans."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autosplit.escalation.costs import expected_seconds, memory_bytes
from autosplit.escalation.cuts import SentCut, seconds_on, sent_file
from autosplit.escalation.escalation import METHOD, Escalation, read_escalation
from autosplit.evaluate.task import Task
from autosplit.graph.graph import Graph
from autosplit.graph.memory import coded_crossing
from autosplit.hardware.energy import radio_j
from autosplit.hardware.prediction import Prediction
from autosplit.plan.planfile import PlanFile
from autosplit.plan.wire_layout import Coded
from autosplit.report.candidate import Candidate, SentOn, candidate
from autosplit.report.tables import plan_row
from autosplit.runs.hardware import Hardware
from autosplit.runs.options import SearchOptions
from autosplit.runs.stamps import read_stamp, resolve
from autosplit.stats.statsfile import read_stats

FOLDER = "escalation"
"""Folder of the escalations in a run folder."""
ESCALATION_COLUMNS = ("edge_share", "latency_p95_s", "cut_bytes_p95", "risk_bound")
"""Columns of ``summary_full.csv`` in a run folder with escalations; empty for other plans."""
CandidateRow = tuple[Candidate, dict[str, Any]]


@dataclass(frozen=True)
class Joined:
    """What escalations are joined with.

    Attributes:
        graph: The network.
        files: Plans by name.
        edge_s: Seconds of the edge half of each plan.
        edge_j: Joules of each plan that is whole on the edge, where they are known.
        hardware: Hardware that plans were timed on.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
        task: What the network is for.
        scores: Name -> row of ``scores.csv``.
    """

    graph: Graph
    files: Mapping[str, PlanFile]
    edge_s: Mapping[str, float]
    edge_j: Mapping[str, float]
    hardware: Hardware
    limit_bytes: int | None
    task: Task
    scores: Mapping[str, Mapping[str, str]]


def escalation_names(folder: Path) -> list[str]:
    """Files of the escalations that ``quantize`` wrote into a run folder, relative to it."""
    stamp = read_stamp(folder, "quantize")
    outputs: Iterable[str] = () if stamp is None else stamp.outputs
    return [name for name in outputs if name.startswith(f"{FOLDER}/")]


def sent_on_file(graph: Graph, whole: PlanFile, escalation: Escalation, coded: Coded) -> PlanFile:
    """The plan of the images that an escalation sends on.

    Args:
        graph: The network.
        whole: The plan on the edge, finished.
        escalation: The escalation.
        coded: Tensor and width -> classes and mean bytes, where it is entropy-coded.
    """
    sent = SentCut(graph.cut(escalation.cut), round(escalation.sent.sent), 0.0)
    return sent_file(whole, sent, coded, escalation.input_coding)


def candidates_of(folder: Path, names: Sequence[str], asked: Joined) -> list[CandidateRow]:
    """Every escalation over every link, each with its row of ``summary_full.csv``.

    Args:
        folder: Run folder.
        names: Files, from ``escalation_names``.
        asked: What they are joined with.
    """
    searched = read_stamp(folder, "search")
    coded = read_stats(folder).tables(resolve({}, searched, SearchOptions()).coding)
    found = []
    for name in names:
        escalation = read_escalation(folder / name)
        if escalation.edge_plan in asked.files and escalation.name in asked.scores:
            found += [_over(escalation, link, asked, coded) for link in asked.hardware.links]
    return found


def _over(
    escalation: Escalation, link: str, asked: Joined, coded: Collection[tuple[str, int]]
) -> CandidateRow:
    """One escalation over one link; the tensors and widths in ``coded`` are entropy-coded."""
    graph, hardware, sent = asked.graph, asked.hardware, escalation.sent
    plan = asked.files[escalation.edge_plan].plan
    cut, whole = graph.cut(escalation.cut), graph.cut(plan.edge)
    coding = escalation.input_coding
    there = (hardware.edge, hardware.cloud), hardware.links[link]
    names = coded_crossing(cut, plan.activation_bits, coded) if coding is None else ()

    def on_s(size: float) -> Prediction:
        return seconds_on(cut, plan, size, *there, names, jpeg=coding is not None)

    edge_s = asked.edge_s[escalation.edge_plan]
    seconds = expected_seconds(edge_s, sent.share, on_s(sent.sent))
    joules = asked.edge_j.get(escalation.edge_plan, math.inf)
    joules += radio_j(there[1], sent.mean + (1 - sent.share) * there[1].message_bytes)
    seconds = replace(seconds, energy_j=joules if math.isfinite(joules) else None)
    high = on_s(sent.high).latency_s if sent.high else 0.0
    needed = memory_bytes(whole, cut.crossing, plan.weight_bits, plan.activation_bits)
    widths = "+".join(str(plan.activation_bits[name]) for name in cut.crossing)
    mixed = replace(
        plan,
        name=escalation.name,
        method=METHOD,
        distortion=math.nan,
        lower_bound=math.nan,
        edge_memory_bytes=needed,
        crossing_bytes=round(sent.mean),
        predictions={link: seconds},
    )
    limits = asked.limit_bytes, asked.task, asked.scores
    one = replace(
        candidate(mixed, link, seconds, *limits),
        stopped=False,
        sent_on=SentOn(
            sent.share,
            edge_s + high,
            sent.high,
            cut.crossing,
            f"{widths} bits" if coding is None else f"JPEG {coding.quality}",
        ),
    )
    row = plan_row(graph, mixed, link, pareto=False) | {
        "cut": "+".join(cut.crossing),
        "cut_bits": widths if coding is None else "",
        "distortion": None,
        "optimality_gap": None,
        "edge_share": sent.share,
        "latency_p95_s": edge_s + high,
        "cut_bytes_p95": sent.high,
        "risk_bound": escalation.threshold.bound,
    }
    return one, row

"""What the stages found, joined: one row per plan and link, and the picks among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from autosplit.errors import DataError, InfeasibleError, did_you_mean
from autosplit.evaluate.scorefile import read_scores
from autosplit.evaluate.task import FLOAT, Task
from autosplit.files import read_csv, sha256_of_file
from autosplit.graph.graph import Graph
from autosplit.graph.memory import fits_memory
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.report import pick, tables
from autosplit.report.tables import Row
from autosplit.runs.folder import plan_names, read_plans
from autosplit.runs.stamps import read_stamp


@dataclass(frozen=True)
class Summary:
    """Everything that is known of every plan over every link.

    Attributes:
        rows: To pick from, by link in the order of ``latency.csv``, then by latency.
        table: The same as rows of ``summary.csv``.
        header: Its columns.
        title: Network and hardware.
        measured: What was measured of the plans, with its unit.
    """

    rows: tuple[Row, ...]
    table: tuple[dict[str, Any], ...]
    header: tuple[str, ...]
    title: str
    measured: str


def summarize(folder: Path, graph: Graph, limit_bytes: int | None) -> Summary:
    """Join the plans of a run folder with their latencies and scores.

    Args:
        folder: Run folder.
        graph: Its graph.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
    """
    lines = read_csv(folder / "latency.csv", tables.LATENCY_HEADER)
    task, scores = read_scores(folder / "scores.csv")
    plans = read_csv(folder / "plans.csv", tables.PLANS_HEADER)
    best = {(row["name"], row["link"]) for row in plans if row["pareto"] == "1"}
    files = read_plans(folder, graph, plan_names(folder))
    links = list(dict.fromkeys(line["link"] for line in lines))
    whole = scores[FLOAT]
    found = []
    for line in lines:
        score = scores.get(line["name"], {})
        row = _row(files[line["name"]].plan, line, score, task, limit_bytes)
        if score and int(score["images"]) < int(whole["images"]):
            row = replace(row, stopped=True)
        name, link = row.plan.name, row.link
        measured = {key: score.get(key, "") for key in task.measured}
        table = tables.plan_row(graph, row.plan, link, pareto=(name, link) in best) | measured
        found.append((row, table))
    found.sort(key=lambda pair: (links.index(pair[0].link), pair[0].latency_s))
    what = task.metric_name if whole[task.metric] else task.agreement_name
    return Summary(
        tuple(row for row, _ in found),
        tuple(table for _, table in found),
        (*tables.PLANS_HEADER, *task.measured),
        f"{graph.name}: {lines[0]['edge']} + {lines[0]['cloud']}",
        f"{what} on {whole['images']} images (%)",
    )


def fastest_first(
    folder: Path, files: Mapping[str, PlanFile], limit_bytes: int | None
) -> list[list[str]]:
    """Names of the plans that fit, the fastest first, for each link.

    Seconds are those of ``latency.csv`` where that stage is done, else those of ``plans.csv``.

    Args:
        folder: Run folder.
        files: The plans to order, by name.
        limit_bytes: Memory that an edge half may use, None if that is not limited.
    """
    timed = read_stamp(folder, "latency") is not None
    path = folder / ("latency.csv" if timed else "plans.csv")
    header = tables.LATENCY_HEADER if timed else tables.PLANS_HEADER
    orders: dict[str, list[tuple[float, str]]] = {}
    for line in read_csv(path, header):
        file = files.get(line["name"])
        if file and fits_memory(file.plan.edge_memory_bytes, limit_bytes):
            entry = float(line["latency_s"]), line["name"]
            orders.setdefault(line["link"], []).append(entry)
    return [[name for _, name in sorted(order)] for order in orders.values()]


def _row(
    plan: Plan,
    line: Mapping[str, str],
    score: Mapping[str, str],
    task: Task,
    limit_bytes: int | None,
) -> Row:
    """One plan over one link, from its line of ``latency.csv`` and its score if it has one."""
    seconds = Prediction(float(line["edge_s"]), float(line["transfer_s"]), float(line["cloud_s"]))
    return Row(
        plan=replace(plan, predictions={**plan.predictions, line["link"]: seconds}),
        link=line["link"],
        prediction=seconds,
        fits=fits_memory(plan.edge_memory_bytes, limit_bytes),
        drop=float(score["drop"]) if score else None,
        accuracy=task.accuracy(score),
    )


def pick_all(summary: Summary, max_drop: float) -> dict[str, Row]:
    """Link -> its pick, of the links that have one.

    Raises:
        InfeasibleError: None has.
    """
    picks = {}
    for link in dict.fromkeys(row.link for row in summary.rows):
        chosen = pick.pick([row for row in summary.rows if row.link == link], max_drop)
        if chosen is not None:
            picks[link] = chosen
    if not picks:
        _refuse(summary.rows, max_drop)
    return picks


def headline(asked: str | None, picks: Mapping[str, Row]) -> str:
    """The link that the paragraph is about.

    Raises:
        DataError: The one that was asked for has no pick.
    """
    if asked is not None and asked not in picks:
        raise DataError(f"link {asked!r}: must be one with a pick{did_you_mean(asked, picks)}")
    return asked or ("3mbps" if "3mbps" in picks else next(iter(picks)))


def _refuse(rows: Sequence[Row], max_drop: float) -> NoReturn:
    fitting = [row for row in rows if row.fits]
    measured = [row for row in fitting if row.measured]
    if not any(row.drop is not None for row in fitting) and any(
        row.drop is not None for row in rows
    ):
        raise InfeasibleError(
            "memory: no plan that was measured fits the edge device; run: autosplit quantize "
            "--plans all, or allow more with --memory"
        )
    if not measured:
        raise InfeasibleError(
            f"max-drop: no plan that fits keeps within {max_drop:g} points, none was measured to "
            "the end; run: autosplit quantize --plans pareto, or allow more with --max-drop"
        )
    best = min(measured, key=lambda row: (row.drop, row.plan.name))
    raise InfeasibleError(
        f"max-drop: no measured plan loses at most {max_drop:g} points, the least is "
        f"{best.drop:.2f} ({best.plan.name}); allow more with --max-drop, or --memory"
    )


def pick_file(
    folder: Path, picks: Mapping[str, Row], chosen: str, max_drop: float | None
) -> dict[str, Any]:
    """What ``pick.yaml`` holds: the pick of every link, and the link of the paragraph."""
    entries = {}
    for link, row in picks.items():
        plan = row.plan
        file = f"plans/{plan.name}.yaml"
        entries[link] = {
            "plan": plan.name,
            "file": file,
            "sha256": sha256_of_file(folder / file),
            "edge_layers": len(plan.edge),
            "edge_memory_bytes": plan.edge_memory_bytes,
            "crossing_bytes": plan.crossing_bytes,
            "latency_s": row.latency_s,
            "drop": row.drop,
        }
    return {"headline": chosen, "max_drop": max_drop, "picks": entries}

"""The stage ``collect``: join plans, seconds and scores; pick plans; draw front and page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from autosplit.evaluate.scorefile import BOX_FILES
from autosplit.evaluate.task import FLOAT
from autosplit.files import read_json, write_bytes, write_csv, write_json, write_yaml
from autosplit.graph.graph import Graph
from autosplit.report.choice import no_pick
from autosplit.report.confidence import judge_drops
from autosplit.report.pick import Pick
from autosplit.report.points import Points, far_points_of
from autosplit.report.summary_rows import SUMMARY_HEADER
from autosplit.runs.escalated import ESCALATION_COLUMNS, escalation_names
from autosplit.runs.folder import read_graph
from autosplit.runs.hardware import limit_bytes
from autosplit.runs.hashes import hash_files
from autosplit.runs.options import CollectOptions
from autosplit.runs.stages.frame import Job, Made, Prepared, Stage, delete_old
from autosplit.runs.summary import FULL_TABLE, Summary, headline, pick_all, pick_file, summarize
from autosplit.runs.variants import (
    SCORES_FILE,
    VARIANTS_HEADER,
    PlanRows,
    scored_rows,
    scored_text,
    searched_variants,
)
from autosplit.runs.viewing import page_of


def _prepare(job: Job[CollectOptions]) -> Prepared:
    searched = job.needed["search"]
    limit = limit_bytes(searched, job.folder)
    boxes = [name for name in BOX_FILES if name in job.needed["quantize"].outputs]
    more = [*boxes, *escalation_names(job.folder)]
    timed = ("latency.csv", "layer_latency.csv")
    read = ("graph.json", *timed, "scores.csv", *more, *searched.outputs)
    read += tuple(f"variants/{one.name}/scores.csv" for one in searched_variants(job.folder))
    inputs = hash_files(job.folder, read) | {"memory_bytes": str(limit)}
    return Prepared(inputs, partial(_collect, job, limit))


def _collect(job: Job[CollectOptions], limit: int | None) -> Made:
    """Join the tables and pick.

    Raises:
        InfeasibleError: No measured plan keeps the accuracy, over no link.
    """
    folder, options = job.folder, job.options
    graph = read_graph(folder)
    summary = summarize(folder, graph, limit)
    most = math.inf if options.max_drop is None else options.max_drop
    picks = pick_all(graph, summary, most, options.confidence)
    link = headline(options.link, picks)
    text = picks[link].text() if options.link else text_of(summary, picks, most, options.confidence)
    joint = scored_rows(folder) if searched_variants(folder) else []
    if joint:
        text += f"\n\n\n{scored_text(joint, limit, most)}"
    return Made(text, partial(_write, job, graph, summary, picks, link, text, joint))


def text_of(
    summary: Summary, picks: Mapping[str, Pick], max_drop: float, confidence: float | None = None
) -> str:
    """The table of every pick; of a link without a pick, why it has none.

    Args:
        summary: All plans over all links.
        picks: Link -> its pick.
        max_drop: Accuracy points that a pick may lose at most.
        confidence: As in ``pick_from``.
    """
    return "\n\n\n".join(
        picks[link].text()
        if link in picks
        else f"Over {link}: no pick; "
        f"{no_pick(judge_drops(summary.over(link), max_drop, confidence), max_drop)}"
        for link in summary.links
    )


def _write(
    job: Job[CollectOptions],
    graph: Graph,
    summary: Summary,
    picks: Mapping[str, Pick],
    link: str,
    text: str,
    joint: PlanRows,
) -> Sequence[str]:
    from autosplit.report import figure

    folder = job.folder
    with job.progress("collect: drawing", 1) as advance:
        most = math.inf if job.options.max_drop is None else job.options.max_drop
        about = summary.candidates, summary.title, summary.float_score
        points = Points(*about, far_points_of(most))
        drawing = figure.front_figure(points, picks, job.options.max_drop)
        write_bytes(folder / "pareto.png", drawing.png())
        advance(1)
    drawn = _draw_measures(job, picks[link].candidate.plan.name) if link in picks else []
    write_csv(folder / FULL_TABLE, summary.header, summary.table)
    header = (*SUMMARY_HEADER, *(ESCALATION_COLUMNS if escalation_names(folder) else ()))
    named = {link: pick.plan.name for link, pick in picks.items()}
    write_csv(folder / "summary.csv", header, summary.short(named, job.options.max_drop))
    write_yaml(folder / "pick.yaml", "pick", pick_file(folder, picks, link, job.options))
    write_json(folder / "stages" / "pick.json", "text", {"text": text})
    if job.options.page:
        write_bytes(folder / "report.html", page_of(folder, summary, graph, job.options, picks))
        drawn.append("report.html")
    written = ["summary.csv", FULL_TABLE, "pareto.png", *drawn, "pick.yaml", "stages/pick.json"]
    if joint:
        write_csv(folder / SCORES_FILE, (*VARIANTS_HEADER, "accuracy", "lost"), joint)
        written.append(SCORES_FILE)
    delete_old(job, written)
    return written


def _draw_measures(job: Job[CollectOptions], plan: str) -> list[str]:
    """Draw curves and confusion of a detector with annotations: float and a plan.

    Returns:
        Names of the files.
    """
    from autosplit.report.box_figure import box_figure

    if not set(BOX_FILES) <= set(job.needed["quantize"].outputs):
        return []
    write_bytes(job.folder / "boxes.png", box_figure(job.folder, [FLOAT, plan]).png())
    return ["boxes.png"]


def _text_before(folder: Path) -> str:
    """What was said when it was done."""
    return str(read_json(folder / "stages" / "pick.json", "text")["text"])


COLLECT = Stage(
    "collect",
    CollectOptions,
    ("search", "latency", "quantize"),
    _prepare,
    done_text=_text_before,
)

"""The page of a run folder: what its stages left, joined into the record that the page shows."""

from __future__ import annotations

import csv
import io
import math
import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autosplit import __version__
from autosplit.errors import DataError, StageError, did_you_mean
from autosplit.files import read_csv, read_header, read_json, sha256_of_file, write_bytes
from autosplit.graph.graph import Graph
from autosplit.plainfile import open_plain
from autosplit.report.choice import no_pick
from autosplit.report.confidence import judge_drops
from autosplit.report.page.pictures import read_pictures
from autosplit.report.page.view import Answered, PageHardware, PageView, StageRecord
from autosplit.report.pick import Pick
from autosplit.runs.folder import read_graph
from autosplit.runs.hardware import limit_bytes, timed_hardware
from autosplit.runs.kinds import NONE
from autosplit.runs.option import options_of
from autosplit.runs.options import OPTIONS, CollectOptions, SearchOptions
from autosplit.runs.stamps import Stamp, read_stamp, resolve
from autosplit.runs.summary import FULL_TABLE, Summary, pick_all, summarize

_ANSWER = ("plan", "edge_ms", "link_ms", "cloud_ms", "total_ms", "sent_bytes")
"""Columns of a table of ``autosplit infer --out`` that the page reads."""
_STAMP_VERSION = 3


def read_view(folder: Path, measured: Path | None = None) -> PageView:
    """What the page of a finished run shows.

    Args:
        folder: Run folder.
        measured: Table that ``autosplit infer --out`` wrote; None: no bundle was run.

    Raises:
        StageError: A stage is not done.
        DataError: The table of answers lacks a column, or is of other plans.
        InfeasibleError: No link has a pick.
    """
    stamps = {stage: _done(folder, stage) for stage in OPTIONS}
    graph = read_graph(folder)
    summary = summarize(folder, graph, limit_bytes(stamps["search"], folder))
    options = resolve({}, stamps["collect"], CollectOptions())
    picks = pick_all(graph, summary, _most(options), options.confidence)
    view = view_of(folder, summary, graph, options, picks)
    return view if measured is None else replace(view, answered=read_answers(measured, summary))


def write_page(
    folder: Path, out: Path, measured: Path | None = None, pictures: Path | None = None
) -> int:
    """Write the page of a finished run; gives its bytes.

    Args:
        folder: Run folder.
        out: The page.
        measured: As in ``read_view``.
        pictures: Folder that ``autosplit detect --out`` wrote; None: no pictures.

    Raises:
        AutoSplitError: As of ``read_view``.
    """
    view = read_view(folder, measured)
    if pictures is not None:
        view = replace(view, pictures=read_pictures(pictures))
    data = _html(view)
    write_bytes(out, data)
    return len(data)


def page_of(
    folder: Path,
    summary: Summary,
    graph: Graph,
    options: CollectOptions,
    picks: Mapping[str, Pick],
) -> bytes:
    """The page of a run folder with ``summary_full.csv``; arguments as in ``view_of``."""
    return _html(view_of(folder, summary, graph, options, picks))


def _html(view: PageView) -> bytes:
    from autosplit.report.page.page import html_page

    return html_page(view).encode()


def view_of(
    folder: Path,
    summary: Summary,
    graph: Graph,
    options: CollectOptions,
    picks: Mapping[str, Pick],
) -> PageView:
    """What the page shows of a run folder in which ``summary_full.csv`` is written.

    Args:
        folder: Run folder.
        summary: All plans over all links.
        graph: The network.
        options: How plans are picked.
        picks: Link -> its pick, as ``pick_all`` gives them.
    """
    most = _most(options)
    refused = {
        link: str(no_pick(judge_drops(summary.over(link), most, options.confidence), most))
        for link in summary.links
        if link not in picks
    }
    if not (folder / FULL_TABLE).is_file():
        raise StageError(
            f"{folder}: has no {FULL_TABLE}, run: autosplit collect --run {folder} --force"
        )
    text = _bytes_of(folder / FULL_TABLE)
    stamps = {stage: _done(folder, stage) for stage in OPTIONS if stage != "collect"}
    return PageView(
        summary.title,
        graph,
        _hardware(folder, stamps),
        summary.candidates,
        picks,
        refused,
        summary.float_score,
        most,
        summary.limit_bytes,
        list(csv.DictReader(io.StringIO(text.decode()))),
        text,
        {stage: _record(folder, stage, stamp) for stage, stamp in stamps.items()}
        | {"collect": _collected(folder, options)},
    )


def _most(options: CollectOptions) -> float:
    """Accuracy points that a pick may lose at most."""
    return math.inf if options.max_drop is None else options.max_drop


def read_answers(path: Path, summary: Summary) -> tuple[Answered, ...]:
    """Medians of the answers of each plan in a table of ``autosplit infer --out``.

    Args:
        path: The table.
        summary: The run that the plans must be of.

    Raises:
        DataError: The table lacks a column, a value is no number, or a plan is not of the run.
    """
    header = read_header(path)
    absent = [column for column in _ANSWER if column not in header]
    if absent:
        raise DataError(
            f"{path}: must be a table of 'autosplit infer --out', it has no column {absent[0]}"
        )
    known = {one.plan.name for one in summary.candidates}
    found: dict[str, list[dict[str, str]]] = {}
    for row in read_csv(path, header):
        if row["plan"] not in known:
            hint = did_you_mean(row["plan"], known)
            raise DataError(f"{path}: must be of plans of the run, got {row['plan']!r:.60}{hint}")
        found.setdefault(row["plan"], []).append(row)
    return tuple(
        Answered(name, len(rows), *(_median(path, rows, key) for key in _ANSWER[1:]))
        for name, rows in found.items()
    )


def _median(path: Path, rows: Sequence[Mapping[str, str]], key: str) -> float:
    try:
        values = [float(row[key]) for row in rows]
    except ValueError as error:
        raise DataError(f"{path}: {key}: must be numbers: {error}") from None
    return statistics.median(values)


def _done(folder: Path, stage: str) -> Stamp:
    stamp = read_stamp(folder, stage)
    if stamp is None:
        raise StageError(
            f"{folder}: the stage {stage} must be done, run: autosplit {stage} --run {folder}"
        )
    return stamp


def _hardware(folder: Path, stamps: Mapping[str, Stamp]) -> PageHardware:
    """The hardware of the stage ``latency``: its own, else that of the search."""
    searched = resolve({}, stamps["search"], SearchOptions())
    found = timed_hardware(folder)
    widths = tuple(
        bits for bits in searched.widths if bits in (found.edge.widths or searched.widths)
    )
    return PageHardware(found.edge, found.cloud, found.links, widths)


def _record(folder: Path, stage: str, stamp: Stamp) -> StageRecord:
    """The command of a stage with the options that are not the usual ones, and its hashes."""
    path = folder / "stages" / f"{stage}.json"
    command = _command(stage, resolve({}, stamp, OPTIONS[stage]()))
    made_by = str(read_json(path, "stage", _STAMP_VERSION)["made_by"])
    return StageRecord(command, made_by, stamp.inputs, stamp.outputs)


def _collected(folder: Path, options: CollectOptions) -> StageRecord:
    """The stage that writes the page: its stamp is written after it."""
    written = {FULL_TABLE: sha256_of_file(folder / FULL_TABLE)}
    return StageRecord(_command("collect", options), f"autosplit {__version__}", {}, written)


def _command(stage: str, options: Any) -> str:
    """The command of a stage with the options that are not the usual ones."""
    words = ["autosplit", stage]
    for one in options_of(type(options)):
        value = getattr(options, one.name)
        if value == one.default:
            continue
        shown = NONE if value is None else one.kind.show(value)
        words += [one.flag, shown]
    return shlex.join(words)


def _bytes_of(path: Path) -> bytes:
    with open_plain(path) as file:
        return file.read()

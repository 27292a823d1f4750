"""Export plans of a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autosplit.deploy.bundle import EscalatedFiles, Exporter
from autosplit.deploy.check import Compared, compare, compare_escalation
from autosplit.deploy.escalation_rule import takes_classes
from autosplit.deploy.manifest import Manifest
from autosplit.errors import DataError
from autosplit.escalation.escalation import Escalation, read_escalation
from autosplit.evaluate.batches import batches_of
from autosplit.evaluate.outputs import as_tuple
from autosplit.evaluate.scorefile import read_scores
from autosplit.files import read_csv, read_header
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Progress, silent
from autosplit.report.tables import PLANS_HEADER
from autosplit.runs.escalated import FOLDER, escalation_names, sent_on_file
from autosplit.runs.finished import Quantized, finished_plan
from autosplit.runs.folder import plan_names, read_graph, read_plans
from autosplit.runs.needs import require
from autosplit.runs.network import capture_network, load_images, load_network
from autosplit.runs.options import SearchOptions, StatsOptions
from autosplit.runs.plans import picked
from autosplit.runs.stamps import resolve
from autosplit.runs.summary import FULL_TABLE
from autosplit.stats.statsfile import read_stats

_INTEGER_BITS = 8
_BATCH = 32
"""Images that a check runs at a time."""


def export_run(
    folder: Path,
    plans: str,
    out: Path,
    check: int | None = None,
    progress: Progress = silent,
    forms: Sequence[str] = ("onnx",),
) -> tuple[Manifest, dict[str, Compared]]:
    """Export plans of a run folder as a bundle.

    Args:
        folder: Run folder, after ``collect``.
        plans: ``pick``, ``front`` and names of plans and escalations, separated by commas; with
            ``front``, an all-edge plan is among them, for when the server is out of reach.
        out: The bundle.
        check: Images to run through the files and through the reference; 0: all of them; None: no
            check.
        progress: Shows how far it is.
        forms: Some of ``bundle.FORMS``.

    Returns:
        The manifest, and what the check found of each plan.

    Raises:
        StageError: A stage is missing, or a plan has changed since it was finished.
        PlanError: There is no such plan.
        ModelError: ONNX has no form of an operator.
    """
    stamp = require(folder, "stats", "export")
    options = resolve({}, stamp, StatsOptions())
    files = _files(folder, asked_plans(folder, plans))
    model = load_network(options)
    program = capture_network(model, equalized=options.equalize)
    task, _ = read_scores(folder / "scores.csv")
    exporter = Exporter(program, model, task.name, forms)
    manifest = exporter.export(list(files.values()), out, progress)
    found: dict[str, Compared] = {}
    if check is not None:
        images = load_images(options, model, program, check or None).evaluation
        batches = batches_of(images, program, _BATCH)
        for plan in manifest.plans:
            inputs = (as_tuple(batch) for batch, _ in batches())
            file = files[plan.name]
            if isinstance(file, PlanFile):
                found[plan.name] = compare(out, plan, program, file, inputs)
            else:
                found[plan.name] = compare_escalation(out, plan, program, file, inputs)
    return manifest, found


def _files(folder: Path, names: Sequence[str]) -> dict[str, PlanFile | EscalatedFiles]:
    """Plans and escalations by name, as they were finished.

    Raises:
        StageError: One has changed since it was finished.
        DataError: A device cannot tell how sure it is.
    """
    graph = read_graph(folder)
    quantized = Quantized(folder / "quantized", graph)
    found: dict[str, PlanFile | EscalatedFiles] = {}
    for name in names:
        path = folder / FOLDER / f"{name}.yaml"
        if not _is_escalation(folder, name):
            file = read_plans(folder, graph, [name])[name]
            done = quantized.files(name)
            found[name] = finished_plan(folder, quantized, file) if done else file
            continue
        escalation = read_escalation(path)
        if not takes_classes(escalation.score):
            raise DataError(
                f"export: {name}: the score {escalation.score} needs boxes, which a device does "
                "not read; export another plan"
            )
        file = read_plans(folder, graph, [escalation.edge_plan])[escalation.edge_plan]
        whole = finished_plan(folder, quantized, file)
        asked = resolve({}, require(folder, "search", "export"), SearchOptions())
        tables = read_stats(folder).tables(asked.coding)
        sent_on = sent_on_file(graph, whole, escalation, tables)
        promised = _promised(folder, escalation)
        found[name] = EscalatedFiles(escalation, whole, sent_on, promised)
    return found


def _is_escalation(folder: Path, name: str) -> bool:
    return f"{FOLDER}/{name}.yaml" in escalation_names(folder)


def _promised(folder: Path, escalation: Escalation) -> dict[str, Any]:
    """What ``summary_full.csv`` says of an escalation over each link: means over all samples."""
    require(folder, "collect", "export")
    path = folder / FULL_TABLE
    rows = [row for row in read_csv(path, read_header(path)) if row["name"] == escalation.name]
    columns = {"edge_ms": "edge_s", "link_ms": "transfer_s", "cloud_ms": "cloud_s"}
    links = {
        row["link"]: {key: 1e3 * float(row[column]) for key, column in columns.items()}
        for row in rows
    }
    memory = max((int(row["edge_memory_bytes"]) for row in rows), default=0)
    return {
        "edge_memory_bytes": memory,
        "sent_bytes": escalation.sent.mean,
        "edge_share": escalation.sent.share,
        "links": links,
    }


def asked_plans(folder: Path, plans: str) -> list[str]:
    """Names of the plans that are asked for, each once."""
    found: list[str] = []
    for word in plans.split(","):
        if word.strip() == "pick":
            found.append(picked(folder))
        elif _is_escalation(folder, word.strip()):
            found.append(word.strip())
        elif word.strip() == "front":
            found += [*plan_names(folder, "pareto"), *_fallback(folder)]
        else:
            found += plan_names(folder, word)
    return list(dict.fromkeys(found))


def _fallback(folder: Path) -> Iterator[str]:
    """The plan on whole numbers with the least distortion that needs no cloud, if there is one."""
    alone = [
        row
        for row in read_csv(folder / "plans.csv", PLANS_HEADER)
        if int(row["edge_layers"])
        and not int(row["cut_bytes"])
        and row["weight_bits_avg"]
        and float(row["weight_bits_avg"]) <= _INTEGER_BITS
    ]
    if alone:
        yield min(alone, key=lambda row: float(row["distortion"]))["name"]

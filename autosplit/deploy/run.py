"""Export plans of a run folder."""

from __future__ import annotations

from pathlib import Path

from autosplit.deploy.bundle import Exporter
from autosplit.deploy.check import Compared, compare
from autosplit.deploy.manifest import Manifest
from autosplit.evaluate.batches import batches_of
from autosplit.evaluate.outputs import as_tuple
from autosplit.evaluate.scorefile import read_scores
from autosplit.progress import Progress, silent
from autosplit.runs.finished import Quantized, finished_plan
from autosplit.runs.folder import plan_names, read_graph, read_plans
from autosplit.runs.needs import require
from autosplit.runs.network import capture_network, load_images, load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.plans import picked
from autosplit.runs.stamps import resolve

_BATCH = 32
"""Images that a check runs at a time."""


def export_run(
    folder: Path,
    plans: str,
    out: Path,
    check: int | None = None,
    progress: Progress = silent,
) -> tuple[Manifest, dict[str, Compared]]:
    """Export plans of a run folder as a bundle.

    Args:
        folder: Run folder, after ``collect``.
        plans: ``pick``, ``front`` and names, separated by commas.
        out: The bundle.
        check: Images to run through the files and through the reference; None: no check.
        progress: Shows how far it is.

    Returns:
        The manifest, and what the check found of each plan.

    Raises:
        StageError: A stage is missing, or a plan has changed since it was finished.
        PlanError: There is no such plan.
        ModelError: ONNX has no form of an operator.
    """
    stamp = require(folder, "stats", "export")
    options = resolve({}, stamp, StatsOptions())
    names = _asked(folder, plans)
    graph = read_graph(folder)
    quantized = Quantized(folder / "quantized", graph)
    searched = read_plans(folder, graph, names)
    files = {
        name: finished_plan(folder, quantized, file) if quantized.files(name) else file
        for name, file in searched.items()
    }
    model = load_network(options)
    program = capture_network(model, equalized=graph.equalized)
    task, _ = read_scores(folder / "scores.csv")
    exporter = Exporter(program, model, task.name)
    manifest = exporter.export(list(files.values()), out, progress)
    found: dict[str, Compared] = {}
    if check is not None:
        images = load_images(options, model, program, check).evaluation
        batches = batches_of(images, program, _BATCH)
        for plan in manifest.plans:
            inputs = (as_tuple(batch) for batch, _ in batches())
            found[plan.name] = compare(out, plan, program, files[plan.name], inputs)
    return manifest, found


def _asked(folder: Path, plans: str) -> list[str]:
    """Names of the plans that are asked for, each once."""
    found: list[str] = []
    for word in plans.split(","):
        if word.strip() == "pick":
            found.append(picked(folder))
        else:
            found += plan_names(folder, "pareto" if word.strip() == "front" else word)
    return list(dict.fromkeys(found))

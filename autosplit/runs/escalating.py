"""Plans of a run folder run as escalations: what ``quantize --escalation`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from autosplit.errors import DataError, counted
from autosplit.escalation.costs import memory_bytes
from autosplit.escalation.cuts import best_cuts, sent_cuts, sent_file
from autosplit.escalation.escalation import Escalation, write_escalation
from autosplit.escalation.threshold import choosing_images_needed
from autosplit.graph.graph import Graph
from autosplit.graph.memory import fits_memory
from autosplit.grid.grid import Unquantized
from autosplit.plan.planfile import PlanFile
from autosplit.plan.wire_layout import Coded
from autosplit.progress import Progress
from autosplit.runs.escalated import FOLDER
from autosplit.runs.hardware import load_hardware
from autosplit.runs.options import SearchOptions
from autosplit.runs.scoring import Scoring, trials_of
from autosplit.runs.stamps import Stamp, resolve
from autosplit.search.front.front import OURS
from autosplit.search.problem import Problem
from autosplit.stats.statsfile import read_stats

if TYPE_CHECKING:
    from autosplit.escalation.trial import Sure, ThresholdRule
    from autosplit.evaluate.trials import Trials

MOST_CHOOSING = 2_000
"""Images that choose a threshold at most, unless more are asked for."""
USUAL_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Escalated:
    """Escalations that were run.

    Attributes:
        found: Each with its row of ``scores.csv``.
        text: What was done, in words.
    """

    found: Sequence[tuple[Escalation, dict[str, Any]]]
    text: str

    def write(self, scoring: Scoring) -> list[str]:
        """Write every escalation; gives the names of the files."""
        names = [f"{FOLDER}/{one.name}.yaml" for one, _ in self.found]
        for name, (one, _) in zip(names, self.found, strict=True):
            write_escalation(scoring.folder / name, one)
        return names


def whole_plans(scoring: Scoring) -> list[PlanFile]:
    """Plans of ours that run the whole network in integers on the edge, finished, that fit."""
    graph, found = scoring.quantized.graph, []
    for file in scoring.files.values():
        plan = file.plan
        floats = any(isinstance(one, Unquantized) for one in file.activations.values())
        if plan.method != OURS or len(plan.edge) < len(graph.layers) or floats:
            continue
        if fits_memory(plan.edge_memory_bytes, scoring.limit_bytes):
            found.append(scoring.quantized.find(file) or file)
    return found


def escalate_plans(scoring: Scoring, searched: Stamp, progress: Progress) -> Escalated:
    """Run every plan that is all on the edge as escalations: the best cut of each link, and JPEG.

    Args:
        scoring: Plans that were run already.
        searched: Stamp of ``search``, which says on what hardware.
        progress: Told of each plan.

    Raises:
        DataError: There are too few images to choose a threshold, or the task has no confidence.
    """
    from autosplit.escalation.trial import sure_of

    plans = whole_plans(scoring)
    if not plans:
        return Escalated((), "no plan of ours runs the whole network on the edge within its memory")
    given = trials_of(scoring)
    trials = replace(given, finish=lambda file, _: file, steps=lambda _: 0)
    rule = _rule(scoring, trials.looks.total, len(plans))
    asked = resolve({}, searched, SearchOptions())
    about = _problem(scoring, asked)
    found: list[tuple[Escalation, dict[str, Any]]] = []
    with progress("quantize: escalations", len(plans)) as advance:
        sizes: dict[str, list[int]] = {}
        for file in plans:
            sure = sure_of(trials, file, rule)
            if sure is not None and any(sure.answered):
                found += _of_plan(scoring, trials, sure, about, sizes)
            advance(1)
    edges = len({one.edge_plan for one, _ in found})
    return Escalated(
        found,
        f"{counted(len(found), 'escalation')} of {edges} of {counted(len(plans), 'plan')} "
        f"that are all on the edge; "
        f"thresholds chosen on {counted(rule.images, 'sample')}, judged on "
        f"{trials.looks.total - rule.images:,} others",
    )


def _of_plan(
    scoring: Scoring,
    trials: Trials,
    sure: Sure,
    about: tuple[Problem, Coded],
    sizes: dict[str, list[int]],
) -> list[tuple[Escalation, dict[str, Any]]]:
    """Escalations of one plan: what it sends on are tensors of a cut, or a JPEG file."""
    from autosplit.escalation.trial import escalate, sizes_of

    found = []
    for title, sent_on in _sent_on(scoring, sure.file, about):
        half = sent_on.half_sha256
        if half not in sizes:
            sizes[half] = sizes_of(trials, sent_on)
        name = f"escalation-{sure.file.plan.name}-{title}"
        found.append(escalate(trials, sure, sent_on, name, sizes[half]))
    return found


def _sent_on(
    scoring: Scoring, file: PlanFile, about: tuple[Problem, Coded]
) -> list[tuple[str, PlanFile]]:
    """What may be sent on of a plan that is all on the edge, each with the end of its name."""
    problem, coded = about
    graph, plan = problem.graph, file.plan
    best = best_cuts(sent_cuts(problem, plan, coded), problem, plan)
    found = [(f"cut{len(one.cut.edge)}", sent_file(file, one, coded)) for one in best]
    if fits_memory(memory_of(graph, file, graph.inputs), scoring.limit_bytes):
        for other in scoring.files.values():
            coding = other.plan.input_coding
            if coding is not None and not other.plan.edge and other.plan.method == OURS:
                found.append((f"jpeg{coding.quality}", other))
    return found


def memory_of(graph: Graph, file: PlanFile, kept: Mapping[str, Any]) -> int:
    """Memory of a plan that is all on the edge and keeps some tensors to the end."""
    plan = file.plan
    return memory_bytes(graph.cut(plan.edge), tuple(kept), plan.weight_bits, plan.activation_bits)


def _problem(scoring: Scoring, asked: SearchOptions) -> tuple[Problem, Coded]:
    """What the search was asked; classes and mean bytes of the tensors that it counted as coded."""
    stats, graph = read_stats(scoring.folder), scoring.quantized.graph
    hardware = load_hardware(asked.edge, asked.cloud, asked.links, scoring.folder)
    about = hardware.edge, hardware.cloud, hardware.links, scoring.limit_bytes
    return Problem(graph, stats.distortions, *about, asked.widths), stats.tables(asked.coding)


def _rule(scoring: Scoring, total: int, plans: int) -> ThresholdRule:
    """How thresholds are chosen; the error is divided by the number of plans (Bonferroni).

    Raises:
        DataError: No threshold could be shown to keep the limit on so few images.
    """
    from autosplit.escalation.confidence_scores import TEMPERED
    from autosplit.escalation.trial import ThresholdRule

    options = scoring.options
    assert options.escalation is not None
    images = options.escalation_images or min(total // 2, MOST_CHOOSING)
    error = (1 - (options.confidence or USUAL_CONFIDENCE)) / plans
    limit = options.escalation_risk / 100
    choosing = images - images // 4 if options.escalation in TEMPERED else images
    needed = choosing_images_needed(limit, error)
    if choosing < needed or images >= total:
        raise DataError(
            f"escalation: to show that at most {options.escalation_risk:g} % of the samples are "
            f"answered otherwise needs {needed:,} samples for the threshold and others to judge "
            f"it, got {choosing:,} of {total:,}; evaluate more samples, or allow more with "
            "--escalation-risk"
        )
    return ThresholdRule(options.escalation, limit, error, images)

"""Plans of a run folder, finished and run on evaluation data: what ``quantize`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autosplit.data import image_range
from autosplit.errors import DataError, StageError, counted, warn
from autosplit.evaluate.task import FLOAT, check_counted
from autosplit.finish.effort import Finishing
from autosplit.graph.graphfile import graph_to_dict
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance, Progress, note
from autosplit.runs.finished import Quantized
from autosplit.runs.finishing import finishing_of
from autosplit.runs.inputs import chance_text
from autosplit.runs.network import asked_task, capture_network, load_images, load_network
from autosplit.runs.options import QuantizeOptions, StatsOptions
from autosplit.runs.stamps import clear_stamp
from autosplit.runs.summary import count_fitting, fastest_first
from autosplit.stats.statsfile import read_stats

if TYPE_CHECKING:
    from autosplit.capture.program import Program
    from autosplit.data.images import BatchInputs
    from autosplit.evaluate.ledger import Ledger
    from autosplit.evaluate.trials import Trials
    from autosplit.models.load import Model


@dataclass(frozen=True, slots=True)
class Scoring:
    """Plans to run, and where their answers are kept.

    Attributes:
        folder: Run folder.
        measured: Options of ``stats``.
        options: Options of ``quantize``.
        files: Plan name -> plan.
        ledger: Answers of plans that were run.
        quantized: Finished plans.
        limit_bytes: Memory that an edge half may use, None if it is not limited.
        state: SHA-256 of the network as it was measured; empty: unknown.
        force: Whether to go on with a float network that does no better than guessing.
    """

    folder: Path
    measured: StatsOptions
    options: QuantizeOptions
    files: Mapping[str, PlanFile]
    ledger: Ledger
    quantized: Quantized
    limit_bytes: int | None
    state: str = ""
    force: bool = False


def score_plans(scoring: Scoring, progress: Progress) -> str:
    """Run plans on the images they were not run on yet; what was done, in words."""
    from autosplit.evaluate.trials import choose, score_all

    options, files, ledger = scoring.options, scoring.files, scoring.ledger
    seen = [file for file in files.values() if ledger.find(file.half_sha256)]
    left = [] if options.finished else [file for file in seen if not scoring.quantized.has(file)]
    if options.max_drop is None and not left:
        halves = {file.half_sha256 for file in files.values()} | {FLOAT}
        if all(record and record.done for record in map(ledger.find, halves)):
            return _measured_text(0, len(files))
    trials = trials_of(scoring)
    check_counted(trials.choice.task, options.confidence)
    score_float(trials, force=scoring.force, progress=progress)
    for file in left:
        trials.finish(file, lambda _: None)
    if options.max_drop is None:
        plans, _ = score_all(trials, list(files.values()), options.jobs, progress)
        return _measured_text(plans, len(files))
    about = scoring.folder, files, scoring.limit_bytes
    orders = fastest_first(*about, each_method=options.each_method)
    error = None
    if options.confidence is not None:
        error = (1 - options.confidence) / count_fitting(scoring.folder, scoring.limit_bytes)
    plans, images = choose(trials, files, orders, options.max_drop, progress, error)
    candidates = {name for order in orders for name in order}
    whole = len(candidates) * trials.looks.total
    return (
        f"quantize: {plans} of {counted(len(candidates), 'plan')} run for picks within "
        f"{options.max_drop:g} points, {counted(images, 'sample')} of {whole:,}"
        f"{_never_early(trials)}"
    )


def _never_early(trials: Trials) -> str:
    """Why no plan is stopped early; empty where plans are."""
    from autosplit.evaluate.tasks.own_score import NO_BOUND, OwnScoreRecord

    task, record = trials.choice.task, trials.reference()
    reason = task.no_bound
    if isinstance(record, OwnScoreRecord) and record.shares() is None:
        reason = NO_BOUND
    return f"; none is stopped early: {task.metric_name} has no bound, {reason}" if reason else ""


def _measured_text(new: int, every: int) -> str:
    return f"quantize: {counted(every, 'plan')}, {new} of them measured now"


def score_float(trials: Trials, *, force: bool, progress: Progress) -> None:
    """Run the float network and tell what it scores, before any plan is finished or run.

    Raises:
        DataError: It does no better than guessing, and nobody says that this is meant.
    """
    from autosplit.evaluate.chance import guessing, is_refused

    with progress("quantize: float network", 1) as advance:
        record = trials.reference()
        advance(1)
    row, task = record.float_row(), record.task
    if row.get(task.metric) is not None:
        accuracy = 100 * (task.accuracy(row) or 0.0)
        seen = counted(record.seen, "sample")
        told = f"float network: {task.metric_name} {accuracy:.2f} % on {seen}"
        note(progress, told)
    guess = guessing(record, trials.choice.classes)
    text = guess and chance_text(guess, task, trials.looks.images)
    if guess and is_refused(record) and not force:
        raise DataError(f"{text}; to go on all the same: --force")
    warn(text)


def trials_of(scoring: Scoring) -> Trials:
    """The network of a run folder, its evaluation data, and what finishes and writes its plans.

    A plan that is finished already is not finished again.

    Raises:
        StageError: The network is another one than was measured.
    """
    from autosplit.evaluate.batches import batches_of, first_batches
    from autosplit.evaluate.choice import judge_of
    from autosplit.evaluate.looks import Looks
    from autosplit.evaluate.trials import Trials

    measured, options = scoring.measured, scoring.options
    model = load_network(measured)
    program = _captured(scoring, model)
    data = load_images(measured, model, program, options.images)
    choice, judge = judge_of(program, model, data, asked_task(measured, model))
    looks = Looks.of(data.evaluation, program, measured.batch_size, measured.seed)
    batches = batches_of(data.calibration, program, measured.batch_size)
    calibration = first_batches(batches, program)
    seen = read_stats(scoring.folder).tensors[next(iter(program.graph.inputs))]
    warn(image_range.warn_of_evaluation(looks.extremes, (seen.min, seen.max)))
    trials = Trials(program, looks, scoring.ledger, judge, choice=choice)
    if options.finished:
        return trials
    finishing = finishing_of(options, measured.clipping)
    finisher = _Finisher(scoring, program, calibration, finishing)
    return replace(trials, finish=finisher, steps=finishing.steps)


def _captured(scoring: Scoring, model: Model) -> Program:
    """The network's operators.

    Raises:
        StageError: The network is another one than was measured.
    """
    state = scoring.state
    if state and state != model.sha256:
        raise StageError(
            f"{scoring.folder}: the network must be the one that was measured, its weights differ "
            "(a function must build the same network each time), "
            f"run: autosplit stats --force --run {scoring.folder}"
        )
    program = capture_network(model, equalized=scoring.measured.equalize)
    if graph_to_dict(program.graph) != graph_to_dict(scoring.quantized.graph):
        raise StageError(
            f"{scoring.folder}: the network must be the one that was measured, its layers differ "
            f"from graph.json, run: autosplit stats --force --run {scoring.folder}"
        )
    return program


@dataclass(frozen=True, slots=True)
class _Finisher:
    """Finishes a plan, and writes it for every plan with the same edge half.

    Attributes:
        scoring: The plans.
        program: The network's operators.
        calibration: Gives batches of calibration images.
        finishing: How plans are finished.
    """

    scoring: Scoring
    program: Program
    calibration: Callable[[], Iterator[BatchInputs]]
    finishing: Finishing

    def __call__(self, file: PlanFile, tell: Advance) -> PlanFile:
        from autosplit.finish.finish import finish
        from autosplit.halves.recoded import recoded

        half, quantized = file.half_sha256, self.scoring.quantized
        same = [other for other in self.scoring.files.values() if other.half_sha256 == half]
        found = next(filter(None, map(quantized.find, same)), None)
        if found is None:
            found = finish(self.program, file, self.calibration, self.finishing, tell)
            found = recoded(self.program, found, self.calibration())
        finished = found
        clear_stamp(self.scoring.folder, "quantize")
        for other in same:
            quantized.keep(other, finished)
        return finished

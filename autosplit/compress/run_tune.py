"""The command ``tune``: a finished plan of a run folder, trained and written back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor

from autosplit.capture.program import Program
from autosplit.compress.accuracy import FloatAccuracy, plan_score
from autosplit.compress.fit import Recipe
from autosplit.compress.training_data import training_data
from autosplit.compress.training_set import TrainingSet
from autosplit.compress.tune import Teacher, Tuned, tune_plan
from autosplit.errors import OptionError, PlanError, StageError, counted
from autosplit.evaluate.choice import judge_of
from autosplit.files import sha256_of
from autosplit.graph.graphfile import graph_to_dict
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Progress
from autosplit.runs.declared.compress import TuneOptions
from autosplit.runs.finished import TUNED, Quantized, finished_plan
from autosplit.runs.folder import plan_names, read_graph, read_plans
from autosplit.runs.needs import require
from autosplit.runs.network import asked_task, capture_network, load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.plans import all_picked, picked
from autosplit.runs.stamps import clear_stamp, resolve

OWN = "float"
"""Name of the teacher that is the run folder's own network."""


@dataclass(frozen=True)
class TuneReport:
    """What training did to a plan.

    Attributes:
        path: File of the plan.
        tuned: The plan, and its held-out losses.
        before, after: Accuracies on evaluation data.
        samples: Samples that were trained on.
    """

    path: Path
    tuned: Tuned
    before: FloatAccuracy
    after: FloatAccuracy
    samples: int

    def text(self) -> str:
        """All of it in lines."""
        losses, best = self.tuned.losses, self.tuned.best
        kept = f"epoch {best}" if best else "the plan as it was, no epoch was better"
        held = f"{losses[0]:.5f} at the start, {losses[best]:.5f} kept ({kept})"
        both = f"{self.before.text()} before, {self.after.text()} after"
        return "\n".join(
            [
                f"trained:  {counted(self.samples, 'sample')}, {counted(len(losses) - 1, 'epoch')}",
                f"held out: divergence from the teacher {held}",
                f"accuracy: {both}, on {counted(self.after.samples, 'sample')}",
                f"plan:     {self.path}; to evaluate it: autosplit quantize --finished",
            ]
        )


def run_tune_picks(folder: Path, options: TuneOptions, progress: Progress) -> list[TuneReport]:
    """Train the picked plans of all links that have layers on the edge, one after the other.

    Raises:
        OptionError: None has.
    """
    graph = read_graph(folder)
    names = all_picked(folder)
    files = read_plans(folder, graph, names)
    edge = [name for name in names if files[name].plan.edge]
    if not edge:
        raise OptionError(
            f"--plan picks: must have layers on the edge to be trained, none of "
            f"{', '.join(names)} has"
        )
    return [run_tune(folder, replace(options, plan=name), progress) for name in edge]


def run_tune(folder: Path, options: TuneOptions, progress: Progress) -> TuneReport:
    """Train a finished plan of a run folder, and write it back if it is better.

    Args:
        folder: Run folder.
        options: How to train.
        progress: Is told of each step.

    Raises:
        StageError: The plan was never finished, or the network has changed since.
        DataError: There is nothing to train on, or the loss is not finite.
        OptionError: The teacher has other outputs.
    """
    measured = resolve({}, require(folder, "stats", "tune"), StatsOptions())
    assert options.plan is not None
    quantized = Quantized(folder / "quantized", read_graph(folder))
    name = picked(folder) if options.plan == "pick" else options.plan
    names = plan_names(folder, name)
    if len(names) != 1:
        raise PlanError(f"--plan: must be one plan, got {len(names)}: {', '.join(names)}")
    searched = read_plans(folder, quantized.graph, [name])[name]
    file = finished_plan(folder, quantized, searched)
    _check_trainable(file)
    model = load_network(measured)
    program = capture_network(model, equalized=measured.equalize)
    if graph_to_dict(program.graph) != graph_to_dict(quantized.graph):
        raise StageError(
            f"{folder}: the network must be the one that was measured, its layers differ from "
            f"graph.json, run: autosplit stats --force --run {folder}"
        )
    asked = with_data(measured, options.data)
    data = training_data(asked, model, program, options.train_images, options.images)
    judge = judge_of(program, model, data, asked_task(measured, model))[1]
    samples = TrainingSet(data.calibration, options.seed)
    teacher = teacher_of(options.teacher or OWN, program, samples)
    before = plan_score(program, file, judge, data.evaluation)
    recipe = Recipe(
        options.epochs, options.batch_size, options.lr, options.optimizer, options.schedule
    )
    tuned = tune_plan(program, file, samples, teacher, recipe, progress, options.quantizer)
    after = before
    if tuned.file is not file:
        after = plan_score(program, tuned.file, judge, data.evaluation)
        settings = {key: value for key, value in asdict(options).items() if key != "images"}
        finishing = TUNED + sha256_of(f"{file.half_sha256} {sorted(settings.items())}")
        clear_stamp(folder, "quantize")
        replace(quantized, finishing=finishing).keep(searched, tuned.file)
    return TuneReport(quantized.path(name), tuned, before, after, len(samples.trained))


def with_data(measured: StatsOptions, data: str | None) -> StatsOptions:
    """Options of a run folder's network, on other data if some is named."""
    return measured if data is None else replace(measured, data=data, calibration=None)


def _check_trainable(file: PlanFile) -> None:
    """Refuse a plan without a quantized edge half.

    Raises:
        OptionError: There is nothing to train in it.
    """
    if not file.weights:
        raise OptionError(
            f"--plan: must have layers on the edge to be trained, {file.plan.name} has none"
        )


def teacher_of(name: str, program: Program, samples: TrainingSet) -> Teacher:
    """What gives the answers.

    Raises:
        OptionError: Its outputs are not those of the network.
    """
    found = program
    if name != OWN:
        found = capture_network(load_network(StatsOptions(model=name)), equalized=False)

    def answers(inputs: Tensor) -> tuple[Tensor, ...]:
        return found.run((inputs,))

    if found is not program:
        inputs, _ = next(samples.held_out(2))
        shapes = [[tuple(y.shape) for y in one.run((inputs,))] for one in (program, found)]
        if shapes[0] != shapes[1]:
            raise OptionError(
                f"--teacher: must have the outputs of {program.graph.name}, {shapes[0]}, "
                f"{found.graph.name} has {shapes[1]}; a teacher is of the same task and classes"
            )
    return answers

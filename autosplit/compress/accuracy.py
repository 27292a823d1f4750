"""How accurate a network in float is: by its task, on evaluation data."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.capture.program import Program
from autosplit.data.datasets import DataSet
from autosplit.data.images import Images, count_of
from autosplit.evaluate.batches import batches_of, step_size
from autosplit.evaluate.chance import guessing
from autosplit.evaluate.judge import Judge
from autosplit.evaluate.outputs import float_outputs, plan_outputs
from autosplit.evaluate.task import Task
from autosplit.halves.deployed import deploy
from autosplit.plan.planfile import PlanFile


@dataclass(frozen=True)
class FloatAccuracy:
    """What a network scores in float.

    Attributes:
        task: What it is for.
        accuracy: By the task's metric, 0..1; None without labels.
        samples: On how many samples.
        guess: That it does no better than guessing, in words; empty if it does.
    """

    task: Task
    accuracy: float | None
    samples: int
    guess: str = ""

    def text(self) -> str:
        """The accuracy in words."""
        if self.accuracy is None:
            return "not measured, the data have no labels"
        return f"{self.task.metric_name} {100 * self.accuracy:.2f} %"


def float_score(
    program: Program, judge: Judge, images: Images, classes: int | None = None
) -> FloatAccuracy:
    """Run a network on evaluation samples and score it.

    Args:
        program: The captured network.
        judge: What reads its answers.
        images: The samples.
        classes: Number of classes that answers are chosen from.
    """
    record = judge.empty()
    for inputs, labels in batches_of(images, program, step_size(program, None))():
        outputs = float_outputs(program, inputs)
        count = count_of(inputs, images.axes)
        record.add(judge.read(outputs, labels, count, outputs))
    record.total = record.seen
    row = record.float_row()
    known = row.get(record.task.metric) is not None
    accuracy = record.task.accuracy(row) if known else None
    return FloatAccuracy(record.task, accuracy, record.seen, guessing(record, classes))


def plan_score(program: Program, file: PlanFile, judge: Judge, images: Images) -> FloatAccuracy:
    """Run a plan as a device and a server do on evaluation samples, and score it.

    Args:
        program: The captured network.
        file: The plan.
        judge: What reads its answers.
        images: The samples.
    """
    record, deployed = judge.empty(), deploy(program, file)
    for inputs, labels in batches_of(images, program, step_size(program, None))():
        count = count_of(inputs, images.axes)
        outputs = plan_outputs(deployed, inputs, count)
        answers = float_outputs(program, inputs) if judge.compares else None
        record.add(judge.read(outputs, labels, count, answers))
    record.total = record.seen
    row = record.float_row()
    known = row.get(record.task.metric) is not None
    accuracy = record.task.accuracy(row) if known else None
    return FloatAccuracy(record.task, accuracy, record.seen)


def labelled(data: DataSet) -> bool:
    """Whether calibration samples have classes as labels."""
    return data.calibration.has_labels and data.classes is not None

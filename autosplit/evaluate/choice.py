"""Which task a network has, and which of its outputs are scored: as asked, else as is clear.

The outputs for one batch and the labels of that batch tell.  Where they do not, the error is one
line that names the outputs and what to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from autosplit.capture.operators import operator_name
from autosplit.capture.output_names import ONLY
from autosplit.capture.program import Program
from autosplit.data.datasets import DataSet
from autosplit.data.images import Images
from autosplit.data.python_file import is_python_spec, load_function
from autosplit.errors import DataError, OptionError, counted, did_you_mean
from autosplit.evaluate.clear_task import (
    SCORE_NAMES,
    about_labels,
    clear_task,
    suggested_tasks,
)
from autosplit.evaluate.judge import Answering, Judge
from autosplit.evaluate.outputs import float_outputs
from autosplit.evaluate.task import (
    DETECTION,
    OWN_SCORE,
    SEGMENTATION,
    SEVERAL,
    TASKS,
    Task,
)
from autosplit.evaluate.tasks.own_score import OwnScore, checked_function
from autosplit.evaluate.tasks.samples import IGNORED
from autosplit.evaluate.tasks.several import labels_of, labels_of_one
from autosplit.evaluate.tasks.tasks import ScoredOutput, TaskChoice

_MANY = 8
"""So many answers are all within 0..1 only if they are probabilities."""
PROBED = 16
"""Samples that tell the task."""
ALL_OUTPUTS = "all"
"""What ``--output`` is where every output is scored."""
_RESHAPING = (
    "view",
    "reshape",
    "squeeze",
    "flatten",
    "select",
    "slice",
    "unsqueeze",
)


@dataclass(frozen=True)
class AskedTask:
    """What a person says of the task.

    Attributes:
        task: Name of a task, or ``FILE.py:FUNCTION``; None: found out.
        output: Name or number of the output that is scored, or ``all``; None: found out.
        seed: Seed of torch's random generator in a person's file.
    """

    task: str | None = None
    output: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Probe:
    """What a network answers to a few samples, and their labels.

    Attributes:
        names: Names of the outputs.
        outputs: Outputs for these samples.
        labels: Labels of these samples; None without any.
        batch: Number of samples.
        bounded: Whether each output is written by a sigmoid or a softmax.
        copied: Whether the labels are the whole numbers of an input.
    """

    names: tuple[str, ...]
    outputs: tuple[Tensor, ...]
    labels: Any
    batch: int
    bounded: tuple[bool, ...] = ()
    copied: bool = False

    @classmethod
    def of(cls, program: Program, images: Images) -> Probe:
        """Run a network on the first samples of a data set.

        Raises:
            DataError: There are too few, or an answer is NaN.
        """
        size = program.batch_size or min(PROBED, program.step)
        inputs, labels = next(iter(images.batches(size)))
        count = len(labels) if isinstance(labels, Tensor) else min(size, len(images))
        outputs = float_outputs(program, inputs)
        names = program.answers
        if len(names) != len(outputs):
            names = tuple(map(str, range(len(outputs))))
        tensors = inputs if isinstance(inputs, tuple) else (inputs,)
        copied = isinstance(labels, Tensor) and any(_copies(labels, one) for one in tensors)
        return cls(names, outputs, labels, count, _bounded(program), copied)

    def are_probabilities(self, place: int) -> bool:
        """Tell whether an output is probabilities: all are 0..1, and not by chance."""
        value = self.outputs[place]
        sure = value.numel() >= _MANY or (place < len(self.bounded) and self.bounded[place])
        return sure and bool(((value >= 0) & (value <= 1)).all())

    def text(self) -> str:
        """The outputs by name and shape."""
        return ", ".join(
            f"{name} {tuple(value.shape)}"
            for name, value in zip(self.names, self.outputs, strict=True)
        )


def judge_of(
    program: Program, model: Answering, data: DataSet, asked: AskedTask
) -> tuple[TaskChoice, Judge]:
    """Return the task of a network, and the judge of its answers to the samples of a data set.

    Raises:
        OptionError: The task or the output that is asked for is unknown.
        DataError: The task is not clear, or the data do not suit it.
    """
    if model.heads and asked.task in (None, DETECTION.name):
        choice = TaskChoice(DETECTION, why="the network has heads of boxes")
        return choice, choice.judge(model, data)
    probe = Probe.of(program, data.evaluation)
    choice = choose_task(probe, asked)
    judge = choice.judge(model, data)
    judge.empty().add(judge.read(probe.outputs, probe.labels, probe.batch, probe.outputs))
    return choice, judge


def choose_task(probe: Probe, asked: AskedTask) -> TaskChoice:
    """Choose the task and the outputs that are scored.

    Args:
        probe: What the network answers to a few samples.
        asked: What the person says.

    Raises:
        OptionError: The task or the output that is asked for is unknown.
        DataError: What is not asked for is not clear either.
    """
    places = _places(probe, asked.output)
    if asked.task is not None and is_python_spec(asked.task):
        function = checked_function(
            load_function(asked.task, DataError, asked.seed), f"task {asked.task}"
        )
        own = OwnScore(function, f"task {asked.task}", tuple(probe.names[p] for p in places))
        scored = tuple(ScoredOutput(probe.names[p], p, OWN_SCORE, own=own) for p in places)
        return TaskChoice(OWN_SCORE, scored, why=asked.task)
    task = None if asked.task is None else _named(asked.task)
    if task is DETECTION:
        raise DataError(
            "task: detection needs a network with heads of boxes, such as yolo:NAME; of one of "
            "your own say with --decode how its outputs become boxes"
        )
    if asked.output == ALL_OUTPUTS and len(places) > 1:
        found = tuple(
            _one(probe, place, labels_of(probe.labels, probe.names[place], number), task)
            for number, place in enumerate(places)
        )
        kinds = ", ".join(f"{one.name}: {one.task.name}" for one, _ in found)
        return TaskChoice(SEVERAL, tuple(one for one, _ in found), why=f"as asked; {kinds}")
    place = _the_output(probe, places, task)
    labels = labels_of_one(probe.labels, probe.names[place], place)
    one, why = _one(probe, place, labels, task)
    value = probe.outputs[place]
    classes = value.shape[_class_axis(one.task)] if value.dim() > 1 else None
    return TaskChoice(one.task, (one,), classes, why)


def _copies(labels: Tensor, values: Tensor) -> bool:
    """Whether labels that count are the whole numbers of an input."""
    if labels.shape != values.shape or labels.is_floating_point() or values.is_floating_point():
        return False
    counted = labels != IGNORED
    return bool(counted.any() and (labels == values)[counted].all())


def _bounded(program: Program) -> tuple[bool, ...]:
    """Whether each output of a program is written by a sigmoid or a softmax."""
    (results,) = next(n for n in reversed(program.module.graph.nodes) if n.op == "output").args
    found = []
    for node in results:
        while operator_name(node) in _RESHAPING:
            node = node.args[0]  # noqa: PLW2901 - goes up the chain
        found.append(operator_name(node) in ("sigmoid", "softmax", "_softmax"))
    return tuple(found)


def _named(name: str) -> Task:
    known = {task.name: task for task in TASKS if task not in (OWN_SCORE, SEVERAL)}
    if name not in known:
        near = did_you_mean(name, [*known, "FILE.py:FUNCTION"])
        raise OptionError(f"--task: unknown task {name!r}{near}")
    return known[name]


def _class_axis(task: Task) -> int:
    return 1 if task is SEGMENTATION else -1


def _places(probe: Probe, asked: str | None) -> tuple[int, ...]:
    """Numbers of the outputs that may be scored."""
    if asked in (None, ALL_OUTPUTS):
        return tuple(place for place, value in enumerate(probe.outputs) if _may_be_scored(value))
    if asked in probe.names:
        return (probe.names.index(asked),)
    if asked is not None and asked.isdecimal() and int(asked) < len(probe.names):
        return (int(asked),)
    raise OptionError(
        f"--output: unknown output {asked!r}{did_you_mean(str(asked), (*probe.names, ALL_OUTPUTS))}"
    )


def _may_be_scored(value: Tensor) -> bool:
    return value.is_floating_point() and value.dim() > 0


def _the_output(probe: Probe, places: Sequence[int], task: Task | None) -> int:
    """The one output that is scored.

    Raises:
        DataError: It is not clear which.
    """
    if len(places) == 1:
        return places[0]
    named = [place for place in places if probe.names[place] in SCORE_NAMES]
    fitting = [place for place in places if _fits(probe, place, task)]
    for found in (named, fitting):
        if len(found) == 1:
            return found[0]
    many = counted(len(probe.outputs), "output")
    raise DataError(
        f"output: the network has {many}, {probe.text()}; say which is scored with --output NAME, "
        f"or --output {ALL_OUTPUTS}"
    )


def _fits(probe: Probe, place: int, task: Task | None) -> bool:
    """Whether labels and an output are such that a task is clear."""
    if probe.labels is None or not isinstance(probe.labels, Tensor):
        return False
    try:
        _one(probe, place, probe.labels, task)
    except DataError:
        return False
    return True


_DECODE = "; of a detector say with --decode how its outputs become boxes"
"""What to do where outputs may be those of a detector."""


def _output_text(name: str) -> str:
    """An output in words; the only one of a network has the name ``output``."""
    return name if name == ONLY else f"output {name}"


def _one(probe: Probe, place: int, labels: Any, task: Task | None) -> tuple[ScoredOutput, str]:
    """How one output is scored, and why.

    Raises:
        DataError: It is not clear, or the labels do not suit the task that is asked for.
    """
    name, value = probe.names[place], probe.outputs[place]
    certain = place < len(probe.bounded) and probe.bounded[place]
    found, why = (
        (task, "as asked") if task else clear_task(name, value, labels, certain, probe.copied)
    )
    if found is None:
        raise DataError(
            f"task: is not clear from the {_output_text(name)} {tuple(value.shape)} and "
            f"{about_labels(labels)}; say it with --task, one of "
            f"{', '.join(suggested_tasks(value))} or FILE.py:FUNCTION"
            f"{_DECODE if value.dim() > 2 else ''}"
        )
    one = ScoredOutput(name, place, found, probabilities=probe.are_probabilities(place))
    one.read((value,), labels, probe.batch, (value,))  # raises where they do not suit
    return one, why

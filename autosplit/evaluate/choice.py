"""Which task a network has, and which of its outputs are scored: as asked, else as is clear.

The outputs for one batch and the labels of that batch tell.  Where they do not, the error is one
line that names the outputs and what to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from autosplit.capture.output_names import ONLY
from autosplit.capture.program import Program
from autosplit.data.datasets import DataSet
from autosplit.data.python_file import is_python_spec, load_function
from autosplit.errors import DataError, OptionError, counted, did_you_mean
from autosplit.evaluate.clear_task import (
    ASSUMED,
    SCORE_NAMES,
    about_labels,
    clear_task,
    suggested_tasks,
)
from autosplit.evaluate.judge import Answering, Judge
from autosplit.evaluate.probe import Probe
from autosplit.evaluate.task import (
    DETECTION,
    OWN_SCORE,
    SEGMENTATION,
    SEVERAL,
    TASKS,
    Task,
)
from autosplit.evaluate.tasks.own_score import OwnScore, checked_function
from autosplit.evaluate.tasks.several import labels_of, labels_of_one
from autosplit.evaluate.tasks.tasks import ScoredOutput, TaskChoice

ALL_OUTPUTS = "all"
"""What ``--output`` is where every output is scored."""


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
    places = _places(probe, asked)
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
        return _several(probe, places, task)
    place = _the_output(probe, places, task)
    labels = labels_of_one(probe.labels, probe.names[place], place)
    one, why = _one(probe, place, labels, task)
    value = probe.outputs[place]
    classes = value.shape[_class_axis(one.task)] if value.dim() > 1 else None
    return TaskChoice(one.task, (one,), classes, why)


def _several(probe: Probe, places: Sequence[int], task: Task | None) -> TaskChoice:
    """Score each of several outputs by a task of its own; those without labels if none has any."""
    labels = probe.labels
    named = isinstance(labels, Mapping) and any(probe.names[p] in labels for p in places)
    kept = [p for p in places if not named or labels.get(probe.names[p]) is not None]
    found = [
        _one(probe, place, labels_of(labels, probe.names[place], number), task)
        for number, place in enumerate(kept)
    ]
    kinds = [
        f"{one.name}: {one.task.name}{', assumed' if why.startswith(ASSUMED) else ''}"
        for one, why in found
    ]
    left = [f"{probe.names[p]}: not scored, has no labels" for p in places if p not in kept]
    why = f"as asked; {', '.join([*kinds, *left])}"
    return TaskChoice(SEVERAL, tuple(one for one, _ in found), why=why)


def _named(name: str) -> Task:
    known = {task.name: task for task in TASKS if task not in (OWN_SCORE, SEVERAL)}
    if name not in known:
        near = did_you_mean(name, [*known, "FILE.py:FUNCTION"])
        raise OptionError(f"--task: unknown task {name!r}{near}")
    return known[name]


def _class_axis(task: Task) -> int:
    return 1 if task is SEGMENTATION else -1


def _places(probe: Probe, asked: AskedTask) -> tuple[int, ...]:
    """Numbers of the outputs that may be scored.

    Raises:
        OptionError: The output that is asked for is unknown.
        DataError: It cannot be scored, or none can.
    """
    name, own = asked.output, asked.task is not None and is_python_spec(asked.task)
    if name in (None, ALL_OUTPUTS):
        places = tuple(range(len(probe.outputs)))
    elif name in probe.names:
        places = (probe.names.index(name),)
    elif name is not None and name.isdecimal() and int(name) < len(probe.names):
        places = (int(name),)
    else:
        near = did_you_mean(str(name), (*probe.names, ALL_OUTPUTS))
        raise OptionError(f"--output: unknown output {name!r}{near}")
    scored = tuple(place for place in places if _may_be_scored(probe.outputs[place]))
    if scored or not places:
        return scored
    if own:  # a person's own function may count whole numbers
        return places
    value = probe.outputs[places[0]]
    about = f"{_output_text(probe.names[places[0]])} {tuple(value.shape)}"
    if value.is_floating_point():
        raise DataError(f"output: must have an answer for each sample, {about} is one number")
    raise DataError(
        f"output: must be scores, {about} is whole numbers; return the scores before argmax, or "
        "say with --task FILE.py:FUNCTION how the answers are scored"
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

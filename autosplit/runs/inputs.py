"""How samples become a network's input, and what it is for: told by ``stats``, kept in the folder.

``inputs.json`` says how pictures are prepared, what the network takes, which task it has, and
whether calibration and evaluation share their samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autosplit.errors import counted, warn
from autosplit.files import read_json, write_csv, write_json

if TYPE_CHECKING:
    from autosplit.capture.program import Program
    from autosplit.data.datasets import DataSet
    from autosplit.evaluate.judge import Judge
    from autosplit.evaluate.task import Task
    from autosplit.evaluate.tasks.tasks import TaskChoice
    from autosplit.models.load import Model
    from autosplit.runs.options import StatsOptions

INPUTS_FILE = "inputs.json"
LEFT_OUT_FILE = "left_out.csv"
FLOAT_SAMPLES = 64
"""Evaluation samples on which ``stats`` runs the float network, to say what it scores."""


@dataclass(frozen=True)
class KnownInputs:
    """What a run folder knows of its network's inputs and task.

    Attributes:
        inputs: Name of each input -> its type.
        preprocess: How pictures are prepared, in words; empty where a function gives the inputs.
        task: Name of the task.
        outputs: Names of the outputs that are scored.
        shared: Whether calibration and evaluation take the same samples.
        prepared: The preparation's numbers: sizes, mean, deviation, interpolation, channels.
        classes: Names of the classes, where they are known.
    """

    inputs: Mapping[str, str]
    preprocess: str
    task: str
    outputs: tuple[str, ...]
    shared: bool
    prepared: Mapping[str, Any]
    classes: tuple[str, ...] = ()

    def write(self, folder: Path) -> str:
        """Write ``inputs.json`` into a run folder, and return its name."""
        data = {
            "inputs": dict(self.inputs),
            "preprocess": self.preprocess,
            "prepared": dict(self.prepared),
            "task": self.task,
            "outputs": list(self.outputs),
            "shared": self.shared,
            "classes": list(self.classes),
        }
        write_json(folder / INPUTS_FILE, "inputs", data)
        return INPUTS_FILE


def shares_samples(folder: Path) -> bool:
    """Whether a run folder's calibration and evaluation take the same samples."""
    path = folder / INPUTS_FILE
    return path.exists() and bool(read_json(path, "inputs").get("shared"))


def known_inputs(
    options: StatsOptions, model: Model, program: Program, data: DataSet, choice: TaskChoice
) -> KnownInputs:
    """Gather what is known of a network's inputs and task.

    Args:
        options: Options of ``stats``.
        model: The network.
        program: The captured network.
        data: Data of the run.
        choice: Task of the network.
    """
    from autosplit.data.asked_preprocess import described, prepared_numbers
    from autosplit.data.python_file import is_python_spec
    from autosplit.runs.network import input_spec

    spec = input_spec(program)
    dtypes = [str(dtype).removeprefix("torch.") for dtype in spec.dtypes]
    own = is_python_spec(options.data)
    return KnownInputs(
        dict(zip(spec.names, dtypes, strict=True)),
        "" if own else described(model.preprocess),
        choice.task.name,
        tuple(one.name for one in choice.scored),
        data.shared,
        {} if own else prepared_numbers(model.preprocess),
        tuple(model.labels),
    )


def inputs_text(options: StatsOptions, known: KnownInputs, model: Model, program: Program) -> str:
    """The first line of ``stats``: what goes into the network."""
    from autosplit.graph.graphfile import by_x

    if known.preprocess:
        guess = (
            "; assumed, see --mean and --std" if model.assumed and not _is_asked(options) else ""
        )
        return f"input: {known.preprocess}{guess}"
    parts = [
        f"{name} {by_x(shape) or 'a number'} {known.inputs[name]}"
        for name, shape in program.graph.inputs.items()
    ]
    return f"input: {', '.join(parts)}, as {options.data} gives it"


def boxes_text(data: DataSet) -> str:
    """A line on the boxes of the evaluation pictures, with its end; nothing for other data."""
    from autosplit.data.coco import Truth
    from autosplit.data.data_card import data_card
    from autosplit.data.photos import Photos

    source = data.evaluation.source
    if not data.labels or not isinstance(source, Photos):
        return ""
    truths = [truth for _, truth in source.files if isinstance(truth, Truth)]
    told = counted(len(data.left_out), "entry is", "entries are")
    tail = f"; {told} left out, see {LEFT_OUT_FILE}" if data.left_out else ""
    return f"data: {data_card(truths, data.labels)}{tail}\n"


def write_left_out(folder: Path, left_out: Sequence[str]) -> tuple[str, ...]:
    """Write what is wrong with each entry that is left out, and return the file's name, if any."""
    (folder / LEFT_OUT_FILE).unlink(missing_ok=True)  # of an earlier run
    if not left_out:
        return ()
    write_csv(folder / LEFT_OUT_FILE, ("entry",), ({"entry": text} for text in left_out))
    return (LEFT_OUT_FILE,)


def _is_asked(options: StatsOptions) -> bool:
    return any(one is not None for one in (options.mean, options.std, options.preprocess))


def float_text(program: Program, data: DataSet, choice: TaskChoice, judge: Judge) -> str:
    """What the float network scores on the first evaluation samples; a warning if it guesses.

    Args:
        program: The captured network.
        data: Data of the run.
        choice: Task of the network.
        judge: What reads its answers.
    """
    from autosplit.data.images import count_of
    from autosplit.evaluate.chance import guessing
    from autosplit.evaluate.outputs import float_outputs

    record = judge.empty()
    size = program.batch_size or min(FLOAT_SAMPLES, program.step)
    axes = data.evaluation.axes
    for inputs, labels in data.evaluation.batches(size):
        count = count_of(inputs, axes)
        if program.batch_size not in (None, count) or record.seen >= FLOAT_SAMPLES:
            break
        outputs = float_outputs(program, inputs)
        record.add(judge.read(outputs, labels, count, outputs))
    record.total = record.seen
    if not record.seen:
        return ""
    row = record.float_row()
    guess = guessing(record, choice.classes)
    warn(guess and chance_text(guess, choice.task, data.evaluation))
    if row.get(choice.task.metric) is None:
        missing = f"{choice.task.metric_name} is undefined" if guess else "no labels"
        return f"{missing}: plans are compared with the float network"
    accuracy = 100 * (choice.task.accuracy(row) or 0.0)
    seen = counted(record.seen, "sample")
    if choice.task.name == "detection" and record.seen < len(data.evaluation):
        # AP of a part is no estimate of that of all, as a share of right answers is.
        seen = f"the first {record.seen:,} of {counted(len(data.evaluation), 'sample')}"
    return f"float network: {choice.task.metric_name} {accuracy:.1f} % on {seen}"


def chance_text(guess: str, task: Task, images: object) -> str:
    """What to say of a float network that does no better than guessing, and what to look at.

    Args:
        guess: What ``guessing`` says.
        task: Task of the network.
        images: Samples of the evaluation.
    """
    from autosplit.data.python_batches import are_pictures
    from autosplit.evaluate.chance import NO_BOXES, ONLY_CROWDS, UNDEFINED

    if guess == ONLY_CROWDS:
        return f"float network: {guess}; annotate single objects"
    if guess == NO_BOXES:
        return f"float network: {guess}; look at where annotations are looked for"
    if guess.startswith(UNDEFINED):
        return f"float network: {guess}; give labels that differ"
    options = " (--mean, --std, --channels)" if are_pictures(images) else ""
    classes = "" if task.name in ("regression", "embedding") else ", at the order of the classes"
    look = f"how inputs are prepared{options}{classes}"
    if task.name == "detection":
        look = (
            "how pictures become inputs (--preprocess) and outputs become boxes (--decode), at the "
            "names and order of the classes (--names)"
        )
    return f"float network: {guess}; look at {look}, at the weights, and at --task"

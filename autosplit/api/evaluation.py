"""Plans run on evaluation data: ``autosplit.evaluate``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autosplit.api.data import input_batches, load_data
from autosplit.api.front import Front
from autosplit.api.keywords import read_keywords, takes_options
from autosplit.api.net import Net
from autosplit.api.scores import Scores
from autosplit.data import image_range
from autosplit.errors import DataError, PlanError, warn
from autosplit.evaluate.task import check_counted
from autosplit.finish.effort import Finishing
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance, Progress, silent
from autosplit.runs.finishing import finishing_of
from autosplit.runs.inputs import chance_text
from autosplit.runs.options import QuantizeOptions

if TYPE_CHECKING:
    from autosplit.data.datasets import DataSet
    from autosplit.evaluate.batches import LabelledBatches
    from autosplit.evaluate.choice import AskedTask
    from autosplit.evaluate.trials import Trials


_ONE_PART = (
    "data: must have a calibration part of its own, has one part alone; plans are finished on the "
    "samples that they are evaluated on, so accuracies may be too high"
)
OPTIONS_OF_EVALUATE = (
    "images",
    "effort",
    "rounding",
    "bias",
    "joint_clips",
    "max_drop",
    "confidence",
    "jobs",
)
"""Options of ``quantize`` that hold without a run folder."""


@takes_options(QuantizeOptions, *OPTIONS_OF_EVALUATE)
def evaluate(
    net: Net,
    front: Front,
    data: Any,
    *,
    batch_size: int | None = None,
    seed: int = 0,
    task: str | None = None,
    output: str | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Scores:
    """Measure the accuracy of plans by running their two halves, bytes and all.

    Args:
        net: The network.
        front: The plans.  A plan whose cloud half computes in integers is left out.
        data: What ``autosplit.load_data`` takes or gives: a name, batches with labels, or both
            parts of a data set.  Plans are finished on its ``calibration`` part and run on its
            ``evaluation`` part.  Batches alone are run; plans are then finished on the batches that
            ``autosplit.measure`` was given.
        batch_size: Images per step; None is what suits their size.
        seed: Seed of the order in which images are run, and of the choice of pictures of a folder.
        task: What the network is for, as ``--task``; None: found out from outputs and labels.
        output: Name or number of the output that is scored, or ``all``, as ``--output``.
        progress: Shows how far it is.
        **options: Options of ``autosplit quantize``, with its defaults: ``images`` (the most to
            evaluate on), ``effort``, ``rounding``, ``bias`` and ``joint_clips`` (how the integers
            of a plan are finished first), ``max_drop`` (run plans only as far as it takes to find,
            for each link, the fastest one that loses at most so many points; None: run every plan
            on all images), ``confidence`` (go on until one of them is shown to, as ``Front.pick``
            tests it), ``jobs`` (plans run at the same time; it changes no result).

    Raises:
        DataError: The data are of another kind, or do not fit the network or its task.
        PlanError: The front is none, or of another network.
        OptionError: An option cannot have its value.
    """
    from autosplit.evaluate.choice import AskedTask
    from autosplit.evaluate.trials import choose, score_all, score_rows

    _check(net, front)
    chosen = read_keywords(QuantizeOptions, evaluate, options)
    output = output or (net.model.output if task is None else None)
    asked = AskedTask(task or net.model.task, output, seed)
    trials = _trials(net, front, data, chosen, batch_size, asked)
    check_counted(trials.reference().task, chosen.confidence)
    files = {file.plan.name: file for file in front.plan_files() if file.plan.cloud_is_float}
    if chosen.max_drop is None:
        score_all(trials, list(files.values()), chosen.jobs, progress)
    else:
        orders = [[n for n in front.fastest_first(link) if n in files] for link in front.links]
        error = None
        if chosen.confidence is not None:
            fitting = {name for link in front.links for name in front.fastest_first(link)}
            error = (1 - chosen.confidence) / max(len(fitting), 1)
        choose(trials, files, orders, chosen.max_drop, progress, error)
    scored, rows = score_rows(trials.ledger, files.values())
    return Scores(scored, tuple(rows))


def _check(net: Net, front: Front) -> None:
    """Refuse what is no network or no front of it.

    Raises:
        DataError, PlanError: It is not.
    """
    if not isinstance(net, Net):
        raise DataError(f"net: must be what autosplit.capture gives, got {type(net).__name__}")
    if not isinstance(front, Front):
        raise PlanError(f"front: must be what autosplit.search gives, got {type(front).__name__}")
    if front.graph != net.graph:
        raise PlanError(f"front: must be of the network {net.name}, is of {front.graph.name}")


def _trials(
    net: Net,
    front: Front,
    data: Any,
    options: QuantizeOptions,
    batch_size: int | None,
    asked: AskedTask,
) -> Trials:
    """The network with its images, and what finishes plans before they are run."""
    from autosplit.evaluate.batches import batches_of, first_batches
    from autosplit.evaluate.chance import guessing
    from autosplit.evaluate.choice import judge_of
    from autosplit.evaluate.ledger import MemoryLedger
    from autosplit.evaluate.looks import Looks
    from autosplit.evaluate.trials import Trials
    from autosplit.finish.finish import finish as finish_plan

    program = net.program
    found = load_data(data, net, evaluation_images=options.images, seed=asked.seed)
    choice, judge = judge_of(program, net.model, found, asked)
    looks = Looks.of(found.evaluation, program, batch_size, asked.seed)
    finishing = finishing_of(options, "mse" if front.stats is None else front.stats.clipping)
    batches = _measured_batches(net, front, data, found, finishing)
    batches = batches or batches_of(found.calibration, program, batch_size)
    calibration = first_batches(batches, program)
    if front.stats is not None:
        seen = front.stats.tensors[next(iter(net.graph.inputs))]
        warn(image_range.warn_of_evaluation(looks.extremes, (seen.min, seen.max)))

    def finish(file: PlanFile, tell: Advance) -> PlanFile:
        return finish_plan(program, file, calibration, finishing, tell)

    trials = Trials(program, looks, MemoryLedger(), judge)
    guess = guessing(trials.reference(), choice.classes)
    warn(guess and chance_text(guess, choice.task, found.evaluation))
    return replace(trials, finish=finish, steps=finishing.steps)


def _measured_batches(
    net: Net, front: Front, data: Any, found: DataSet, finishing: Finishing
) -> LabelledBatches | None:
    """The batches that were measured, where a person's own data have one part alone; else None."""
    from autosplit.data.datasets import DataSet

    if not found.shared or isinstance(data, str | DataSet):
        return None
    if front.stats is None or front.stats.calibration is None:
        if finishing != finishing_of(QuantizeOptions(effort="none")):
            warn(_ONE_PART)
        return None
    measured = input_batches(net, front.stats.calibration)
    return lambda: ((inputs, None) for inputs in measured())

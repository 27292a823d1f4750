"""Plans run on evaluation data: ``autosplit.evaluate``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autosplit.api.data import load_data
from autosplit.api.front import Front
from autosplit.api.net import Net
from autosplit.api.scores import Scores
from autosplit.data import image_range
from autosplit.errors import DataError, PlanError, warn
from autosplit.grid.grid import FLOAT_BITS
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance, Progress, silent
from autosplit.runs.finishing import finishing_of
from autosplit.runs.inputs import chance_text
from autosplit.runs.options import QuantizeOptions

if TYPE_CHECKING:
    from autosplit.evaluate.choice import AskedTask
    from autosplit.evaluate.trials import Trials


def evaluate(
    net: Net,
    front: Front,
    data: Any,
    *,
    images: int | None = None,
    effort: str = "good",
    max_drop: float | None = None,
    jobs: int = 1,
    batch_size: int | None = None,
    seed: int = 0,
    task: str | None = None,
    output: str | None = None,
    progress: Progress = silent,
) -> Scores:
    """Measure the accuracy of plans by running their two halves, bytes and all.

    Args:
        net: The network.
        front: The plans.  A plan whose cloud half computes in integers is left out.
        data: What ``autosplit.load_data`` takes or gives: a name, batches with labels, or both
            parts of a data set.  Plans are finished on its ``calibration`` part and run on its
            ``evaluation`` part.
        images: Images to evaluate on at most; None: all.
        effort: How much work finishes the integers of a plan first, as ``--effort``.
        max_drop: Run plans only as far as it takes to find, for each link, the fastest one that
            loses at most so many points; None: run every plan on all images.
        jobs: Plans run at the same time; it changes no result.
        batch_size: Images per step; None is what suits their size.
        seed: Of the order in which images are run, and of the choice of pictures of a folder.
        task: What the network is for, as ``--task``; None: found out from outputs and labels.
        output: Name or number of the output that is scored, or ``all``, as ``--output``.
        progress: Shows how far it is.

    Raises:
        DataError: The data are of another kind, or do not fit the network or its task.
        PlanError: The front is none, or of another network.
        OptionError: An option cannot have its value.
    """
    from autosplit.evaluate.choice import AskedTask
    from autosplit.evaluate.trials import choose, score_all, score_rows

    _check(net, front)
    options = QuantizeOptions(images=images, effort=effort, max_drop=max_drop, jobs=jobs)
    output = output or (net.model.output if task is None else None)
    asked = AskedTask(task or net.model.task, output, seed)
    trials = _trials(net, front, data, options, batch_size, asked)
    files = {
        file.plan.name: file for file in front.plan_files() if file.plan.cloud_bits >= FLOAT_BITS[0]
    }
    if options.max_drop is None:
        score_all(trials, list(files.values()), options.jobs, progress)
    else:
        orders = [[n for n in front.fastest_first(link) if n in files] for link in front.links]
        choose(trials, files, orders, options.max_drop, progress)
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
    calibration = first_batches(batches_of(found.calibration, program, batch_size), program)
    if front.stats is not None:
        seen = front.stats.tensors[next(iter(net.graph.inputs))]
        warn(image_range.warn_of_evaluation(looks.extremes, (seen.min, seen.max)))
    finishing = finishing_of(options)

    def finish(file: PlanFile, tell: Advance) -> PlanFile:
        return finish_plan(program, file, calibration, finishing, tell)

    trials = Trials(program, looks, MemoryLedger(), judge)
    guess = guessing(trials.reference(), choice.classes)
    warn(guess and chance_text(guess))
    return replace(trials, finish=finish, steps=finishing.steps)

"""Plans measured look by look; the answers are kept, so that no image is run twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from joblib import Parallel, delayed

from autosplit.capture.program import Program
from autosplit.errors import counted
from autosplit.evaluate.judge import Judge
from autosplit.evaluate.ledger import AnyLedger
from autosplit.evaluate.looks import Looks
from autosplit.evaluate.noninferiority import NUISANCE, drop_p_value
from autosplit.evaluate.outputs import FloatAnswers, float_outputs, plan_outputs
from autosplit.evaluate.record import Record
from autosplit.evaluate.task import CLASSIFICATION, FLOAT, Task
from autosplit.evaluate.tasks.tasks import TaskChoice
from autosplit.halves.deployed import deploy
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance, Progress


@dataclass(frozen=True)
class Trials:
    """Plans of one network on the same images.

    Attributes:
        program: The captured network.
        looks: Images of the evaluation, in groups.
        ledger: Keeps the records.
        judge: Reads the answers.
        finish: Finishes a plan; the finished plan is run in its place.  It is told of each step.
        steps: Most steps that finishing a plan takes.
        answers: Outputs of the float network, with which those of plans are compared.
        choice: The network's task.
    """

    program: Program
    looks: Looks
    ledger: AnyLedger
    judge: Judge
    finish: Callable[[PlanFile, Advance], PlanFile] = lambda file, _: file
    steps: Callable[[PlanFile], int] = lambda _: 0
    answers: FloatAnswers = field(default_factory=FloatAnswers)
    choice: TaskChoice = field(default_factory=lambda: TaskChoice(CLASSIFICATION))

    def reference(self) -> Record:
        """Run the float network on all images, unless that was done before."""
        record = self._find(FLOAT)
        number = record.seen
        for group in self.looks.after(record.seen):
            for inputs, labels in group:
                outputs = float_outputs(self.program, inputs)
                count = self.looks.count_of(inputs)
                record.add(self.judge.read(outputs, labels, count, outputs))
                if self.judge.compares:
                    self.answers.keep(number, outputs)
                number += count
            self.ledger.keep(FLOAT, record)
        record.check()
        return record

    def run(
        self,
        file: PlanFile,
        reference: Record,
        max_drop: float | None = None,
        advance: Advance = lambda _: None,
    ) -> tuple[Record, int]:
        """Run a plan on the images that it was not run on yet, or stop early.

        Args:
            file: The plan.
            reference: The float network's record.
            max_drop: Points that the plan may lose; a plan that must lose more is stopped early.
                None: every plan is run on all images.
            advance: Is told of each step of finishing the plan.

        Returns:
            The plan's record, and the number of images that the plan was run on now.
        """
        half = file.half_sha256
        record = self._find(half)
        before = record.seen
        deployed = None
        for group in self.looks.after(before):
            if max_drop is not None and self.lost(record, reference, max_drop):
                break
            deployed = deployed or deploy(self.program, self.finish(file, advance))
            for inputs, labels in group:
                answers = None
                if self.judge.compares:
                    answers = self.answers.find(record.seen, self.program, inputs)
                count = self.looks.count_of(inputs)
                outputs = plan_outputs(deployed, inputs, count)
                record.add(self.judge.read(outputs, labels, count, answers))
            self.ledger.keep(half, record)
        return record, record.seen - before

    def _find(self, half: str) -> Record:
        record = self.ledger.find(half)
        if record is None or record.total != self.looks.total:
            record = self.judge.empty()
        record.total = self.looks.total
        return record

    def lost(self, record: Record, reference: Record, max_drop: float) -> bool:
        """Tell whether a plan loses more than is allowed, by the early stopping rule."""
        return record.lost(reference, max_drop, max(len(self.looks.parts) - 1, 1))


def score_all(
    trials: Trials, files: Sequence[PlanFile], jobs: int, progress: Progress
) -> tuple[int, int]:
    """Run the float network and every plan on every image.

    Args:
        trials: The network and its images.
        files: The plans.
        jobs: Number of plans that are run at the same time.
        progress: Is told of each network that is done, and of each step of finishing it.

    Returns:
        Number of plans and number of images that were run now.
    """
    halves = [file.half_sha256 for file in files]
    different: dict[str, PlanFile] = {}
    for half, file in zip(halves, files, strict=True):
        different.setdefault(half, file)
    count = len(different) + 1
    steps = {half: trials.steps(file) + 1 for half, file in different.items()}
    with progress(f"quantize: {counted(count, 'network')}", sum(steps.values()) + 1) as advance:
        reference = trials.reference()
        advance(1)

        def one(half: str, file: PlanFile) -> int:
            left = steps[half]

            def tell(done: int) -> None:
                nonlocal left
                left -= done
                advance(done)

            _, ran = trials.run(file, reference, advance=tell)
            advance(left)
            return ran

        counts = Parallel(n_jobs=jobs, prefer="threads")(
            delayed(one)(half, file) for half, file in different.items()
        )
    ran = dict(zip(different, counts, strict=True))
    return sum(ran[half] > 0 for half in halves), sum(ran.values())


def choose(
    trials: Trials,
    files: Mapping[str, PlanFile],
    orders: Iterable[Sequence[str]],
    max_drop: float,
    progress: Progress,
    error: float | None = None,
) -> tuple[int, int]:
    """Find the first plan of each order that keeps the accuracy, on as few images as possible.

    A plan is stopped as soon as it must lose more than is allowed.  Plans after the first one that
    keeps the accuracy are not run at all.

    Args:
        trials: The network and its images.
        files: The plans by name.
        orders: Names of plans for each link, the fastest plan first.
        max_drop: Points that a plan may lose.
        progress: Is told of each link that is decided.
        error: Error that the test of non-inferiority of each plan may have, all plans accounted
            for; a plan that the test does not accept is not the last.  None: nothing is tested.

    Returns:
        Number of plans and number of images that were run now.
    """
    orders = list(orders)
    plans = images = 0
    with progress(
        f"quantize: picks for {counted(len(orders), 'link')}", len(orders) + 1
    ) as advance:
        reference = trials.reference()
        advance(1)
        for order in orders:
            for name in order:
                record, ran = trials.run(files[name], reference, max_drop)
                plans, images = plans + (ran > 0), images + ran
                kept = record.done and not trials.lost(record, reference, max_drop)
                row = record.plan_row(files[name].plan, reference) if kept and error else None
                if kept and (row is None or _is_shown(record.task, row, max_drop, error or 0.0)):
                    break
            advance(1)
    return plans, images


def _is_shown(task: Task, row: Mapping[str, Any], max_drop: float, error: float) -> bool:
    """Tell whether a plan is shown to lose no more than is allowed."""
    pairs = task.lost_and_won(row)
    if pairs is None:
        return False
    return drop_p_value(*pairs, int(row["images"]), max_drop, NUISANCE * error) <= error


def score_rows(ledger: AnyLedger, files: Iterable[PlanFile]) -> tuple[Task, list[dict[str, Any]]]:
    """Return the task, and the rows of scores: the float network's, then those of plans that ran.

    Args:
        ledger: Keeps the records; the float network's is one of them.
        files: The plans.
    """
    reference = ledger.find(FLOAT)
    assert reference is not None
    rows = [reference.float_row()]
    for file in files:
        record = ledger.find(file.half_sha256)
        row = record and record.plan_row(file.plan, reference)
        rows += [row] if row else []
    return reference.task, rows

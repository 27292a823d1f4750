"""Plans measured look by look: what each image became is kept, so that none is run twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from joblib import Parallel, delayed

from autosplit.capture.program import Program
from autosplit.evaluate.judge import CLASS_JUDGE, Judge
from autosplit.evaluate.ledger import Ledger
from autosplit.evaluate.looks import Looks
from autosplit.evaluate.outputs import float_outputs, plan_outputs
from autosplit.evaluate.record import Record
from autosplit.evaluate.task import FLOAT
from autosplit.halves.halves import deploy
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance, Progress


@dataclass(frozen=True)
class Trials:
    """Plans of one network on the same images.

    Attributes:
        program: The captured network.
        looks: The images.
        ledger: Where records are kept.
        judge: How answers are read.
        finish: Gives the plan that is run in the place of one, telling of steps done.
        steps: Of how many steps it tells, at most.
    """

    program: Program
    looks: Looks
    ledger: Ledger
    judge: Judge = CLASS_JUDGE
    finish: Callable[[PlanFile, Advance], PlanFile] = lambda file, _: file
    steps: Callable[[PlanFile], int] = lambda _: 0

    def reference(self) -> Record:
        """Run the float network on all images, unless that was done before."""
        record = self._find(FLOAT)
        for group in self.looks.after(record.seen):
            for images, labels in group:
                outputs = float_outputs(self.program, images)
                record.add(self.judge.read(outputs, labels, len(images)))
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
        """Run a plan on the images that it was not run on yet, as far as that is of use.

        Args:
            file: The plan.
            reference: The float network's record.
            max_drop: Points that a plan of interest loses at most; one that must lose more is
                stopped.  None: no plan is.
            advance: Told of steps of finishing it.

        Returns:
            Its record, and how many images it was run on now.
        """
        half = file.half_sha256
        record = self._find(half)
        before = record.seen
        deployed = None
        for group in self.looks.after(before):
            if max_drop is not None and self.lost(record, reference, max_drop):
                break
            deployed = deployed or deploy(self.program, self.finish(file, advance))
            for images, labels in group:
                record.add(self.judge.read(plan_outputs(deployed, images), labels, len(images)))
            self.ledger.keep(half, record)
        return record, record.seen - before

    def _find(self, half: str) -> Record:
        record = self.ledger.find(half)
        if record.total != self.looks.total:
            record = self.judge.empty()
        record.total = self.looks.total
        return record

    def lost(self, record: Record, reference: Record, max_drop: float) -> bool:
        """Whether a plan loses more than is allowed, for certain or with the confidence asked."""
        return record.lost(reference, max_drop, max(len(self.looks.parts) - 1, 1))


def score_all(
    trials: Trials, files: Sequence[PlanFile], jobs: int, progress: Progress
) -> tuple[int, int]:
    """Run the float network and every plan on every image.

    Args:
        trials: The network and its images.
        files: The plans.
        jobs: Plans run at the same time.
        progress: Told of each network that is done, and of the steps of finishing it.

    Returns:
        How many plans and how many images were run now.
    """
    halves = [file.half_sha256 for file in files]
    different: dict[str, PlanFile] = {}
    for half, file in zip(halves, files, strict=True):
        different.setdefault(half, file)
    count = len(different) + 1
    steps = {half: trials.steps(file) + 1 for half, file in different.items()}
    with progress(f"quantize: {count} networks", sum(steps.values()) + 1) as advance:
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
) -> tuple[int, int]:
    """Find the first plan of each order that keeps the accuracy, running as little as is needed.

    A plan is stopped as soon as it must lose more than is allowed; the ones behind the first that
    keeps it are not run at all.

    Args:
        trials: The network and its images.
        files: The plans by name.
        orders: For each link the names of plans, the fastest first.
        max_drop: Points that a plan may lose.
        progress: Told of each link that is decided.

    Returns:
        How many plans and how many images were run now.
    """
    orders = list(orders)
    plans = images = 0
    with progress(f"quantize: picks for {len(orders)} links", len(orders) + 1) as advance:
        reference = trials.reference()
        advance(1)
        for order in orders:
            for name in order:
                record, ran = trials.run(files[name], reference, max_drop)
                plans, images = plans + (ran > 0), images + ran
                if record.done and not trials.lost(record, reference, max_drop):
                    break
            advance(1)
    return plans, images

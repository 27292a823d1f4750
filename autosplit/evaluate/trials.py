"""Plans measured look by look: what each image became is kept, so that none is run twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from joblib import Parallel, delayed
from torch import Tensor

from autosplit.capture.program import Program
from autosplit.data.datasets import DataSet
from autosplit.data.images import Images, Labels
from autosplit.data.preprocess import Letterbox
from autosplit.errors import DataError
from autosplit.evaluate.boxes import BoxReader, BoxRecord
from autosplit.evaluate.early_stop import Places, looks
from autosplit.evaluate.evaluate import Batches, answer, answers_of, float_outputs
from autosplit.evaluate.ledger import Ledger
from autosplit.evaluate.record import ClassRecord, Record
from autosplit.evaluate.task import FLOAT
from autosplit.halves.halves import deploy
from autosplit.models.load import Model
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance, Progress

BATCH_ELEMENTS = 4_000_000
"""Input elements of a batch: enough to keep the cores busy, few enough to stay out of swap."""
MOST_IMAGES = 256
"""Images of a batch, however small they are."""
LIVE_BYTES = 2**31
"""Memory that calibration images may take while plans are finished on them."""
CACHE_BYTES = 2**30
"""Decoded evaluation images are kept in memory up to this size, else read again for each plan."""


@dataclass(frozen=True)
class Judge:
    """How a network's answers are read and put down.

    Attributes:
        read: Outputs of a batch, its labels and number of images -> what ``Record.add`` takes.
        empty: Makes an empty record.
    """

    read: Callable[[tuple[Tensor, ...], Labels | None, int], Any]
    empty: Callable[[], Record]


CLASSES = Judge(answers_of, ClassRecord)
"""Of classifiers."""


def judge_of(model: Model, data: DataSet) -> Judge:
    """How the answers of a network to the images of a data set are read.

    Raises:
        DataError: The data have boxes of other classes than the network's.
    """
    if not model.heads:
        return CLASSES
    if data.labels:
        _check_classes(model.labels, data.labels)
    place = model.preprocess
    if not isinstance(place, Letterbox):
        raise DataError(f"{model.name}: a detector must take letterboxed images")
    reader = BoxReader(model.heads, place.size, place.back, model.labels)
    return Judge(reader.read, lambda: BoxRecord(labels=model.labels))


def _check_classes(network: tuple[str, ...], data: tuple[str, ...]) -> None:
    """Make sure that boxes are of the network's classes; names are compared where both have any."""
    if len(data) != len(network):
        raise DataError(
            f"data: must have the network's {len(network)} classes, has {len(data)} categories, "
            f"from {data[0]!r} to {data[-1]!r}"
        )
    named = not any(name.isdecimal() for name in (*network, *data))
    if named and not any(map(str.__eq__, network, data)):
        raise DataError(
            f"data: must have the network's classes, its first is {network[0]!r}, "
            f"the data's is {data[0]!r}"
        )
    for place, name in enumerate(data):
        if named and name in network and network[place] != name:
            raise DataError(
                f"data: must number its classes as the network does, {name!r} is number {place}, "
                f"the network's is number {network.index(name)}"
            )


@dataclass(frozen=True)
class Looks:
    """Images in the order in which they are run, in groups; decoded once if they are few.

    Attributes:
        images: The images.
        size: Images per step.
        parts: Numbers of the images of each group, from ``looks.looks``.
    """

    images: Images
    size: int
    parts: tuple[Places, ...]
    _kept: dict[int, list[tuple[Tensor, Labels | None]]] = field(default_factory=dict)

    @classmethod
    def of(cls, images: Images, program: Program, asked: int | None, seed: int) -> Looks:
        """Groups of images that a program can run.

        Args:
            images: The images; what is left over after the last whole batch is left out if the
                program is bound to a batch size.
            program: The captured network.
            asked: Images per step as asked for, None for nothing.
            seed: Of the order.

        Raises:
            DataError: There are not enough images for one whole batch.
        """
        whole = program.batch_size or 1
        count = len(images) // whole * whole
        if not count:
            raise _too_few(len(images), whole)
        return cls(images, step_size(program, asked), looks(count, seed, whole))

    @property
    def total(self) -> int:
        """Number of images."""
        return sum(map(len, self.parts))

    @property
    def extremes(self) -> tuple[float, float]:
        """Least and greatest value of the images of the first group."""
        ends = [images.aminmax() for images, _ in self._batches(0, self.parts[0])]
        return min(float(end.min) for end in ends), max(float(end.max) for end in ends)

    def after(self, seen: int) -> Iterator[Iterable[tuple[Tensor, Labels | None]]]:
        """Batches of each group, one after the other, behind the images already run.

        Raises:
            DataError: That is not where a group ends, or a group has changed.
        """
        for number, part in enumerate(self.parts):
            if seen <= 0:
                yield self._batches(number, part)
            seen -= len(part)

    def _batches(self, number: int, part: Places) -> Iterator[tuple[Tensor, Labels | None]]:
        if number in self._kept:
            yield from self._kept[number]
            return
        kept: list[tuple[Tensor, Labels | None]] = []
        room = CACHE_BYTES - sum(b[0].nbytes for group in self._kept.values() for b in group)
        count = 0
        for batch in self.images.batches(self.size, part.tolist()):
            count += len(batch[0])
            room -= batch[0].nbytes
            if room >= 0:
                kept.append(batch)
            yield batch
        if count != len(part):
            raise DataError(
                f"evaluation data: must give the same {self.total} images on each pass, got fewer"
            )
        if room >= 0:
            self._kept[number] = kept


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
    judge: Judge = CLASSES
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
                record.add(self.judge.read(answer(deployed, images), labels, len(images)))
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


def batch_size(program: Program, asked: int | None) -> int:
    """Images per step: what the program is bound to, what was asked for, or what suits the size.

    Args:
        program: The captured network.
        asked: What was asked for, None for nothing.
    """
    elements = sum(program.graph.elements(name) for name in program.graph.inputs)
    suited = min(MOST_IMAGES, max(16, BATCH_ELEMENTS // elements))
    return program.batch_size or asked or suited


def step_size(program: Program, asked: int | None) -> int:
    """Images per step of an evaluation: as for ``batch_size``, by the largest tensor if not asked.

    Args:
        program: The captured network.
        asked: What was asked for, None for nothing.
    """
    return batch_size(program, asked or min(MOST_IMAGES, program.step))


def batches_of(images: Images, program: Program, asked: int | None) -> Batches:
    """Batches that a program can run; one that is bound to a batch size gets whole batches only.

    Args:
        images: The images; what is left over after the last whole batch is left out.
        program: The captured network.
        asked: Images per step as asked for, None for nothing.

    Raises:
        DataError: There are not enough images for one whole batch.
    """
    size = batch_size(program, asked)
    if program.batch_size is None:
        return lambda: images.batches(size)
    if len(images) < size:
        raise _too_few(len(images), size)
    return lambda: (batch for batch in images.batches(size) if len(batch[0]) == size)


def _too_few(count: int, size: int) -> DataError:
    return DataError(
        f"data: must have at least {size} images, for the network runs whole batches of "
        f"{size} only, got {count}"
    )


def few(batches: Batches, program: Program) -> Callable[[], Iterator[Tensor]]:
    """The first batches, as many as can be kept at all of a network's live tensors at once."""
    graph = program.graph
    everything = graph.prefix(len(graph.layers))
    live = max(sum(map(graph.elements, tensors)) for tensors in everything.live)
    most = max(LIVE_BYTES // (8 * live), 1)  # two copies of four bytes

    def some() -> Iterator[Tensor]:
        seen = 0
        for images, _ in batches():
            if seen and seen + len(images) > most:
                return
            seen += len(images)
            yield images

    return some

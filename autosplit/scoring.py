"""Plans measured look by look: what each image became is kept, so that none is run twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from torch import Tensor

from autosplit.capture import Program
from autosplit.errors import DataError
from autosplit.evaluate import Answers, Batches, Score, answer, answers_of, deploy, score
from autosplit.files import read_json, write_json
from autosplit.images import Images
from autosplit.looks import Places, Standing, looks
from autosplit.plan import PlanFile
from autosplit.progress import Progress
from autosplit.report import FLOAT

BATCH_ELEMENTS = 4_000_000
"""Input elements of a batch: enough to keep the cores busy, few enough to stay out of swap."""
CACHE_BYTES = 2**30
"""Decoded evaluation images are kept in memory up to this size, else read again for each plan."""


@dataclass
class Record:
    """What became of the images run so far, in the order in which they are run.

    Attributes:
        classes: Class answered per image.
        hits: Per image 1 if that is its label, else 0; None without labels.
        hits5: The same of the five most probable classes.
        total: Images there are.
    """

    total: int = 0
    classes: list[int] = field(default_factory=list)
    hits: list[int] | None = None
    hits5: list[int] | None = None

    @property
    def seen(self) -> int:
        """Images run so far."""
        return len(self.classes)

    @property
    def done(self) -> bool:
        """Whether all images were run."""
        return 0 < self.total == self.seen

    def add(self, answers: Answers) -> None:
        """Put down the answers to the next images."""
        self.classes += answers.classes.tolist()
        if answers.hits is not None and answers.hits5 is not None:
            self.hits = (self.hits or []) + answers.hits.int().tolist()
            self.hits5 = (self.hits5 or []) + answers.hits5.int().tolist()


@dataclass(frozen=True)
class Ledger:
    """The records that a run folder keeps: one file for each different edge half.

    Attributes:
        folder: Where the files are.
        source: What every record depends on, network and images -> SHA-256.
    """

    folder: Path
    source: Mapping[str, str]

    def find(self, half: str) -> Record:
        """The record of an edge half; empty if it was never run on the same network and images."""
        path = self._path(half)
        if not path.exists():
            return Record()
        data = read_json(path, "record")
        return Record(**data["record"]) if data.get("source") == self._source(half) else Record()

    def keep(self, half: str, record: Record) -> None:
        """Keep a record."""
        data = {"source": self._source(half), "record": asdict(record)}
        write_json(self._path(half), "record", data)

    def forget(self, half: str) -> None:
        """Forget a record."""
        self._path(half).unlink(missing_ok=True)

    def _source(self, half: str) -> dict[str, str]:
        return {**self.source, "half": half}

    def _path(self, half: str) -> Path:
        return self.folder / f"{half if half == FLOAT else half[:16]}.json"


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
    _kept: dict[int, list[tuple[Tensor, Tensor | None]]] = field(default_factory=dict)

    @classmethod
    def of(cls, images: Images, program: Program, asked: int, seed: int) -> Looks:
        """Groups of images that a program can run.

        Args:
            images: The images; what is left over after the last whole batch is left out if the
                program is bound to a batch size.
            program: The captured network.
            asked: Images per step as asked for, 0 for nothing.
            seed: Of the order.

        Raises:
            DataError: There are not enough images for one whole batch.
        """
        whole = program.batch_size or 1
        count = len(images) // whole * whole
        if not count:
            raise _too_few(len(images), whole)
        return cls(images, batch_size(program, asked), looks(count, seed, whole))

    @property
    def total(self) -> int:
        """Number of images."""
        return sum(map(len, self.parts))

    def after(self, seen: int) -> Iterator[Iterable[tuple[Tensor, Tensor | None]]]:
        """Batches of each group, one after the other, behind the images already run.

        Raises:
            DataError: That is not where a group ends, or a group has changed.
        """
        for number, part in enumerate(self.parts):
            if seen <= 0:
                yield self._batches(number, part)
            seen -= len(part)

    def _batches(self, number: int, part: Places) -> Iterator[tuple[Tensor, Tensor | None]]:
        if number in self._kept:
            yield from self._kept[number]
            return
        kept: list[tuple[Tensor, Tensor | None]] = []
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
    """

    program: Program
    looks: Looks
    ledger: Ledger

    def reference(self) -> Record:
        """Run the float network on all images, unless that was done before."""
        record = self._find(FLOAT)
        for group in self.looks.after(record.seen):
            for images, labels in group:
                record.add(answers_of(self.program.run((images,)), labels, len(images)))
            self.ledger.keep(FLOAT, record)
        return record

    def run(
        self, file: PlanFile, reference: Record, max_drop: float | None = None
    ) -> tuple[Record, int]:
        """Run a plan on the images that it was not run on yet, as far as that is of use.

        Args:
            file: The plan.
            reference: The float network's record.
            max_drop: Points that a plan of interest loses at most; one that must lose more is
                stopped.  None: no plan is.

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
            deployed = deployed or deploy(self.program, file)
            for images, labels in group:
                record.add(answer(deployed, images, labels))
            self.ledger.keep(half, record)
        return record, record.seen - before

    def _find(self, half: str) -> Record:
        record = self.ledger.find(half)
        if record.total not in (0, self.looks.total):
            record = Record()
        record.total = self.looks.total
        return record

    def lost(self, record: Record, reference: Record, max_drop: float) -> bool:
        """Whether a plan loses more than is allowed, for certain or with the confidence asked."""
        seen, total = record.seen, record.total
        if reference.hits is None:
            same = sum(map(int.__eq__, record.classes, reference.classes))
            standing = Standing(seen - same, 0, seen, total, 0)
        else:
            pairs = list(zip(record.hits or [], reference.hits, strict=False))
            hopeful = total - seen - sum(reference.hits[seen:])
            standing = Standing(pairs.count((0, 1)), pairs.count((1, 0)), seen, total, hopeful)
        return standing.least_drop(max(len(self.looks.parts) - 1, 1)) > max_drop + 1e-9


def score_all(
    trials: Trials, files: Sequence[PlanFile], jobs: int, progress: Progress
) -> tuple[int, int]:
    """Run the float network and every plan on every image.

    Args:
        trials: The network and its images.
        files: The plans.
        jobs: Plans run at the same time.
        progress: Told of each network that is done.

    Returns:
        How many plans and how many images were run now.
    """
    halves = [file.half_sha256 for file in files]
    different: dict[str, PlanFile] = {}
    for half, file in zip(halves, files, strict=True):
        different.setdefault(half, file)
    count = len(different) + 1
    with progress(f"quantize: {count} networks", count) as advance:
        reference = trials.reference()
        advance(1)

        def one(file: PlanFile) -> int:
            _, ran = trials.run(file, reference)
            advance(1)
            return ran

        counts = Parallel(n_jobs=jobs, prefer="threads")(map(delayed(one), different.values()))
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


def float_row(reference: Record) -> dict[str, Any]:
    """The float network's row of ``scores.csv``."""
    seen = reference.seen
    return {
        "name": FLOAT,
        "images": seen,
        "top1": None if reference.hits is None else sum(reference.hits) / seen,
        "top5": None if reference.hits5 is None else sum(reference.hits5) / seen,
        "agreement": 1.0,
        "drop": 0.0,
    }


def plan_row(file: PlanFile, record: Record, reference: Record) -> dict[str, Any] | None:
    """A plan's row of ``scores.csv``, over the images it was run on; None if it was run on none."""
    seen = record.seen
    if not seen:
        return None
    same = sum(map(int.__eq__, record.classes, reference.classes))
    found = score(
        file.plan.crossing_bytes,
        file.plan.name,
        seen,
        same=same,
        hits=None if record.hits is None else sum(record.hits),
        hits5=None if record.hits5 is None else sum(record.hits5),
        float_hits=None if reference.hits is None else sum(reference.hits[:seen]),
    )
    return _row(found)


def _row(score: Score) -> dict[str, Any]:
    return {
        "name": score.plan,
        "images": score.images,
        "top1": score.top1,
        "top5": score.top5,
        "agreement": score.agreement,
        "top1_low": score.low,
        "top1_high": score.high,
        "drop": score.drop,
        "cut_bytes": score.crossing_bytes,
    }


def batch_size(program: Program, asked: int) -> int:
    """Images per step: what the program is bound to, what was asked for, or what suits the size.

    Args:
        program: The captured network.
        asked: What was asked for, 0 for nothing.
    """
    elements = sum(program.graph.elements(name) for name in program.graph.inputs)
    suited = min(256, max(16, BATCH_ELEMENTS // elements))
    return program.batch_size or asked or suited


def batches_of(images: Images, program: Program, asked: int) -> Batches:
    """Batches that a program can run; one that is bound to a batch size gets whole batches only.

    Args:
        images: The images; what is left over after the last whole batch is left out.
        program: The captured network.
        asked: Images per step as asked for, 0 for nothing.

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

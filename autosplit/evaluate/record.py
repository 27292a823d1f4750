"""What a network answered to each image so far, and the accuracy that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol, Self

from autosplit.evaluate.early_stop import Standing
from autosplit.evaluate.evaluate import Answers, score
from autosplit.evaluate.task import CLASSIFICATION, FLOAT, Task
from autosplit.plan.plan import Plan


class Record(Protocol):
    """What became of the images run so far, in the order in which they are run.

    Attributes:
        task: What the network is for.
        total: Images there are.
    """

    task: ClassVar[Task]
    total: int

    @property
    def seen(self) -> int:
        """Images run so far."""

    @property
    def done(self) -> bool:
        """Whether all images were run."""

    def add(self, answers: Any) -> None:
        """Put down the answers to the next images."""

    def check(self) -> None:
        """Make sure that plans can be compared with this, the float network's record.

        Raises:
            DataError: They cannot.
        """

    def lost(self, reference: Any, max_drop: float, tests: int) -> bool:
        """Whether a plan loses more than is allowed, for certain or with the confidence asked.

        Args:
            reference: The float network's record.
            max_drop: Points that it may lose.
            tests: How often a plan is looked at before the last image.
        """

    def float_row(self) -> dict[str, Any]:
        """The float network's row of ``scores.csv``."""

    def plan_row(self, plan: Plan, reference: Any) -> dict[str, Any] | None:
        """A plan's row, over the images it was run on; None if it was run on none."""

    def data(self) -> dict[str, Any]:
        """The record as a file keeps it."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """The record of ``data``."""


@dataclass
class ClassRecord:
    """The record of a classifier.

    Attributes:
        classes: Class answered per image.
        hits: Per image 1 if that is its label, else 0; None without labels.
        hits5: The same of the five most probable classes.
        total: Images there are.
    """

    task: ClassVar[Task] = CLASSIFICATION
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

    def check(self) -> None:
        """Nothing can be wrong with classes."""

    def lost(self, reference: ClassRecord, max_drop: float, tests: int) -> bool:
        """Whether a plan loses more than is allowed, for certain or with the confidence asked."""
        seen, total = self.seen, self.total
        if reference.hits is None:
            same = sum(map(int.__eq__, self.classes, reference.classes))
            standing = Standing(seen - same, 0, seen, total, 0)
        else:
            pairs = list(zip(self.hits or [], reference.hits, strict=False))
            hopeful = total - seen - sum(reference.hits[seen:])
            standing = Standing(pairs.count((0, 1)), pairs.count((1, 0)), seen, total, hopeful)
        return standing.least_drop(tests) > max_drop + 1e-9

    def float_row(self) -> dict[str, Any]:
        """The float network's row of ``scores.csv``."""
        seen = self.seen
        return {
            "name": FLOAT,
            "images": seen,
            "top1": None if self.hits is None else sum(self.hits) / seen,
            "top5": None if self.hits5 is None else sum(self.hits5) / seen,
            "agreement": 1.0,
            "drop": 0.0,
        }

    def plan_row(self, plan: Plan, reference: ClassRecord) -> dict[str, Any] | None:
        """A plan's row, over the images it was run on; None if it was run on none."""
        seen = self.seen
        if not seen:
            return None
        found = score(
            plan.crossing_bytes,
            plan.name,
            seen,
            same=sum(map(int.__eq__, self.classes, reference.classes)),
            hits=None if self.hits is None else sum(self.hits),
            hits5=None if self.hits5 is None else sum(self.hits5),
            float_hits=None if reference.hits is None else sum(reference.hits[:seen]),
        )
        return {
            "name": found.plan,
            "images": found.images,
            "top1": found.top1,
            "top5": found.top5,
            "agreement": found.agreement,
            "top1_low": found.low,
            "top1_high": found.high,
            "drop": found.drop,
            "cut_bytes": found.crossing_bytes,
        }

    def data(self) -> dict[str, Any]:
        """The record as a file keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """The record of ``data``."""
        return cls(**data)

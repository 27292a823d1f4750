"""Classification: the class answered for each image, top-1 and top-5, agreement with float."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

from scipy.stats import binomtest
from torch import Tensor

from autosplit.data.images import Labels
from autosplit.errors import DataError
from autosplit.evaluate.clear_task import class_rows
from autosplit.evaluate.early_stop import Standing, must_stop
from autosplit.evaluate.paired import INTERVAL_CONFIDENCE, drop_interval
from autosplit.evaluate.task import CLASSIFICATION, FLOAT, Task
from autosplit.evaluate.tasks.samples import kl_per_sample, tensor_labels
from autosplit.plan.plan import Plan

TOP = 5
"""An answer is among the first so many classes, or not."""


@dataclass(frozen=True)
class ClassAnswers:
    """What a network answers to some images.

    Attributes:
        classes: Most probable class per image, -1 where a score is NaN, shape (images,), int64.
        hits: Whether that class is the label, shape (images,), bool; None without labels.
        hits5: Whether the label is among the five most probable; None without labels.
        kl: KL divergence from the float network's answer, nats, shape (images,); None if unknown.
    """

    classes: Tensor
    hits: Tensor | None
    hits5: Tensor | None
    kl: Tensor | None = None


def read_classes(
    outputs: tuple[Tensor, ...],
    labels: Labels | None,
    batch: int,
    reference: tuple[Tensor, ...] | None = None,
) -> ClassAnswers:
    """Read the answers from a network's outputs.

    Args:
        outputs: The first are class scores, (batch, classes).
        labels: The number of a class per image, (batch,), or a probability per class,
            (batch, classes), of which the greatest counts; or None.
        batch: Number of images.
        reference: Outputs of the float network, or None where ``outputs`` are those.

    Raises:
        DataError: The network does not give (batch, classes), or a label is not one of its classes.
    """
    logits = _logits(outputs, batch)
    broken = logits.isnan().any(1)
    classes = logits.argmax(1).masked_fill(broken, -1)
    kl = None if reference is None else kl_per_sample(logits, _logits(reference, batch))
    if labels is None:
        return ClassAnswers(classes, None, None, kl)
    truth = tensor_labels(labels, "a classifier")
    assert truth is not None
    truth = _check_labels(truth, logits)
    return ClassAnswers(classes, classes == truth, _in_top(logits, truth) & ~broken, kl)


def _logits(outputs: tuple[Tensor, ...], batch: int) -> Tensor:
    logits = outputs[0]
    if logits.dim() != 2 or len(logits) != batch:
        raise DataError(
            "evaluation: the network's first output must be class scores of shape "
            f"(batch, classes), got {tuple(logits.shape)}"
        )
    return logits


def _check_labels(labels: Tensor, logits: Tensor) -> Tensor:
    """One class for each image, shape (batch,)."""
    if labels.shape == logits.shape and logits.shape[1] > 1 and class_rows(labels, 1):
        return labels.argmax(1)
    if labels.numel() != len(logits) or labels.is_floating_point():
        kind = "numbers with decimals" if labels.is_floating_point() else "labels"
        raise DataError(
            "evaluation data: must have the number of a class for each sample, got "
            f"{kind} of shape {tuple(labels.shape)}"
        )
    labels = labels.reshape(-1).long()
    least, most = int(labels.min()), int(labels.max())
    if most >= logits.shape[1] or least < 0:
        raise DataError(
            f"evaluation data: labels must be 0..{logits.shape[1] - 1}, the network's classes, "
            f"got {least if least < 0 else most}"
        )
    return labels


def _in_top(logits: Tensor, labels: Tensor) -> Tensor:
    best = logits.topk(min(TOP, logits.shape[1]), dim=1).indices
    return (best == labels[:, None]).any(1)


@dataclass
class ClassRecord:
    """The record of a classifier.

    Attributes:
        total: Number of images of the evaluation.
        classes: Class answered for each image run so far.
        hits: For each image 1 if the class answered is its label, else 0; None without labels.
        hits5: For each image 1 if its label is among the five most probable classes, else 0.
        kl: KL divergence of each answer from the float network's, nats; None if unknown.
    """

    task: ClassVar[Task] = CLASSIFICATION
    total: int = 0
    classes: list[int] = field(default_factory=list)
    hits: list[int] | None = None
    hits5: list[int] | None = None
    kl: list[float] | None = None

    @property
    def seen(self) -> int:
        """Images run so far."""
        return len(self.classes)

    @property
    def done(self) -> bool:
        """Whether all images were run."""
        return 0 < self.total == self.seen

    def add(self, answers: ClassAnswers) -> None:
        """Add the answers to the next images."""
        self.classes += answers.classes.tolist()
        if answers.kl is not None:
            self.kl = (self.kl or []) + answers.kl.tolist()
        if answers.hits is not None and answers.hits5 is not None:
            self.hits = (self.hits or []) + answers.hits.int().tolist()
            self.hits5 = (self.hits5 or []) + answers.hits5.int().tolist()

    def check(self) -> None:
        """Accept the record: plans can be compared with any classes."""

    def lost(self, reference: ClassRecord, max_drop: float, tests: int) -> bool:
        """Tell whether a plan loses more than is allowed: early stopping as in ``Standing``."""
        seen, total = self.seen, self.total
        right = None if reference.hits is None else sum(reference.hits[seen:])
        hopeful = 0 if right is None else total - seen - right
        standing = Standing(*self._lost_and_won(reference), seen, total, hopeful)
        return must_stop(standing.least_drop(tests), max_drop)

    def _lost_and_won(self, reference: ClassRecord) -> tuple[int, int]:
        """Images that only the float network gets right, and that only this one gets right.

        Without labels the float network is always right.
        """
        if reference.hits is None:
            return self.seen - sum(map(int.__eq__, self.classes, reference.classes)), 0
        pairs = list(zip(self.hits or [], reference.hits, strict=False))
        return pairs.count((0, 1)), pairs.count((1, 0))

    def float_row(self) -> dict[str, Any]:
        """Make the float network's row of ``scores.csv``."""
        seen = self.seen
        return {
            "name": FLOAT,
            "images": seen,
            "top1": None if self.hits is None else sum(self.hits) / seen,
            "top5": None if self.hits5 is None else sum(self.hits5) / seen,
            "agreement": 1.0,
            "kl": 0.0,
            **({} if self.hits is None else _ends(sum(self.hits), self.seen)),
            "drop": 0.0,
        }

    def plan_row(self, plan: Plan, reference: ClassRecord) -> dict[str, Any] | None:
        """Make a plan's row, over the images that it was run on; None if it was run on none.

        ``top1_low`` and ``top1_high`` are the 95 % interval of Wilson (1927) of top-1, or of the
        agreement with the float network where there are no labels.  ``drop`` is the points of
        top-1 lost against the float network on the same images; without labels, the points of
        agreement short of 100.  ``drop_low`` and ``drop_high`` are its paired 95 % interval.
        ``lost`` and ``won`` are the images that only one of the two networks gets right.
        """
        seen = self.seen
        if not seen:
            return None
        same = sum(map(int.__eq__, self.classes, reference.classes))
        counted, full = same, seen
        if self.hits is not None:
            counted, full = sum(self.hits), sum((reference.hits or [])[:seen])
        lost, won = self._lost_and_won(reference)
        low, high = drop_interval(lost, won, seen)
        return {
            "name": plan.name,
            "images": seen,
            "top1": None if self.hits is None else sum(self.hits) / seen,
            "top5": None if self.hits5 is None else sum(self.hits5) / seen,
            "agreement": same / seen,
            "kl": None if self.kl is None else sum(self.kl) / seen,
            **_ends(counted, seen),
            "drop": 100 * (full - counted) / seen,
            "drop_low": low,
            "drop_high": high,
            "lost": lost,
            "won": won,
            "cut_bytes": plan.crossing_bytes,
        }

    def data(self) -> dict[str, Any]:
        """Return the record as plain data, as a file keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Make the record of what ``data`` returned."""
        return cls(**data)


def _ends(counted: int, seen: int) -> dict[str, float]:
    """Wilson's 95 % interval (1927) of a share of images."""
    interval = binomtest(counted, seen).proportion_ci(INTERVAL_CONFIDENCE, method="wilson")
    return {"top1_low": float(interval.low), "top1_high": float(interval.high)}

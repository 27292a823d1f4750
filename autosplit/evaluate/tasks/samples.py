"""Answers as statistics of each sample, of which a task computes its scores.

A statistic is a number or a row of numbers for each sample.  The same statistics of the first
samples, or of all, give the scores; a plan that was stopped early is compared with the float
network on the same samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import binomtest
from torch import Tensor

from autosplit.distortion.divergence import kl_terms
from autosplit.errors import DataError
from autosplit.evaluate.early_stop import MeanStanding, Standing, must_stop
from autosplit.evaluate.paired import INTERVAL_CONFIDENCE, drop_interval
from autosplit.evaluate.task import FLOAT, Task
from autosplit.plan.plan import Plan
from autosplit.search.tolerance import keeps_drop

Statistics = Mapping[str, Tensor]
"""Name of a statistic -> its value for each sample, shape (samples,) or (samples, ...)."""
Answers = Sequence[Tensor]
"""Outputs of a network that are scored, each (samples, ...)."""
IGNORED = -100
"""Label of a token or a pixel that does not count, as in PyTorch's cross-entropy; 255 is the same
in segmentation."""


@dataclass(frozen=True)
class Shares:
    """An accuracy that is a mean over samples.

    Attributes:
        won: What each sample scores, shape (samples,), 0..``most``.
        most: What each sample can score at most, shape (samples,).
    """

    won: npt.NDArray[np.float64]
    most: npt.NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """Share of all that could be scored."""
        whole = float(self.most.sum())
        return float(self.won.sum()) / whole if whole else 0.0

    @property
    def are_hits(self) -> bool:
        """Whether each sample is right or wrong."""
        return bool((self.most == 1).all() and np.isin(self.won, (0, 1)).all())


@dataclass
class SampleRecord(ABC):
    """The record of a task whose answers are statistics of samples.

    Attributes:
        total: Number of samples of the evaluation.
        values: Statistic -> one entry for each sample run so far.
    """

    task: ClassVar[Task]
    total: int = 0
    values: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """Samples run so far."""
        return len(next(iter(self.values.values()), ()))

    @property
    def done(self) -> bool:
        """Whether all samples were run."""
        return 0 < self.total == self.seen

    def add(self, answers: Statistics) -> None:
        """Add the statistics of the next samples."""
        for name, value in answers.items():
            self.values.setdefault(name, []).extend(value.tolist())

    def check(self) -> None:  # noqa: B027 - most tasks accept all
        """Accept the record: plans can be compared with any answers."""

    def first(self, count: int) -> Self:
        """Return the record of the first samples alone."""
        kept = {name: value[:count] for name, value in self.values.items()}
        return type(self)(total=self.total, values=kept)

    def array(self, name: str) -> npt.NDArray[np.float64]:
        """Return a statistic as an array, one row a sample."""
        return np.asarray(self.values[name], np.float64)

    @abstractmethod
    def scores(self) -> dict[str, float | None]:
        """Compute the columns of the task; a column that needs labels is None without them."""

    def shares(self) -> Shares | None:
        """Return the accuracy sample by sample; None where it is no mean over samples."""
        return None

    @property
    def accuracy(self) -> float:
        """Accuracy by the task's metric, or without labels the agreement with float."""
        found = self.scores()
        value = found[self.task.metric]
        return float((found[self.task.agreement] if value is None else value) or 0.0)

    def lost(self, reference: SampleRecord, max_drop: float, tests: int) -> bool:
        """Tell whether a plan loses more than is allowed: early stopping, where there is a bound.

        Without a bound the answer is False until all samples were run.
        """
        if self.done:
            return not keeps_drop(self.drop(reference), max_drop)
        return must_stop(self.least_drop(reference, tests), max_drop)

    def least_drop(self, reference: SampleRecord, tests: int) -> float | None:
        """Bound from below the drop that all samples would show, in points; None without a bound.

        Args:
            reference: The float network's record.
            tests: Number of looks at a plan before the last sample.
        """
        before = reference.shares()
        if before is None:
            return None
        own = self.shares() if self.seen else Shares(np.zeros(0), np.zeros(0))
        if own is None:
            return None
        seen, total = self.seen, self.total
        missed = before.most[seen:] - before.won[seen:]
        lost = before.won[:seen] - own.won
        if before.are_hits and own.are_hits:
            down, up = int((lost > 0).sum()), int((lost < 0).sum())
            return Standing(down, up, seen, total, int(missed.sum())).least_drop(tests)
        most, whole = float(before.most.max()), float(before.most.sum())
        standing = MeanStanding(tuple(lost.tolist()), most, whole, float(missed.sum()), total)
        return standing.least_drop(tests)

    def drop(self, reference: SampleRecord) -> float:
        """Return the points that a plan loses against the float network on the same samples."""
        return 100 * (reference.first(self.seen).accuracy - self.accuracy)

    def float_row(self) -> dict[str, Any]:
        """Make the float network's row of ``scores.csv``."""
        return {
            "name": FLOAT,
            "images": self.seen,
            **self.scores(),
            **self._interval(),
            "drop": 0.0,
        }

    def plan_row(self, plan: Plan, reference: SampleRecord) -> dict[str, Any] | None:
        """Make a plan's row, over the samples that it was run on; None if it was run on none."""
        if not self.seen:
            return None
        return {
            "name": plan.name,
            "images": self.seen,
            **self.scores(),
            **self._interval(),
            "drop": self.drop(reference),
            **self._pairs(reference),
            "cut_bytes": plan.crossing_bytes,
        }

    def _interval(self) -> dict[str, float]:
        """Wilson's 95 % interval (1927) of an accuracy that counts samples, right or wrong."""
        shares = self.shares() if self.task.bounds else None
        if shares is None or not shares.are_hits:
            return {}
        hits = int(shares.won.sum())
        interval = binomtest(hits, self.seen).proportion_ci(INTERVAL_CONFIDENCE, method="wilson")
        ends = (float(interval.low), float(interval.high))
        return dict(zip(self.task.bounds, ends, strict=True))

    def _pairs(self, reference: SampleRecord) -> dict[str, float]:
        """Return samples that only one network gets right, and the 95 % interval of the drop."""
        own = self.shares() if self.task.bounds else None
        before = reference.first(self.seen).shares()
        if own is None or before is None or not (own.are_hits and before.are_hits):
            return {}
        lost = before.won - own.won
        pairs = int((lost > 0).sum()), int((lost < 0).sum())
        ends = drop_interval(*pairs, self.seen)
        columns = (*self.task.drop_bounds, *self.task.pairs)
        return dict(zip(columns, (*ends, *pairs), strict=True))

    def data(self) -> dict[str, Any]:
        """Return the record as plain data, as a file keeps it."""
        return {"total": self.total, "values": self.values}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Make the record of what ``data`` returned.

        Raises:
            ValueError: Statistics are not of equally many samples.
        """
        values = {str(name): list(value) for name, value in data["values"].items()}
        if len({len(value) for value in values.values()}) > 1:
            raise ValueError("statistics must be of equally many samples")
        return cls(total=int(data["total"]), values=values)


def moved(outputs: Answers, reference: Answers) -> dict[str, Tensor]:
    """Compare answers with the float network's: what SQNR and R2 against float are made of.

    Args:
        outputs: Answers of a network, each (samples, ...).
        reference: Answers of the float network.

    Returns:
        ``signal``, ``noise``, ``sum`` and ``count`` of each sample: squares of the float network's
        answers, squared differences, the answers' sum, and how many numbers they have.
    """
    pairs = [
        (own.double().reshape(len(own), -1), ref.double().reshape(len(ref), -1))
        for own, ref in zip(outputs, reference, strict=True)
    ]
    return {
        "signal": torch.stack([ref.square().sum(1) for _, ref in pairs]).sum(0),
        "noise": torch.stack([(own - ref).square().sum(1) for own, ref in pairs]).sum(0),
        "sum": torch.stack([ref.sum(1) for _, ref in pairs]).sum(0),
        "count": torch.stack([torch.full((len(r),), r.shape[1]) for _, r in pairs]).sum(0),
    }


def sqnr_db(record: SampleRecord) -> float | None:
    """Signal to quantization noise ratio of the answers, 10 log10(signal / noise), dB.

    Returns:
        None where there is no noise, as of the float network itself.
    """
    noise, signal = record.array("noise").sum(), record.array("signal").sum()
    return float(10 * np.log10(signal / noise)) if noise > 0 and signal > 0 else None


def r2_vs_float(record: SampleRecord) -> float:
    """R2 of a network's answers, where the float network's answers are the truth.

    1 - sum (y - f)^2 / sum (f - mean f)^2 over all numbers of all answers; 1 where they are equal.
    """
    noise, signal = record.array("noise").sum(), record.array("signal").sum()
    count = record.array("count").sum()
    spread = signal - record.array("sum").sum() ** 2 / count
    if noise == 0:
        return 1.0
    return float(1 - noise / spread) if spread > 0 else 0.0


def kl_per_sample(outputs: Tensor, reference: Tensor) -> Tensor:
    """KL divergence of softmax distributions from the float network's, nats.

    Args:
        outputs: Logits of a network, (samples, ..., classes).
        reference: Logits of the float network.

    Returns:
        The mean over all distributions of a sample, shape (samples,).
    """
    terms = kl_terms(reference.double(), outputs.double())
    kl = terms.nan_to_num(0.0).sum(-1).clamp_min(0)
    return kl.flatten(1).mean(1) if kl.dim() > 1 else kl


def mean_of(values: Iterable[float]) -> float | None:
    """Mean of some numbers; None without any."""
    numbers = list(values)
    return float(np.mean(numbers)) if numbers else None


def tensor_labels(labels: Any, what: str) -> Tensor | None:
    """Labels of a batch as one tensor.

    Raises:
        DataError: They are boxes, several tensors, NaN or infinite.
    """
    if isinstance(labels, Tensor):
        finite = labels.isfinite()
        if not finite.all():
            bad = "NaN" if labels.isnan().any() else "infinity"
            raise DataError(
                f"evaluation data: labels must be finite, got {bad} in "
                f"{int((~finite).sum()):,} of {labels.numel():,}"
            )
    if labels is None or isinstance(labels, Tensor):
        return labels
    kind = "boxes" if isinstance(labels, tuple) else type(labels).__name__
    raise DataError(f"evaluation data: must have one tensor of labels for {what}, has {kind}")
